"""What each kind of check reads from a route.

A finding is the value in the words that a report prints, with the evidence for it; `value` None means that it could not
be told, and `unknown` says why. Rules are a table, so that a new kind of check is one row.
Weak spot: evidence is cited per hop, not per field; a reader may find more citations than the value needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.judge import counts
from lab.judge.finding import Finding
from lab.model.routes import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.model.routes import Evidence, Hop, Route

NOBODY = "nobody"
NOWHERE = "nowhere"
ARROW = " → "


def _all_evidence(route: Route) -> tuple[Evidence, ...]:
    return tuple(e for hop in route.hops for e in hop.evidence) + route.evidence


def _last_evidence(route: Route) -> tuple[Evidence, ...]:
    return (route.hops[-1].evidence if route.hops else ()) + route.evidence


def _open(route: Route) -> str:
    return "; ".join(route.open_questions) or "no witness could tell"


def _stage(route: Route) -> Finding:
    if route.stage_open:
        return Finding(None, _last_evidence(route), f"it got as far as “{route.stage}” at least: {route.stage_open}")
    return Finding(str(route.stage), _last_evidence(route))


def _dispatched(route: Route) -> Finding:
    return Finding(route.dispatched, _last_evidence(route), _open(route))


def _status(route: Route) -> Finding:
    return Finding(route.status if route.status is not None else "no answer", route.evidence)


def _answered_by(route: Route) -> Finding:
    if route.answered_by is None and route.status is None:
        return Finding(NOBODY, _last_evidence(route))
    return Finding(route.answered_by, _last_evidence(route), _open(route))


def _route(route: Route) -> Finding:
    if not route.hops:
        return Finding(None, route.evidence, _open(route))
    if why := _unknown_receiver(route):
        return Finding(None, _all_evidence(route), why)
    return Finding(ARROW.join(_receiver_of(hop) for hop in route.hops), _all_evidence(route))


def _receiver_of(hop: Hop) -> str:
    return hop.container or NOBODY


def _unknown_receiver(route: Route) -> str:
    """Why the receivers are not all known; empty: they are."""
    unknown = [hop.number for hop in route.hops if hop.container is None and hop.received is not False]
    if unknown:
        return f"who received hop {unknown[0]} is not known: {_open(route)}"
    return route.route_open


def _receiver(route: Route) -> Finding:
    if why := _unknown_receiver(route):
        return Finding(None, _all_evidence(route), why)
    reached = [hop for hop in route.hops if hop.container]
    if not reached:
        return Finding(NOBODY, _all_evidence(route))
    return Finding(reached[-1].container, reached[-1].evidence)


def _tls_ends_at(route: Route) -> Finding:
    unknown = [hop.number for hop in route.hops if hop.tls is None and hop.protocol == "tls"]
    if unknown:
        return Finding(None, _all_evidence(route), f"TLS on hop {unknown[0]} is open: {_open(route)}")
    if route.route_open:
        return Finding(None, _all_evidence(route), route.route_open)
    ends = ARROW.join(end.container for end in route.tls_ends_at)
    evidence = tuple(e for end in route.tls_ends_at for e in end.evidence)
    return Finding(ends or NOWHERE, evidence or _all_evidence(route))


def _certificate(route: Route) -> Finding:
    if not route.certificate_of:
        return Finding("none", route.evidence)
    return Finding(", ".join(route.certificate_of), route.evidence)


def _clear_on(route: Route) -> Finding:
    unknown = [hop.number for hop in route.hops if hop.clear is None and hop.protocol is not None]
    if unknown:
        return Finding(None, _all_evidence(route), f"whether hop {unknown[0]} was readable is open: {_open(route)}")
    if route.route_open:
        return Finding(None, _all_evidence(route), route.route_open)
    clear = ", ".join(str(hop.number) for hop in route.hops if hop.clear)
    return Finding(clear or "none", _all_evidence(route))


def _entry(route: Route) -> Finding:
    for hop in route.hops:
        if hop.entry:
            return Finding(hop.entry, _all_evidence(route))
    return Finding(None, _all_evidence(route), _open(route))


def _stopped_by(route: Route) -> Finding:
    if route.stage_open:
        return Finding(None, _last_evidence(route), f"where it stopped is open: {route.stage_open}")
    return Finding(route.stopped_by or NOBODY, _last_evidence(route))


def _answer(route: Route) -> Finding:
    if route.status is None and not route.body:
        return Finding("no answer", route.evidence)
    return Finding(route.body.decode("utf-8", "replace"), route.evidence)


def _order(route: Route) -> Finding:
    """What the last receiver's namespace saw of its hop, in order of time."""
    if not route.hops or route.hops[-1].namespace is None:
        return Finding(None, _all_evidence(route), _open(route))
    last = route.hops[-1]
    seen = [each for each in route.timeline if (each.hop, each.vantage) == (last.number, last.namespace)]
    return Finding(ARROW.join(each.event for each in seen) or "nothing", tuple(each.evidence for each in seen))


def _diagnosis(route: Route) -> Finding:
    return Finding(route.diagnosis, _all_evidence(route))


READERS: Mapping[str, Callable[[Route], Finding]] = {
    "stage": _stage,
    "dispatched": _dispatched,
    "status": _status,
    "answered_by": _answered_by,
    "route": _route,
    "receiver": _receiver,
    "tls_ends_at": _tls_ends_at,
    "certificate": _certificate,
    "clear_on": _clear_on,
    "entry": _entry,
    "stopped_by": _stopped_by,
    **counts.READERS,
    "answer": _answer,
    "diagnosis": _diagnosis,
    "order": _order,
}
"""Key of `Expect` -> how it is read from a route."""

SAYS: Mapping[str, str] = {
    "stage": "the request gets as far as “{expected}”",
    "dispatched": "a handler is reached: {expected}",
    "status": "the client gets status {expected}",
    "answered_by": "the answer is written by {expected}",
    "route": "the request travels {expected}",
    "receiver": "the last to receive it is {expected}",
    "tls_ends_at": "TLS ends at {expected}",
    "certificate": "the client accepts the certificate of {expected}",
    "clear_on": "the request can be read in clear on hop {expected}",
    "entry": "it enters the container's namespace by {expected}",
    "stopped_by": "it is stopped by {expected}",
    **counts.SAYS,
    "answer": "the answer's body contains {expected}",
    "diagnosis": "the diagnostic line contains {expected}",
    "order": "its last receiver's side sees, in this order, {expected}",
}


_NONE_WITHOUT = ("sni", "tls")
"""Fields of TLS: on a hop whose bytes were seen and are something else, their absence is a finding."""


_NOBODYS = ("listener", "process", "local")
"""Fields of a receiver: where nobody received, there is none to tell."""


_WITHOUT_BYTES = (Stage.REFUSED, Stage.DROPPED)
"""Without a connection no byte of any protocol can have come: that is known, and not merely unseen."""


def hop_finding(route: Route, number: int, name: str) -> Finding:
    """The finding for one field of hop `number` (from 1)."""
    if number > len(route.hops):
        return Finding(f"no hop {number}", _all_evidence(route))
    hop = route.hops[number - 1]
    value = getattr(hop, name)
    if value is None and name in _NONE_WITHOUT and hop.protocol not in (None, "tls"):
        value = "none"
    if value is None and hop.container is None and name in _NOBODYS:
        value = NOBODY
    if value is None and name == "protocol" and hop.stage in _WITHOUT_BYTES:
        value = "none"
    return Finding(None if value is None else str(value), hop.evidence, f"{name} of hop {number}: {_open(route)}")
