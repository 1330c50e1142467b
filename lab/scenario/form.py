"""Whether a tree has the form of a scenario: keys, types, patterns, bounds.

The validator finds all mistakes of form at once, but in its own words and with one line for each alternative of a choice.
Here each becomes one mistake at one place. What is wrong is then taken out, so that the rest can still be read for meaning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lab.model.scenario import Scenario
from lab.scenario import shapes
from lab.scenario.tree import Scalar, Span, at, children, is_null, plain, put, without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.scenario.tree import Node, Path

ROUNDS = 12
"""Each takes out what the last left wrong (a value, then the mapping that needed it, and so on); the format is 14 deep."""

MANY = 100
"""Mistakes of form after which the rest is not read for meaning."""

UNKNOWN, MISSING, KEY, VALUE = "unknown-key", "missing-key", "key", "value"


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake of form. Its words are made when it is told."""

    rule: str
    path: Path


@dataclass(frozen=True, slots=True)
class Formed:
    """What a tree holds, as far as its form allows."""

    tree: Node
    """Without what is wrong."""
    scenario: Scenario | None
    """None: nothing sensible is left."""
    faults: tuple[Fault, ...]
    removed: tuple[Path, ...]


def form(tree: Node) -> Formed:
    """Validate a tree: the scenario, and every mistake of form."""
    first: tuple[Fault, ...] | None = None
    removed: list[Path] = []
    for _ in range(ROUNDS):
        scenario, faults = _validated(tree)
        first = faults if first is None else first
        if scenario is not None:
            return Formed(tree, scenario, first, tuple(removed))
        if len(faults) > MANY:
            break
        for fault in sorted(faults, key=lambda one: _order(one.path), reverse=True):
            tree, gone = _mended(tree, fault)
            removed.append(gone)
    return Formed(tree, None, first or (), tuple(removed))


def _validated(tree: Node) -> tuple[Scenario | None, tuple[Fault, ...]]:
    empty = tuple(_empty(tree))
    try:
        scenario = Scenario.model_validate_json(json.dumps(plain(tree)))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        meant = [one for one in found if _meant(tree, one["loc"])] or found  # never none: an error is told, in whatever place
        return None, tuple(dict.fromkeys((*empty, *(_fault(tree, one) for one in meant))))
    return (None, empty) if empty else (scenario, ())


def _empty(node: Node, path: Path = ()) -> Iterator[Fault]:
    """Keys without a value: a thing that is not wanted is left out. In patches a null has a meaning (RFC 7396)."""
    for step, child in children(node):
        below = (*path, step)
        if is_null(child):
            yield Fault(VALUE, below)
        elif below[0] != "variants" and not (below[0] == "twins" and below[2:] == ("change",)):
            yield from _empty(child, below)


_RULES = {"extra_forbidden": UNKNOWN, "missing": MISSING}


def _fault(tree: Node, error: Any) -> Fault:
    path, _ = _walked(tree, error["loc"])
    if path and path[-1] == "[key]":
        return Fault(KEY, path[:-1])
    return Fault(_RULES.get(error["type"], VALUE), path)


def _meant(tree: Node, loc: Path) -> bool:
    """Whether the error belongs to the alternative that has the kind of what stands there."""
    _, labels = _walked(tree, loc)
    return all(labels)


def _walked(tree: Node, loc: Path) -> tuple[Path, tuple[bool, ...]]:
    """The validator's place as a path, and for each choice on the way whether the alternative was the fitting one.

    After the place of a choice the validator names the alternative it tried.
    """
    path: Path = ()
    fitting: list[bool] = []
    found = shapes.alternatives(shapes.whole())
    rest = list(loc)
    while True:
        node = at(tree, path)
        if len(found) > 1 and rest and rest != ["[key]"]:
            fitting.append(_fits(found, str(rest.pop(0)), node))
        if not rest:
            return path, tuple(fitting)
        path = (*path, rest.pop(0))
        found = shapes.shapes_at(tree, path)


def _fits(found: tuple[shapes.Shape, ...], label: str, node: Node | None) -> bool:
    """Whether the alternative with this label has the kind of what stands there; if none has, the first speaks for all."""
    if node is None:
        return False
    fitting = [shape for shape in found if shapes.fits(shape, node)]
    return _labelled(label) in [_kind(shape) for shape in fitting] if fitting else _labelled(label) == _kind(found[0])


_LABELS = {
    "tuple": "array",
    "dict": "object",
    "literal": "string",
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
}


def _labelled(label: str) -> str:
    """The kind of an alternative by the validator's name for it: `tuple[...]`, `dict[...]`, `constrained-int`, a class."""
    return _LABELS.get(label.partition("[")[0].removeprefix("constrained-"), "object")


def _kind(shape: shapes.Shape) -> str:
    return str(shape.get("type", "string"))


def _mended(tree: Node, fault: Fault) -> tuple[Node, Path]:
    """The tree without the mistake, and what was taken out. Of the root nothing can be: it gets what it lacks."""
    if fault.rule != MISSING:
        return without(tree, fault.path), fault.path
    if len(fault.path) == 1:
        return put(tree, fault.path, Scalar("x", "x", Span(0, 0, 1, 1))), fault.path
    return without(tree, fault.path[:-1]), fault.path[:-1]


def _order(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Paths in an order in which items of one list stand by their number."""
    return tuple((0, step, "") if isinstance(step, int) else (1, 0, step) for step in path)
