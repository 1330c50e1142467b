"""A file as a tree of values that know where they stand.

Rule: trees are frozen; a change makes a new tree that shares what is untouched, so that every value keeps the place where
it was written, also after a twin's change or a choice of server. Weak spot: a mapping that two places had a part in keeps
the place of the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
Value = str | int | float | bool | None

ANY = "*"
"""In a pattern: every key of a mapping, every item of a list."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands in the text."""

    start: int
    """Characters before it."""
    end: int
    line: int
    """From 1."""
    column: int
    """From 1."""

    def within(self, other: Span) -> bool:
        """Whether it lies inside another."""
        return other.start <= self.start and self.end <= other.end


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    value: Value
    text: str
    """As it was written, without quotes."""
    span: Span


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    span: Span
    flow: bool
    """Written in brackets."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values, in the order of the file."""

    entries: dict[str, Entry]
    """Never changed."""
    span: Span
    flow: bool
    """Written in braces."""


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place and its value."""

    key: Span
    value: Node


def plain(node: Node) -> object:
    """The value without places: dictionaries, lists, and what JSON knows."""
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def at(node: Node, path: Path) -> Node | None:
    """What stands at a path; None: nothing."""
    for step in path:
        found = _child(node, step)
        if found is None:
            return None
        node = found
    return node


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node, Mapping) and step in node.entries:
        return node.entries[str(step)].value
    if isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


def keys(node: Node, path: Path) -> tuple[str, ...]:
    """Keys of the mapping at a path; none if there is no mapping."""
    found = at(node, path)
    return tuple(found.entries) if isinstance(found, Mapping) else ()


def below(path: Path, node: Node, step: str | int) -> Iterator[tuple[Path, Node]]:
    """What stands at one step of a pattern below a node, in the order of the file."""
    if step == ANY:
        yield from (((*path, key), child) for key, child in children(node))
    elif (child := _child(node, step)) is not None:
        yield (*path, step), child


def children(node: Node) -> Iterator[tuple[str | int, Node]]:
    """What stands directly below a node."""
    if isinstance(node, Mapping):
        yield from ((key, entry.value) for key, entry in node.entries.items())
    if isinstance(node, Sequence):
        yield from enumerate(node.items)


def every(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """The node and all below it."""
    yield path, node
    for step, child in children(node):
        yield from every(child, (*path, step))


def span_of(root: Node, path: Path, *, key: bool = False) -> Span:
    """Where a path is best pointed at: its value; its key, if asked for or if the value goes on for lines.

    Of a path that is not there, the nearest thing above it.
    """
    while path and at(root, path) is None:
        path, key = path[:-1], True
    if not path:
        return replace(root.span, end=root.span.start)
    parent, node = at(root, path[:-1]), at(root, path)
    assert node is not None  # noqa: S101 - for the type checker
    if isinstance(parent, Mapping) and (key or not (isinstance(node, Scalar) or node.flow) or node.span.end == node.span.start):
        return parent.entries[str(path[-1])].key
    return node.span


def merged(target: Node | None, patch: Node) -> Node:
    """A JSON merge patch (RFC 7396, section 2)."""
    if not isinstance(patch, Mapping):
        return patch
    entries = dict(target.entries) if isinstance(target, Mapping) else {}
    for key, entry in patch.entries.items():
        old = entries.pop(key, None) if is_null(entry.value) else entries.get(key)
        if not is_null(entry.value):
            value = merged(old.value if old else None, entry.value)
            entries[key] = Entry(old.key if old and isinstance(old.value, Mapping) else entry.key, value)
    return Mapping(entries, *((target.span, target.flow) if isinstance(target, Mapping) else (patch.span, patch.flow)))


def is_null(node: Node) -> bool:
    """Whether it is YAML's null."""
    return isinstance(node, Scalar) and node.value is None


def without(node: Node, path: Path) -> Node:
    """The tree with nothing at a path."""
    step, rest = path[0], path[1:]
    child = _child(node, step)
    if child is None:
        return node
    if rest:
        return put(node, (step,), without(child, rest))
    if isinstance(node, Mapping):
        return replace(node, entries={key: entry for key, entry in node.entries.items() if key != step})
    assert isinstance(node, Sequence)  # noqa: S101 - for the type checker
    return replace(node, items=tuple(item for place, item in enumerate(node.items) if place != step))


def put(node: Node, path: Path, value: Node) -> Node:
    """The tree with another value at a path, whose parent is there."""
    if not path:
        return value
    step = path[0]
    child = _child(node, step)
    new = put(child, path[1:], value) if child is not None else value
    if isinstance(node, Mapping):
        old = node.entries.get(str(step))
        return replace(node, entries=node.entries | {str(step): Entry(old.key if old else value.span, new)})
    assert isinstance(node, Sequence)  # noqa: S101 - for the type checker
    return replace(node, items=tuple(new if place == step else item for place, item in enumerate(node.items)))


def words(path: Path) -> str:
    """A path as a person writes it: `containers.proxy.listen[0]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "the file"
