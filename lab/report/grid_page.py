"""The grid as one HTML page: each cell opens its evidence, with links into the folder of the run.

Rule: no script, no remote reference, everything shown is escaped. Weak spot: a link leads to a file; the number of the packet or line
in it stands beside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import DictLoader, Environment, StrictUndefined

from lab.report.grid import LEGEND, SIGNS, by_topic

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGN = {str(mark): sign for mark, sign in SIGNS.items()}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>The grid of receipt</title>
<style>
:root { color-scheme: light dark; --line: #8886; --dim: #57606a; --bad: #cf222e; --open: #9a6700; --quirk: #0969da }
@media (prefers-color-scheme: dark) { :root { --dim: #9aa4af; --bad: #ff7b72; --open: #d29922; --quirk: #58a6ff } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; } h1 { font-size: 1.45rem } h2 { font-size: 1.1rem }
table { border-collapse: collapse; margin: .6rem 0 1.6rem; display: block; overflow-x: auto }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border: 1px solid var(--line); min-width: 8rem }
code, .mono { font: 12.5px/1.4 ui-monospace, monospace; overflow-wrap: anywhere } .dim { color: var(--dim) }
.finding { color: var(--bad) } .open, .run { color: var(--open) } .quirk { color: var(--quirk) }
summary { cursor: pointer } summary:focus-visible, a:focus-visible { outline: 2px solid var(--quirk); outline-offset: 2px }
</style>
</head>
<body>
<h1>What each server makes of the same requests</h1>
<p class="dim">{{ legend }}</p>
<p class="dim">Kernel {{ grid.kernel }}, engine {{ grid.engine }}, {{ "%.0f" | format(grid.seconds) }} s</p>
<table><thead><tr><th scope="col">server</th><th scope="col">version</th><th scope="col">stands</th><th scope="col">peak of memory</th></tr></thead><tbody>
{% for row in grid.servers %}<tr><th scope="row">{{ row.server }}</th><td>{{ row.version }}</td><td>{{ row.stands }}{% if row.error %}
<span class="finding">{{ row.error }}</span>{% endif %}</td>
<td>{% for name, size in row.peak_mb.items() %}{{ name }} {{ "%.0f" | format(size) }} MB{{ "" if loop.last else ", " }}{% endfor %}</td></tr>
{% endfor %}</tbody></table>
{% for topic, asks in topics %}
<h2>{{ topic }}</h2>
<table><thead><tr><th scope="col">server</th>{% for ask in asks %}<th scope="col">{{ ask.title }}<br><span class="dim">{{ ask.sends }}; due: {{ ask.due or "the server's choice" }} ({{ ask.source }})</span></th>{% endfor %}</tr></thead><tbody>
{% for row in grid.servers %}<tr><th scope="row">{{ row.server }}</th>
{% for ask in asks %}{% set cell = row.cells.get(ask.id) %}<td>{% if cell %}<details><summary class="{{ cell.mark.split() | last }}">{{ cell.words }}
{%- if cell.mark in signs %} <b>{{ cell.mark }}</b>{% endif %}</summary>
{% if cell.why %}<p>{{ cell.why }}{% if cell.source %} <span class="dim">{{ cell.source }}</span>{% endif %}</p>{% endif %}
<p class="mono">{% for one in cell.evidence %}<a href="{{ cell.folder }}/{{ one.where.rpartition(':')[0] }}">{{ one.where }}</a> <span class="dim">{{ one.witness }}: {{ one.says }}</span><br>
{% endfor %}</p></details>{% else %}not run{% endif %}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
{% endfor %}
</body>
</html>
"""


class _Items(Environment):
    """Where a template says `cell.words`, a dictionary's entry is meant, unless it is a method of dictionaries that is called."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)


def page(document: Mapping[str, Any]) -> str:
    """The page beside the evidence; its links are relative to the grid's folder."""
    environment = _Items(loader=DictLoader({"page": _PAGE}), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page").render(grid=document, topics=list(by_topic()), legend=LEGEND, signs=_SIGN)
