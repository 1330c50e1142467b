"""From one tree to the trees of its cases: one for each choice of servers, and for each the twins.

A variant is a merge patch over the case of its server, a twin one over any case. Rule: cases are bounded, for choices multiply.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from lab.scenario.telling import Change
from lab.scenario.tree import Mapping, Scalar, Sequence, at, keys, merged, put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.scenario.tree import Node, Path

MAX_CASES = 200
"""Of one file. The largest of the lab has about a dozen."""


MAX_WORK = 2 << 20
"""Characters times cases; a million takes about five seconds to check."""


def most(text: str) -> int:
    """Number of cases that a file of this size may make."""
    return min(MAX_CASES, max(1, MAX_WORK // len(text)))


@dataclass(frozen=True, slots=True)
class Made:
    """A tree of a case, and what was changed to make it."""

    suffix: str
    """Of the case's id: `.nginx`, `.nginx~passes-through`."""
    tree: Node
    changes: tuple[Change, ...]
    twin: str | None = None


def count(tree: Node) -> int:
    """Number of cases of a file."""
    return prod(len(choice) for choice in axes(tree).values()) * (1 + len(keys(tree, ("twins",))))


def axes(tree: Node) -> dict[Path, tuple[Scalar, ...]]:
    """Place of a server that is a choice -> the servers."""
    found: dict[Path, tuple[Scalar, ...]] = {}
    for name in keys(tree, ("containers",)):
        choice = at(tree, ("containers", name, "server", "each"))
        if isinstance(choice, Sequence):
            found["containers", name, "server"] = tuple(one for one in choice.items if isinstance(one, Scalar))
    return found


def chosen(tree: Node) -> Iterator[Made]:
    """One tree for each choice of servers, its variants applied."""
    places = axes(tree)
    for choice in product(*places.values()):
        made, changes = tree, []
        for place, server in zip(places, choice, strict=True):
            made = put(made, place, server)
        for name in dict.fromkeys(str(server.value) for server in choice):
            path: Path = ("variants", name)
            if patch := at(tree, path):
                made = merged(made, patch)
                changes.append(Change(path, path, f"variant {name}"))
        suffix = "+".join(str(server.value) for server in choice)
        yield Made(f".{suffix}" if suffix else "", made, tuple(changes))


def twins(made: Made) -> Iterator[Made]:
    """The twins of a case."""
    for name in keys(made.tree, ("twins",)):
        path: Path = ("twins", name, "change")
        patch = at(made.tree, path)
        if isinstance(patch, Mapping):
            change = Change(path, path[:-1], f"twin {name}")
            yield Made(f"{made.suffix}~{name}", merged(made.tree, patch), (*made.changes, change), name)
