"""What the YAML library says of broken YAML, in plain sentences.

Rule: a table from the library's words to ours. What the table does not know is told in the library's own words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.scenario.problems import Told

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

_QUOTE = 'write it in quotes: "..."'
_INDENT = "mend the indentation"
_TAKE_AWAY = "take it away"

_SAYS: tuple[tuple[str, str, str], ...] = (
    (r"'\\t' that cannot start", "a tab cannot indent in YAML", "use blanks"),
    (r"'([@`%])' that cannot start", "text cannot begin with `{0}` unless it is quoted", _QUOTE),
    (
        r"mapping values are not allowed here",
        "a `:` with a blank after it begins a value, and none can begin here",
        "put text that has `: ` in it into quotes, or mend the indentation",
    ),
    (r"expected ',' or '(.)', but got '<stream end>'", "the file ends before the closing `{0}`", "close what is open"),
    (
        r"expected ',' or '(.)', but got",
        "a `,` or the closing `{0}` is missing before this",
        "text with brackets, braces or `: ` in it goes into quotes",
    ),
    (r"unexpected end of stream", "the file ends inside quotes", "close the quotes"),
    (r"unexpected document separator", "a line `---` stands inside quotes", "close the quotes before it"),
    (r"unknown escape character '(.*)'", "there is no escape `\\{0}` in double quotes", "write \\\\ for one backslash"),
    (r"expected escape sequence of (\d+)", "an escape of {0} hexadecimal digits is cut short", 'as in "\\x0d"'),
    (r"expected <block end>, but found '-'", "a list item stands where the mapping goes on", _INDENT),
    (r"expected <block end>", "this line belongs to nothing above it", _INDENT),
    (r"sequence entries are not allowed here", "a list item cannot begin here", "begin a line of its own with `-`"),
    (r"could not find expected ':'", "a `:` is missing after this key", "write `key: value`"),
    (r"expected the node content", "a value is missing before this", "close or complete what is open"),
    (r"chomping or indentation indicators", "after `|` or `>` the line must end", "put the text on the lines below, indented"),
    (r"expected '<document start>'", "something stands after the end of the document", "put it into the document"),
    (r"incompatible YAML document", "scenarios are YAML 1.2", "take the %YAML line away"),
    (r"undefined tag handle", "tags are refused: a scenario is text, numbers, lists and mappings", _TAKE_AWAY),
    (
        r"expected alphabetic or numeric character",
        "`&` and `*` begin anchors and aliases, which are refused",
        "put text that begins with one into quotes",
    ),
    (r"unexpected ':'", "a `:` inside brackets or braces must be quoted", _QUOTE),
)
"""The library's words (a pattern), ours (with what the pattern caught), the next move."""


def explained(error: MarkedYAMLError, text: str, place: int) -> Told:
    """What is wrong, and the next move. `place`: where in the text the library stopped."""
    problem = str(error.problem or error.context or "")
    for pattern, says, move in _SAYS:
        if found := re.search(pattern, problem):
            return Told(says.format(*found.groups()), intention=_template(text, place) or move)
    return Told(f"this is not YAML: {problem or 'the library cannot say why'}", intention=_template(text, place))


def _template(text: str, place: int) -> str:
    start = text.rfind("\n", 0, place) + 1
    if re.search(r"\{\{|\$\{|\{%|%\{", text[start : place + 2]):
        return "nothing in a scenario is a template: write the value itself, or put text with braces into quotes"
    return ""
