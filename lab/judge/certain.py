"""What of a route is certain enough to be expected again.

Rule: an expectation is made only where the judge, held against this very route, would say PASS; so nothing is expected that
was open, contradicted, or a server's own word alone. A hop that only its time ties to the one before is not certain, and
nothing that rests on it. What tomorrow's containers have anew (addresses, pids) is not expected. Weak spot: what depends on
the request before it (a cache, a balancer's turn) looks as certain as the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from lab.judge.findings import NOBODY, READERS, hop_finding
from lab.judge.verdict import decide
from lab.judge.wanted import equal, wanted
from lab.model.arrangement import split
from lab.model.routes import Stage
from lab.model.scenario import HopExpect
from lab.model.verdicts import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lab.judge.wanted import Wanted
    from lab.model.routes import Hop, Route

TIME_ALONE = "time alone"
"""The bond that is a guess by the clock."""


@dataclass(frozen=True, slots=True)
class Certain:
    """What can be expected of a route, and what cannot."""

    expect: Mapping[str, object]
    """Key of `Expect` -> its value as it stands in a file."""
    left_open: tuple[str, ...]
    """Sentences."""


def certain(route: Route) -> Certain:
    """Sort what was found."""
    expect: dict[str, object] = {}
    left: list[str] = []
    for key, value_of in _VALUES.items():
        value = value_of(route)
        if value is None:
            left += _untold(route, key)
            continue
        why = _guessed(route, key) or _open(wanted(key, _asked(value)), route, key)
        if why:
            left.append(f"{key}: {why}")
        else:
            expect[key] = value
    left += [each for each in route.open_questions if not any(each in said for said in left)]
    return Certain(expect, tuple(left))


def _untold(route: Route, key: str) -> list[str]:
    """That there is no value because nobody could tell it. The way in is told of requests from the host alone."""
    finding = READERS[key](route)
    return [f"{key}: {finding.unknown or 'no witness could tell'}"] if finding.value is None and key != "entry" else []


def _asked(value: object) -> object:
    """A value as the scenario's model has it: hops with more than a name are `HopExpect`."""
    if not isinstance(value, list):
        return value
    return tuple(HopExpect.model_validate(one) if isinstance(one, dict) else one for one in value)


def _open(want: Wanted, route: Route, key: str) -> str:
    """Why the judge would not pass it today; empty: it would."""
    verdict = decide(key, "", want, READERS[key](route), route.contradictions)
    return "" if verdict.outcome is Outcome.PASS else verdict.why


_OF_HOPS = ("route", "tls_ends_at", "clear_on", "answered_by", "dispatched", "stage", "stopped_by")
"""What is told of the whole route rests on each of its hops; what the client saw does not."""


def _guessed(route: Route, key: str) -> str:
    guessed = next((hop.number for hop in route.hops if hop.joined_by == TIME_ALONE), 0)
    return f"only its time ties hop {guessed} to the one before" if guessed and key in _OF_HOPS else ""


def _hops(route: Route) -> list[object] | None:
    if not route.hops:
        return None
    return [_hop(route, hop) for hop in route.hops]


def _hop(route: Route, hop: Hop) -> object:
    if hop.container is None:
        return NOBODY
    known = {key: value for key, value in _fields(route, hop) if _holds(route, hop.number, key, value)}
    return {"to": hop.container, **known} if known else hop.container


def _fields(route: Route, hop: Hop) -> Iterator[tuple[str, str]]:
    """Fields of a hop that another start of the same deployment does not change."""
    if hop.listener and _lasting(hop.listener):
        yield "listener", hop.listener
    for key in ("process", "protocol", "tls", "sni"):
        value = getattr(hop, key)
        if value is not None and _sayable(key, str(value)):
            yield key, str(value)
    if hop.parent and len(route.behind(hop.parent)) > 1 and (sender := route.hops[hop.parent - 1].container):
        yield "sent_by", sender


def _lasting(listener: str) -> bool:
    """Whether a listener's address is there again tomorrow: a wildcard, a loopback; not one that an engine gave out."""
    try:
        address = ip_address(split(listener)[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _sayable(key: str, value: str) -> bool:
    """Whether the scenario's format has this value: of some protocols it knows no word."""
    try:
        HopExpect.model_validate({"to": NOBODY, key: value})
    except ValueError:
        return False
    return True


def _holds(route: Route, number: int, key: str, value: str) -> bool:
    verdict = decide(key, "", equal(value), hop_finding(route, number, key), route.contradictions)
    return verdict.outcome is Outcome.PASS


def _clear_on(route: Route) -> list[object] | None:
    return [hop.number for hop in route.hops if hop.clear] if route.hops else None


def _stopped_by(route: Route) -> str | None:
    return route.stopped_by if route.stage is not Stage.ANSWERED else None


_VALUES: Mapping[str, Callable[[Route], object]] = {
    "stage": lambda route: str(route.stage),
    "status": lambda route: route.status,
    "route": _hops,
    "tls_ends_at": lambda route: [end.container for end in route.tls_ends_at],
    "clear_on": _clear_on,
    "answered_by": lambda route: route.answered_by,
    "stopped_by": _stopped_by,
    "dispatched": lambda route: route.dispatched,
    "entry": lambda route: next((hop.entry for hop in route.hops if hop.entry), None),
}
"""Key -> what was found, as a file says it; None: there is nothing of the kind to expect."""
