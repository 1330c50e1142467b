"""What each kind of check reads from a route.

A finding is the value in the words that a report prints, with the evidence for it; `value` None means that it could not
be told, and `unknown` says why. Rules are a table, so that a new kind of check is one row.
What a value was read from leads its evidence, and only that counts for its witnesses; the rest of the hop's comes behind.
Weak spot: how far a request got and who stopped it are told from all that was seen of it, so all of it is their evidence.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from lab.judge import counts
from lab.judge.finding import Finding
from lab.model.routes import About, Stage, Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lab.model.routes import Evidence, Hop, Route

CLIENT = "client"
NOBODY = "nobody"
NOWHERE = "nowhere"
ARROW = " → "


def _all_evidence(route: Route) -> tuple[Evidence, ...]:
    return tuple(e for hop in route.hops for e in hop.evidence) + route.evidence


def _about(evidence: Iterable[Evidence], *subjects: About) -> tuple[Evidence, ...]:
    return tuple(one for one in evidence if one.about in subjects)


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
    clear = (one for hop in route.hops[:1] if hop.clear for one in hop.evidence)
    evidence = (*route.evidence, *_about(clear, About.ANSWER))
    return Finding(route.status if route.status is not None else "no answer", evidence, lead=_about(evidence, About.ANSWER))


def _answered_by(route: Route) -> Finding:
    if route.answered_by is None and _unanswered(route):
        return Finding(NOBODY, _last_evidence(route))
    return Finding(route.answered_by, _last_evidence(route), _open(route))


def _unanswered(route: Route) -> bool:
    """Whether it is known that no answer of any kind came back to the client."""
    came = not route.hops or route.route_open or route.hops[0].stage in (Stage.ANSWERED, Stage.REJECTED)
    return route.status is None and not came


def _route(route: Route) -> Finding:
    if not route.hops:
        return Finding(None, route.evidence, _open(route))
    if why := _unknown_receiver(route):
        return Finding(None, _all_evidence(route), why)
    turns = zip_longest(*(_receipt(hop) for hop in route.hops))
    lead = tuple(one for turn in turns for one in turn if one is not None)
    if route.hops[-1].container is None:
        lead += _about(route.evidence, About.ANSWER)  # what the client saw of it
    return Finding(ARROW.join(_receiver_of(hop) for hop in route.hops), _all_evidence(route), lead=lead)


def _receipt(hop: Hop) -> tuple[Evidence, ...]:
    """Who received a hop: the process that had it and its connection; of each witness the first word. Where nobody did, all."""
    if hop.container is None:
        return hop.evidence
    said = _about(hop.evidence, About.PROCESS) + _about(hop.evidence, About.CONNECTION)
    by_witness = {one.witness: one for one in reversed(said)}
    strongest = sorted(by_witness.values(), key=lambda one: one.witness is not Witness.KERNEL)
    return tuple(strongest)


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
    return Finding(reached[-1].container, reached[-1].evidence, lead=_receipt(reached[-1]))


def _tls_ends_at(route: Route) -> Finding:
    unknown = [hop.number for hop in route.hops if hop.tls is None and hop.protocol == "tls"]
    if unknown:
        return Finding(None, _all_evidence(route), f"TLS on hop {unknown[0]} is open: {_open(route)}")
    if route.route_open:
        return Finding(None, _all_evidence(route), route.route_open)
    known = {hop.number for hop in route.hops if hop.container}
    nameless = [end.hop for end in route.tls_ends_at if end.hop not in known]
    if nameless:
        return Finding(None, _all_evidence(route), f"who ended TLS on hop {nameless[0]} is not known: {_open(route)}")
    ends = ARROW.join(end.container for end in route.tls_ends_at)
    evidence = tuple(e for end in route.tls_ends_at for e in end.evidence)
    return Finding(ends or NOWHERE, evidence or _all_evidence(route))


def _certificate(route: Route) -> Finding:
    if route.certificate_open:
        return Finding(None, route.evidence, route.certificate_open)
    if not route.certificate_of:
        return Finding("none", route.evidence)
    seen = tuple(e for end in route.tls_ends_at for e in end.evidence) + route.evidence
    lead = _about(seen, About.CERTIFICATE)
    return Finding(", ".join(route.certificate_of), (*lead, *route.evidence), lead=lead)


def _clear_on(route: Route) -> Finding:
    unknown = [hop.number for hop in route.hops if hop.clear is None and hop.protocol is not None]
    if unknown:
        return Finding(None, _all_evidence(route), f"whether hop {unknown[0]} was readable is open: {_open(route)}")
    if route.route_open:
        return Finding(None, _all_evidence(route), route.route_open)
    clear = ", ".join(str(hop.number) for hop in route.hops if hop.clear)
    evidence = _all_evidence(route)
    return Finding(clear or "none", evidence, lead=_about(evidence, About.BYTES))


def _entry(route: Route) -> Finding:
    for hop in route.hops:
        if hop.entry:
            return Finding(hop.entry, _all_evidence(route))
    return Finding(None, _all_evidence(route), _open(route))


def _stopped_by(route: Route) -> Finding:
    if route.stage_open:
        return Finding(None, _last_evidence(route), f"where it stopped is open: {route.stage_open}")
    if route.stopped_by is None and route.stage is not Stage.ANSWERED:
        return Finding(None, _last_evidence(route), f"it stopped at {route.stage}, and by whom is not known: {_open(route)}")
    return Finding(route.stopped_by or NOBODY, _last_evidence(route))


def _answer(route: Route) -> Finding:
    if route.status is None and not route.body:
        return Finding("no answer", route.evidence)
    return Finding(route.body.decode("utf-8", "replace"), route.evidence)


def _order(route: Route) -> Finding:
    """What the last receiver's namespace saw of its hop, in order of time."""
    if not route.hops or route.hops[-1].namespace is None:
        return Finding(None, _all_evidence(route), _open(route))
    if route.timeline_open:
        return Finding(None, _all_evidence(route), f"lines may be missing: {route.timeline_open}")
    last = route.hops[-1]
    seen = [each for each in route.timeline if (each.hop, each.vantage) == (last.number, last.namespace)]
    return Finding(ARROW.join(each.event for each in seen) or "nothing", tuple(each.evidence for each in seen))


