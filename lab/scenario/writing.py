"""A scenario file as text, from what a program found: the same keys that a person would write, in the same order.

Rule: what is written is read back by whoever writes it; a value that does not survive that is a mistake here, and is told.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH = 4096
"""Columns before a line is folded: a folded URL is hard to read."""

EXPECT = "expect"

SHORT = 100
"""Columns of a mapping or list that stands on one line."""


def written(head: Iterable[str], scenario: Mapping[str, object], remarks: Mapping[str, Sequence[str]]) -> str:
    """The text. `head`: comment lines above; `remarks`: probe -> comment lines at the head of its expectations."""
    whole: Any = _node(dict(scenario))
    for name, lines in remarks.items():
        expect = whole["probes"][name][EXPECT]
        if lines and expect:
            expect.yaml_set_comment_before_after_key(next(iter(expect)), before="\n".join(lines), indent=6)
    text = StringIO()
    yaml = YAML()
    yaml.width, yaml.allow_unicode = WIDTH, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(whole, text)
    return "".join(f"# {line}\n" for line in head) + text.getvalue()


def _node(value: object, key: str = "") -> object:
    if isinstance(value, dict):
        pairs = {name: _node(one, name) for name, one in value.items()}
        return _flowing(CommentedMap(pairs), tuple(pairs.values()), key)
    if isinstance(value, list):
        items = [_node(one) for one in value]
        return _flowing(CommentedSeq(items), tuple(items), key)
    return DoubleQuotedScalarString(value) if isinstance(value, str) and _odd(value) else value


def _flowing(made: CommentedMap | CommentedSeq, inside: tuple[object, ...], key: str) -> object:
    """Small things stand on one line, but for what remarks stand in."""
    nested = any(isinstance(one, CommentedMap | CommentedSeq) for one in inside)
    if key != EXPECT and not nested and len(str(inside)) <= SHORT:
        made.fa.set_flow_style()
    return made


def _odd(text: str) -> bool:
    """Whether a text is better quoted: an address, a number, bytes."""
    return not text.replace("-", "").replace("_", "").replace(" ", "").isalpha()
