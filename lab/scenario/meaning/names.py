"""Every place that names something which another place must define.

Rule: a place is a row of a table. What a twin takes away may still be expected by the scenario, for that the expectation
then fails may be what the twin shows; so expectations may also name what the unchanged scenario has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.model.arrangement import CLIENT, network_names
from lab.scenario.meaning.view import HOST, Finding, Rule, View
from lab.scenario.problems import Told
from lab.scenario.tree import ANY, Scalar
from lab.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.scenario.tree import Node, Path

NOBODY = "nobody"
KERNEL = "kernel of "


@dataclass(frozen=True, slots=True)
class Reference:
    """Places of one kind, and what they may name."""

    places: tuple[Path, ...]
    what: str
    section: str
    """Where such things are defined."""
    known: Callable[[View], tuple[str, ...]]
    also: tuple[str, ...] = ()
    """Words with a meaning of their own."""
    expected: bool = False
    """It is part of an expectation."""


def _networks(view: View) -> tuple[str, ...]:
    return network_names(view.scenario)


def _namespaces(view: View) -> tuple[str, ...]:
    return view.namespaces


def _containers(view: View) -> tuple[str, ...]:
    return view.containers


def _kernels(view: View) -> tuple[str, ...]:
    return (*view.containers, *(f"{KERNEL}{name}" for name in (*view.namespaces, CLIENT, HOST)))


def _expect(*path: str) -> tuple[Path, ...]:
    """A place of an expectation: of a probe, and of a moment within it."""
    return ("probes", ANY, "expect", *path), ("probes", ANY, "steps", ANY, "expect", *path)


def _step(*words: str) -> tuple[Path, ...]:
    return tuple(
        place
        for word in words
        for place in (("probes", ANY, "steps", ANY, word), ("probes", ANY, "steps", ANY, word, "container"))
    )


REFERENCES: tuple[Reference, ...] = (
    Reference((("namespaces", ANY, "networks", ANY),), "network", "networks", _networks),
    Reference((("containers", ANY, "namespace"),), "namespace", "namespaces", _namespaces),
    Reference((("probes", ANY, "from"),), "namespace", "namespaces", _namespaces, (CLIENT, HOST)),
    Reference((("probes", ANY, "steps", ANY, "link", "into"),), "namespace", "namespaces", _namespaces, (CLIENT,)),
    Reference(_step("freeze", "thaw", "kill", "pause", "unpause"), "container", "containers", _containers),
    Reference(
        (*_expect("route", ANY), *_expect("route", ANY, "to")),
        "container",
        "containers",
        _containers,
        (HOST, NOBODY),
        expected=True,
    ),
    Reference(_expect("answered_by"), "container", "containers", _containers, (NOBODY,), expected=True),
    Reference(_expect("receiver"), "container", "containers", _containers, (HOST, NOBODY), expected=True),
    Reference(_expect("tls_ends_at", ANY), "container", "containers", _containers, expected=True),
    Reference(_expect("certificate"), "container", "containers", _containers, ("none",), expected=True),
    Reference(_expect("route", ANY, "sent_by"), "container", "containers", _containers, (CLIENT, HOST), expected=True),
    Reference(_expect("route", ANY, "shows"), "container", "containers", _containers, (CLIENT, "none"), expected=True),
    Reference(_expect("stopped_by"), "component", "containers", _kernels, (CLIENT, NOBODY), expected=True),
    Reference((("listening", ANY),), "container", "containers", _containers, expected=True),
)
"""Every place that names a network, a namespace or a container; in a mapping whose keys are the names, the keys."""

KEYED = (("namespaces", ANY, "networks", ANY), ("listening", ANY))
"""Places whose name is the key, whatever the value."""


def _undefined(view: View) -> Iterator[Finding]:
    for row in REFERENCES:
        known = (*row.known(view), *(row.known(view.base) if view.base and row.expected else ()))
        defined = {*known, *row.also}
        for path, node, keyed in _named(view, row):
            name = str(path[-1]) if keyed else _text(node)
            if name is not None and name not in defined:
                yield Finding(path, _told(row, name, known, view), key=keyed)


def _named(view: View, row: Reference) -> Iterator[tuple[Path, Node, bool]]:
    """Each place of a row that is there, and whether its name is the key."""
    for place in row.places:
        for path, node in view.matches(place):
            yield path, node, place in KEYED and isinstance(path[-1], str)


def _text(node: Node) -> str | None:
    """The name at a place; None where there is not a name but a mapping with the name in it."""
    return str(node.value) if isinstance(node, Scalar) and node.value is not None else None


def _told(row: Reference, name: str, known: tuple[str, ...], view: View) -> Told:
    every = tuple(dict.fromkeys((*known, *row.also)))
    text = f"no {row.what} is called `{name}`"
    move = _elsewhere(row, name, view) or nearest(name, every) or f"add it to `{row.section}`"
    return Told(text, ", ".join(every), move)


def _elsewhere(row: Reference, name: str, view: View) -> str:
    """The name of something of another kind: say what would be meant by it."""
    container = view.scenario.containers.get(name)
    if row.what == "namespace" and container and container.namespace:
        return f"`{name}` is a container; it runs in the namespace `{container.namespace}`"
    if row.what == "container" and name in view.namespaces:
        return f"`{name}` is a namespace, not a container"
    if row.what == "component" and name in view.namespaces:
        return f"did you mean `{KERNEL}{name}`?"
    return ""


RULES = (Rule("undefined", "every network, namespace and container that is named is defined", _undefined),)
