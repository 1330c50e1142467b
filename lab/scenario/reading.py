"""From bytes to a tree: YAML 1.2, as much of it as a scenario needs, and nothing that could hurt.

Rule: nothing is built before it is bounded. Events are taken from the YAML library one by one; anchors, aliases and tags
are refused before anything is made of them, and size and depth end the reading at once. Scalars have the types of the core
schema (YAML 1.2.2, section 10.3.2): `yes` is text, `true` is not. Weak spot: after a fault of YAML itself nothing can be
read, so that one is told alone.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from lab.scenario.faults import explained
from lab.scenario.page import Page, page
from lab.scenario.problems import Problem, ScenarioError, Told, short
from lab.scenario.tree import Entry, Mapping, Node, Scalar, Sequence, Span, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 128 * 1024
"""Twenty times the largest scenario of the lab; it is read in less than a second."""

MAX_DEPTH = 32
"""The format itself goes 14 deep. Without a bound 20,000 brackets take minutes."""

_HIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML does not allow (YAML 1.2.2, section 5.1), and U+0085, U+2028, U+2029, which some editors show as line breaks."""


def _too_large(file: str) -> Problem:
    told = f"the file has more than {MAX_BYTES // 1024} KiB; make several scenarios of it"
    return Problem(file, 1, 1, told, rule="size")


def decode(data: bytes, file: str) -> str:
    """A file's bytes as text. Raises `ScenarioError` if it is too large, or not UTF-8."""
    if len(data) > MAX_BYTES:
        raise ScenarioError((_too_large(file),))
    for name, mark in (("UTF-16", b"\xff\xfe"), ("UTF-16", b"\xfe\xff")):
        if data.startswith(mark):
            raise ScenarioError((Problem(file, 1, 1, f"the file is {name}; save it as UTF-8", rule="encoding"),))
    try:
        return data.decode("utf-8").removeprefix("\ufeff")  # the byte order mark that some editors write
    except UnicodeDecodeError as error:
        whole, end = page(file, data.decode("utf-8", "replace")), len(data[: error.start].decode("utf-8"))
        told = Told(f"byte 0x{data[error.start]:02x} is not UTF-8 here", intention="save the file as UTF-8")
        raise ScenarioError((whole.problem(whole.span(end, end), told, "encoding"),)) from error


@lru_cache(maxsize=8)
def read(text: str, file: str) -> tuple[Page, Mapping]:
    """A file's text as lines and as a tree. Raises `ScenarioError`."""
    whole = page(file, text)
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ScenarioError((_too_large(file),))
    reader = _Reader(whole)
    root = reader.root() if not reader.hidden() else None
    if root is None or reader.problems:
        raise ScenarioError(tuple(sorted(reader.problems, key=lambda problem: (problem.line, problem.column))))
    return whole, root


_ESCAPE = 'write it as an escape in double quotes, such as "\\x07"'
_BEGIN = "begin with `id:` and `title:`"
_ONE = "put each scenario into a file of its own"
_BRACES = "`{{` begins two mappings in YAML; nothing in a scenario is a template: write the value itself"
_ALIAS = Told("aliases are refused: a few of them can stand for millions of values", intention="write the value out")
_SURROGATE = Told("half a surrogate pair is no character", intention="write the character itself")


class _Stop(Exception):  # noqa: N818 - not an error by itself: what is wrong was noted
    """Nothing more can be read."""


