"""What the HTML pages share: their frame, their colours, their rule.

Rule: no script, no remote reference, the same bytes for the same values. Everything shown is escaped by the template engine, and a
page forbids itself to load anything. Weak spot: a link to evidence leads to a file; the number of the packet or line in it stands in
the link's words.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>{% block title %}{% endblock %}</title>
<style>
:root { color-scheme: light dark; --line: #8886; --dim: #57606a; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; --wire: #0969da;
  --end: #1a7f3714; --card: #8881 }
@media (prefers-color-scheme: dark) { :root { --dim: #9aa4af; --good: #3fb950; --bad: #ff7b72; --open: #d29922; --wire: #58a6ff;
  --end: #3fb9501f } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem }
p { margin: .4rem 0 } h1 { font-size: 1.45rem; margin: 0 0 .3rem }
code, .mono { font: 13px/1.45 ui-monospace, monospace } a, code, p, td, summary, .box { overflow-wrap: anywhere }
table { border-collapse: collapse } td, th { text-align: left; vertical-align: top } th { font-weight: 600 }
.wide { overflow-x: auto } .dim { color: var(--dim) } a { color: var(--wire) }
summary { cursor: pointer } summary:focus-visible, a:focus-visible, .wide:focus-visible { outline: 2px solid var(--wire); outline-offset: 2px }
@media print { details:not(details details)::details-content { content-visibility: visible; height: auto } .wide { overflow: visible } }
{% include "style" %}
</style>
</head>
<body>
{% block body %}{% endblock %}
</body>
</html>
"""

_CITED = """{% macro cited(where, folder) %}{% if folder and ":" in where -%}
<a href="{{ folder }}/{{ where.rpartition(":")[0] }}">{{ where }}</a>{% else %}{{ where }}{% endif %}{% endmacro %}"""


class _Items(Environment):
    """Where a template says `cell.words`, a dictionary's entry is meant, and a method of dictionaries only where there is no such entry."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)


_QUOTED = re.compile(r"`([^`]+)`")


def _code(text: str) -> Markup:
    """Words in which what stands between two backticks is code."""
    return Markup(_QUOTED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def render(page: str, style: str, **values: Any) -> str:
    """A page out of a template that extends `frame` and may import the macro `cited` from `cited`: a link to a place of evidence.
    `style`: CSS of its own."""
    loader = DictLoader({"frame": _FRAME, "cited": _CITED, "page": page, "style": style})
    environment = _Items(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["code"] = _code
    return environment.get_template("page").render(values)
