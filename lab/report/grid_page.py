"""The grid as one HTML page: each cell opens its evidence, with links into the folder of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.report.frame import render
from lab.report.grid import MEANING, by_topic

if TYPE_CHECKING:
    from collections.abc import Mapping

_MEANING = {str(mark): words for mark, words in MEANING.items()}

_STYLE = """
h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem } .wide { margin: .6rem 0 }
th, td { padding: .3rem .6rem; border: 1px solid var(--line); min-width: 8rem } th:first-child { min-width: 5rem }
th .dim { display: block; font-weight: normal }
tbody th { position: sticky; left: 0; background: Canvas }
.finding { color: var(--bad) } .known, .run { color: var(--open) } .quirk { color: var(--wire) }
"""

_PAGE = """{% extends "frame" %}{% from "cited" import cited %}
{% block title %}The grid of receipt{% endblock %}
{% block body %}
<h1>What each server makes of the same requests</h1>
<p class="dim">{% for mark, words in meaning.items() %}{% if not loop.first %} · {% endif %}<b class="{{ mark.split() | last }}">{{ mark }}</b>, {{ words }}{% endfor %}</p>
<p class="dim">Kernel {{ grid.kernel }}, engine {{ grid.engine }}, {{ "%.0f" | format(grid.seconds) }} s</p>
<div class="wide" role="region" tabindex="0" aria-label="servers"><table><thead><tr><th scope="col">server</th><th scope="col">version</th><th scope="col">stands</th><th scope="col">peak of memory</th></tr></thead><tbody>
{% for row in grid.servers %}<tr><th scope="row">{{ row.server }}</th><td>{{ row.version }}</td><td>{{ row.stands | code }}{% if row.error %}
<span class="finding">{{ row.error }}</span>{% endif %}</td>
<td>{% for name, size in row.peak_mb.items() %}{{ name }} {{ "%.0f" | format(size) }} MB{{ "" if loop.last else ", " }}{% endfor %}</td></tr>
{% endfor %}</tbody></table></div>
{% for topic, asks in topics %}
<h2>{{ topic }}</h2>
<div class="wide" role="region" tabindex="0" aria-label="{{ topic }}"><table><thead><tr><th scope="col">server</th>{% for ask in asks %}<th scope="col">{{ ask.title }}<span class="dim">{{ ask.sends | code }}; due: {{ (ask.due or "the server's choice") | code }} ({{ ask.source }})</span></th>{% endfor %}</tr></thead><tbody>
{% for row in grid.servers %}<tr><th scope="row">{{ row.server }}</th>
{% for ask in asks %}{% set cell = row.cells.get(ask.id) %}<td>{% if cell %}<details><summary class="{{ cell.mark.split() | last }}">{{ cell.words }}
{%- if cell.mark in meaning %} <b>{{ cell.mark }}</b>{% endif %}</summary>
{% if cell.why %}<p>{{ cell.why | code }}{% if cell.source %} <span class="dim">{{ cell.source }}</span>{% endif %}</p>{% endif %}
<p class="mono">{% for one in cell.evidence %}{{ cited(one.where, cell.folder) }} <span class="dim">{{ one.witness }}: {{ one.says }}</span><br>
{% endfor %}</p></details>{% else %}not run{% endif %}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% endfor %}
{% endblock %}
"""


def page(document: Mapping[str, Any]) -> str:
    """The page beside the evidence; its links are relative to the grid's folder."""
    return render(_PAGE, _STYLE, grid=document, topics=list(by_topic()), meaning=_MEANING)