class _Reader:
    """Builds the tree from events and notes what is wrong."""

    def __init__(self, whole: Page) -> None:
        self.page = whole
        self.problems: list[Problem] = []
        self.last = whole.span(0, 0)
        self.quoted = False
        """Whether `last` is text in quotes."""
        self.events = self._events()

    def hidden(self) -> bool:
        """Note characters that do not belong in a text file, and say whether there are any."""
        for found in _HIDDEN.finditer(self.page.text):
            told = Told(f"the control character U+{ord(found[0]):04X} may not stand in a file", intention=_ESCAPE)
            self.note(self.page.span(*found.span()), told, "characters")
        return bool(self.problems)

    def root(self) -> Mapping | None:
        """The only document; None if there is something wrong that ends the reading."""
        try:
            return self._root()
        except _Stop:
            return None

    def note(self, span: Span, told: Told, rule: str = "yaml") -> None:
        self.problems.append(self.page.problem(span, told, rule))

    def _root(self) -> Mapping | None:
        first = next(self.events, None)
        if first is None:
            self.note(self.page.span(0, 0), Told("the file is empty", intention=_BEGIN), "empty")
            return None
        node = self._node(first, 1)
        second = next(self.events, None)
        if second is not None:
            self.note(self._mark(second), Told("a second document begins here", intention=_ONE), "documents")
        if not isinstance(node, Mapping):
            self.note(node.span, Told("a scenario is a mapping", intention=_BEGIN), "root")
            return None
        return node

    def _events(self) -> Iterator[Any]:
        """Events that carry content. A fault of YAML itself ends them."""
        source = YAML(typ="safe", pure=True).parse(self.page.text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while True:
                try:
                    event = next(source, None)
                except MarkedYAMLError as error:
                    self._fault(error)
                except Exception as error:  # the library's own crash on odd input is the file's mistake too
                    self.note(self.last, Told(f"this cannot be read as YAML ({type(error).__name__})"))
                    raise _Stop from error
                if event is None:
                    return
                self.last, self.quoted = self._mark(event), getattr(event, "style", None) in ("'", '"')
                if isinstance(event, (ScalarEvent, AliasEvent, SequenceStartEvent, MappingStartEvent)) or _ends(event):
                    yield event
                elif isinstance(event, DocumentStartEvent):
                    self._directives(event)

    def _directives(self, event: Any) -> None:
        if event.version and tuple(event.version) != (1, 2):
            self.note(self._mark(event), Told("scenarios are YAML 1.2", intention="take the %YAML line away"))

    def _fault(self, error: MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        place = min(mark.index, len(self.page.text)) if mark else 0
        told = explained(error, self.page.text, place)
        if self.quoted and "\n" in self.page.text[self.last.start : self.last.end]:
            told = replace(told, intention=f"the quotes that open on line {self.last.line} close just before this")
        self.note(self.page.span(place, min(place + 1, len(self.page.text))), told)
        raise _Stop from error

    def _mark(self, event: Any) -> Span:
        return self.page.span(event.start_mark.index, event.end_mark.index)

    def _node(self, event: Any, depth: int) -> Node:
        span = self._mark(event)
        if isinstance(event, AliasEvent):
            self._once(span, _ALIAS, "alias")
            return Scalar(None, "", span)
        self._plain_only(event, span)
        if isinstance(event, ScalarEvent):
            return self._scalar(event, span)
        if depth > MAX_DEPTH:
            self.note(span, Told(f"values are nested more than {MAX_DEPTH} deep here"), "depth")
            raise _Stop
        return self._sequence(event, depth) if isinstance(event, SequenceStartEvent) else self._mapping(event, depth)

    def _plain_only(self, event: Any, span: Span) -> None:
        if event.anchor:
            told = Told(f"the anchor `&{event.anchor}` is refused, for there are no aliases", intention="take it away")
            self._once(span, told, "anchor")
        if tag := str(event.ctag or ""):
            told = Told(f"the tag `{tag}` is refused", "text, numbers, true and false, lists, mappings", "take it away")
            self.note(span, told, "tag")

    def _once(self, span: Span, told: Told, rule: str) -> None:
        """Of what comes in hundreds the first is enough."""
        if all(problem.rule != rule for problem in self.problems):
            self.note(span, told, rule)

    def _scalar(self, event: Any, span: Span) -> Scalar:
        text: str = event.value
        if any("\ud800" <= char <= "\udfff" for char in text):
            self.note(span, _SURROGATE, "characters")
            return Scalar(None, "", span)
        return Scalar(core(text) if event.style is None else text, text, span)

    def _sequence(self, event: Any, depth: int) -> Sequence:
        items: list[Node] = []
        start = self._mark(event)
        for one in self.events:
            if isinstance(one, SequenceEndEvent):
                return Sequence(tuple(items), self._whole(start, one), bool(event.flow_style))
            items.append(self._node(one, depth + 1))
        raise _Stop

    def _mapping(self, event: Any, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        start = self._mark(event)
        for one in self.events:
            if isinstance(one, MappingEndEvent):
                return Mapping(entries, self._whole(start, one), bool(event.flow_style))
            self._entry(entries, one, depth)
        raise _Stop

    def _entry(self, entries: dict[str, Entry], event: Any, depth: int) -> None:
        key = self._node(event, depth + 1)
        value = self._node(next(self.events), depth + 1)
        if not isinstance(key, Scalar):
            self._no_key(key)
        elif key.text in entries:
            first = entries[key.text].key.line
            told = Told(f"the key `{short(key.text)}` stands twice, first on line {first}", intention="keep one of them")
            self.note(key.span, told, "duplicate")
        else:
            entries[key.text] = Entry(key.span, value)

    def _no_key(self, key: Node) -> None:
        braces = self.page.text.startswith("{{", key.span.start) or self.page.text.endswith("{", 0, key.span.start)
        self.note(key.span, Told("a key is text, not a list or a mapping", intention=_BRACES if braces else ""), "key")

    def _whole(self, start: Span, end: Any) -> Span:
        return Span(start.start, end.end_mark.index, start.line, start.column)


def _ends(event: Any) -> bool:
    return isinstance(event, (SequenceEndEvent, MappingEndEvent))


_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LONGEST = 18
"""Characters of a number; what is longer fits no field and stays text."""


def core(text: str) -> Value:
    """A plain scalar's value by the core schema; infinities and what is not a number stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST:
        return text
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