def _by_stream(route: Route) -> Finding:
    evidence = tuple(one for each in route.streams for one in each.evidence)
    if not route.streams:
        return Finding(None, _all_evidence(route), f"no stream was opened, or none was seen: {_open(route)}")
    if left := [each for each in route.streams if each.stage_open]:
        return Finding(None, evidence, f"stream {left[0].name} got as far as “{left[0].stage}” at least: {left[0].stage_open}")
    return Finding(", ".join(sorted(f"{each.name}: {each.stage}" for each in route.streams)), evidence)


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
    "by_stream": _by_stream,
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
    "by_stream": "the requests of its streams get so far: {expected}",
    "answer": "the answer's body contains {expected}",
    "diagnosis": "the diagnostic line contains {expected}",
    "order": "its last receiver's side sees, in this order, {expected}",
}


_ABSENT = (("on hop none", "on no hop"), ("at nowhere", "nowhere"))
"""How a sentence goes whose value is that there is none."""


def says_of(key: str, expected: object) -> str:
    """A check of a probe in words."""
    said = SAYS[key].format(expected=expected)
    for words, better in _ABSENT:
        said = said.replace(words, better)
    return said


_NONE_WITHOUT = ("sni", "tls", "session", "early")
"""Fields of TLS: on a hop whose bytes were seen and are something else, their absence is a finding."""


_NOBODYS = ("listener", "process", "local")
"""Fields of a receiver: where nobody received, there is none to tell."""


_WITHOUT_BYTES = (Stage.REFUSED, Stage.DROPPED)
"""Without a connection no byte of any protocol can have come: that is known, and not merely unseen."""


_READ_FROM: Mapping[str, tuple[About, ...]] = {
    "listener": (About.LISTENER,),
    "local": (About.CONNECTION,),
    "process": (About.PROCESS,),
    "protocol": (About.BYTES,),
    "sni": (About.BYTES,),
    "tls": (About.BYTES,),
    "session": (About.BYTES,),
    "early": (About.BYTES,),
    "alpn_offered": (About.BYTES,),
    "alpn": (About.BYTES,),
    "shows": (About.CERTIFICATE,),
    "connection": (About.CONNECTION,),
    "sent_by": (About.BYTES, About.CONNECTION),
}
"""Field of a hop -> what tells it. What became of TLS shows in the bytes of the next hop too, and in the certificate."""


ENCRYPTED = "under TLS 1.3 the protocol that was chosen is encrypted, and only both ends know it"


def listed(value: object) -> object:
    """Several words as one."""
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else value


def hop_finding(route: Route, number: int, name: str) -> Finding:
    """The finding for one field of hop `number` (from 1)."""
    if number > len(route.hops):
        return Finding(None if route.route_open else f"no hop {number}", _all_evidence(route), route.route_open)
    hop = route.hops[number - 1]
    if name == "stage" and hop.stage_open:
        return Finding(None, hop.evidence, hop.stage_open)
    value = _sent_by(route, hop) if name == "sent_by" else listed(getattr(hop, name))
    if value is None and name in _NONE_WITHOUT and hop.protocol not in (None, "tls"):
        value = "none"
    if value is None and hop.received is False and name in _NOBODYS:
        value = NOBODY
    if value is None and name == "protocol" and hop.stage in _WITHOUT_BYTES:
        value = "none"
    unknown = f"{name} of hop {number}: {ENCRYPTED if name == 'alpn' and hop.protocol == 'tls' else _open(route)}"
    lead = _about(hop.evidence, *_READ_FROM.get(name, ()))
    if name == "tls":
        lead += tuple(one for onward in route.behind(number)[:1] for one in _about(onward.evidence, About.BYTES))
        lead += tuple(one for end in route.tls_ends_at if end.hop == number for one in _about(end.evidence, About.CERTIFICATE))
    return Finding(None if value is None else str(value), (*hop.evidence, *lead), unknown, lead)


def _sent_by(route: Route, hop: Hop) -> str | None:
    """Who received the hop that this one stands behind; of the first, the client."""
    if hop.parent is None:
        return CLIENT if hop.number == 1 else None
    return route.hops[hop.parent - 1].container
