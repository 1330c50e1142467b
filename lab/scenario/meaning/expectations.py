"""Expectations that can never be met, or never be checked.

Rule: an expectation that is only wrong is no mistake, for that is what a check is for; these here could not come out true
whatever happens. What a twin breaks may make an expectation of its scenario hopeless: those rules are not asked of twins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.arrangement import split
from lab.scenario.meaning.listeners import ends
from lab.scenario.meaning.names import NOBODY
from lab.scenario.meaning.view import HOST, Finding, Rule, View, ip, repeated
from lab.scenario.problems import Told
from lab.scenario.tree import ANY, Scalar, Sequence, at
from lab.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.scenario.tree import Node, Path

PLACES: tuple[Path, ...] = (("probes", ANY, "expect"), ("probes", ANY, "steps", ANY, "expect"))


def _expected(view: View, *path: str) -> Iterator[tuple[Path, Node]]:
    for place in PLACES:
        yield from view.matches((*place, *path))


def _entries(view: View) -> Iterator[Finding]:
    for path, _ in _expected(view, "entry"):
        if view.scenario.probes[str(path[1])].from_ != HOST:
            told = Told(
                "`entry` is the way in from the host, and this probe does not come from it", "", "add `from: host` to the probe"
            )
            yield Finding(path, told, key=True)


def _empty_routes(view: View) -> Iterator[Finding]:
    for path, node in _expected(view, "route"):
        if isinstance(node, Sequence) and not node.items:
            told = Told("a route has at least one receiver", f"[{NOBODY}] where nobody received it")
            yield Finding(path, told)


def _hops(view: View) -> Iterator[Finding]:
    for path, node in _expected(view, "clear_on"):
        route = at(view.tree, (*path[:-1], "route"))
        numbers = [item.value for item in node.items if isinstance(item, Scalar)] if isinstance(node, Sequence) else []
        for place, number in repeated(numbers):
            yield Finding((*path, place), Told(f"hop {number} stands here twice"))
        for place, number in enumerate(numbers):
            if isinstance(route, Sequence) and isinstance(number, int) and number > len(route.items) and not view.twin:
                yield Finding((*path, place), Told(f"the route expected has no hop {number}", f"1 to {len(route.items)}"))


def _ranges(view: View) -> Iterator[Finding]:
    for path, node in (*_expected(view, ANY), *_expected(view, "tally", ANY)):
        low, high = (_number(node, key) for key in ("at_least", "at_most"))
        if high is not None and high < (low or 0):
            yield Finding((*path, "at_most"), Told(f"no number is at least {low} and at most {high}"))


def _number(node: Node, key: str) -> int | None:
    found = at(node, (key,))
    return found.value if isinstance(found, Scalar) and isinstance(found.value, int) else None


def _listeners(view: View) -> Iterator[Finding]:
    """A hop's listener is one that its receiver was told to have."""
    for path, node in _expected(view, "route", ANY):
        to, listener = at(node, ("to",)), at(node, ("listener",))
        container = view.scenario.containers.get(str(to.value)) if isinstance(to, Scalar) else None
        if container and isinstance(listener, Scalar) and view.rendered(container):
            told = [listen.on for listen in container.listen]
            if _same(str(listener.value)) not in map(_same, told):
                name = str(to.value) if isinstance(to, Scalar) else ""
                text = f"`{name}` is told to listen elsewhere, so it cannot receive on {listener.value}"
                yield Finding((*path, "listener"), Told(text, ", ".join(told) or "nothing", nearest(str(listener.value), told)))


def _same(address: str) -> tuple[object, int]:
    host, port = split(address)
    return ip(host), port


def _keyless(view: View) -> Iterator[Finding]:
    """Who ends TLS, or shows a certificate, has a listener that does."""
    for path, node in (*_expected(view, "tls_ends_at", ANY), *_expected(view, "certificate")):
        container = view.scenario.containers.get(str(node.value)) if isinstance(node, Scalar) else None
        if container and view.rendered(container) and not any(ends(listen) for listen in container.listen):
            name = str(node.value) if isinstance(node, Scalar) else ""
            able = [one for one, c in view.scenario.containers.items() if any(ends(listen) for listen in c.listen)]
            yield Finding(
                path, Told(f"no listener of `{name}` ends TLS, so it has no certificate", ", ".join(able) or "nobody")
            )


RULES = (
    Rule("entry", "the way in is expected of probes from the host", _entries, running=True),
    Rule("empty-route", "a route has a receiver", _empty_routes, running=True),
    Rule("hop-number", "hops are numbered along the route", _hops, reads=("probes",), running=True),
    Rule("range", "a range has numbers in it", _ranges, running=True),
    Rule("hop-listener", "a hop is received on a listener of its receiver", _listeners, reads=("containers",), twins=False),
    Rule("no-certificate", "who ends TLS has a listener that ends it", _keyless, reads=("containers",), twins=False),
)
