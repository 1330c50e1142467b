"""The legs from which habits are learned: what strong bonds give a probe, and what became of exact bytes written anew.

Rule: exact bytes carry no token, and a proxy writes a request anew, so no strong bond ties it to what it made of it. There a
request that the same process wrote then, readable and with the same request line, or whose answer the client got, is one that
was handed on. Weak spot: what is made anew inside TLS is not learned from.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lab.trace.asked import asked, one_of
from lab.trace.bonds import ANSWER, PROCESS
from lab.trace.following import follow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.model.observations import ClientReport
    from lab.trace.bonds import Leg
    from lab.trace.following import Claims
    from lab.trace.owners import World

Legs = tuple["Leg", ...]


def handed_on(world: World, reports: Iterable[ClientReport], claimed: Claims) -> Iterator[Legs]:
    """Legs of each probe."""
    yield from claimed.values()
    for report in reports:
        if not report.token:
            yield from _anew(world, report, claimed)


def _anew(world: World, report: ClientReport, claimed: Claims) -> Iterator[Legs]:
    meant = asked(report)
    for each in (meant, *(one_of(report.sent, report.token, number) for number in range(meant.number))):
        path = follow(world, report, claimed, each)
        yield from (_pair(path.legs, leg) for leg in path.legs if _sure(leg)) if path else ()


def _sure(leg: Leg) -> bool:
    return leg.parent is not None and not leg.failed and leg.bond in (PROCESS, ANSWER) and leg.talk.head is not None


def _pair(legs: Legs, leg: Leg) -> Legs:
    """The leg behind its parent, as a route of two."""
    parent = legs[leg.parent or 0]
    return replace(parent, parent=None), replace(leg, parent=0)
