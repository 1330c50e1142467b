"""What the receiving application reported of one request, picked out of all that it reported of a connection.

Rule: reports of a connection (accepted, TLS, reads, closed) concern every request on it; those of a request are sorted into
exchanges by their order, or by token where streams cross; an application may enter a second handler before the first one's
answer (Node.js), but answers keep the order of requests. The probe's token names the exchange; without one, its place on the
connection does where that was seen, and the last request has all that is left; else time. Weak spot: that order is the
application's word.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from lab.trace.index import SLACK_NS
from lab.trace.talk import TLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lab.model.observations import AppEvent, Endpoint
    from lab.trace.asked import Asked
    from lab.trace.bonds import Leg
    from lab.trace.owners import World

LATE_NS = 5 * 10**9
"""An application may report a step so long after the connection's last packet."""
OF_REQUEST = ("parsed", "dispatched", "queried", "rejected", "answered")
ENDS = ("rejected", "answered")

Exchange = list["AppEvent"]


def reported(world: World, legs: Sequence[Leg], place: int, meant: Asked, *, outer: bool) -> tuple[AppEvent, ...]:
    """Reports on a leg's connection and on the request that is meant, in order."""
    leg = legs[place]
    told = on_connection(world, leg)
    mine = _mine(leg, exchanges(told), meant, outer=outer)
    found = [e for e in told if e.event not in OF_REQUEST or any(e is each for exchange in mine for each in exchange)]
    if _last_of_its_container(legs, place):
        found += _unplaced(world, leg, meant)
    return tuple(sorted(found, key=_moment))


def on_connection(world: World, leg: Leg) -> list[AppEvent]:
    """All reports of the receiving container's application on a leg's connection."""
    here, there = _ends(leg)
    return sorted((e for e in _in_time(world, leg) if e.local in here and e.peer in there), key=_moment)


def _ends(leg: Leg) -> tuple[tuple[Endpoint | None, ...], tuple[Endpoint, ...]]:
    """Both ends as its receiver may name them. A socket for datagrams that is bound to the wildcard has no address of its own,
    and over QUIC the client's may change."""
    socket, quic = leg.receiver.listener, leg.flow.quic
    if quic is None:
        return (leg.receiver.local,), (leg.flow.client,)
    return (leg.receiver.local, *((socket.local,) if socket else ())), quic.addresses


def _in_time(world: World, leg: Leg) -> Iterator[AppEvent]:
    found, begun = world.index.reports.get(leg.receiver.container or "", ()), leg.flow.begun_ns - SLACK_NS
    until = leg.flow.ended_ns + LATE_NS
    later = islice(found, bisect_left(found, begun, key=lambda event: event.time_ns), None)
    yield from takewhile(lambda event: event.time_ns <= until, later)


def _unplaced(world: World, leg: Leg, meant: Asked) -> list[AppEvent]:
    """Reports that do not know both ends, as behind FastCGI, and are of this probe: by its token, and against no end."""
    return [
        event
        for event in _in_time(world, leg)
        if meant.token and event.token == meant.token and not (event.local and event.peer)
        if event.local in (None, leg.receiver.local) and event.peer in (None, leg.flow.client)
    ]


def _last_of_its_container(legs: Sequence[Leg], place: int) -> bool:
    container = legs[place].receiver.container
    return all(leg.receiver.container != container for leg in legs[place + 1 :])


def _moment(event: AppEvent) -> tuple[int, int]:
    return event.time_ns, event.line


def exchanges(told: Iterable[AppEvent]) -> list[Exchange]:
    """The reports of requests, one list for each request."""
    found: list[Exchange] = []
    for event in told:
        if event.event not in OF_REQUEST:
            continue
        mine = _stream_of(found, event)
        if mine is None and (not found or event.event == "parsed" or found[-1][-1].event in ENDS or _another(found[-1], event)):
            found.append([])
        (found[-1] if mine is None else mine).append(event)
    return found


def _stream_of(found: Sequence[Exchange], event: AppEvent) -> Exchange | None:
    """Of requests at once: the open one that a report belongs to, where a later one has begun. On streams of one connection the
    token tells; without one the end of a handler is that of the first request of its line, for answers keep the order of
    requests (RFC 9112, section 9.3.2)."""
    open_ones = [each for each in found if each[-1].event not in ENDS]
    if not event.token and event.event in ENDS and event.target:
        return next((each for each in open_ones if _line(each[0]) == _line(event)), None)
    same = (each for each in open_ones if each is not found[-1] and event.token and each[0].token == event.token)
    return next(same, None) if found and _another(found[-1], event) else None


def _line(event: AppEvent) -> tuple[str, str, str]:
    return event.token, event.method, event.target


def _another(exchange: Exchange, event: AppEvent) -> bool:
    """Whether a report is of another request than these: by its token, or because one request is dispatched once."""
    if event.token and exchange[-1].token:
        return event.token != exchange[-1].token
    return event.event == "dispatched" and any(each.event == "dispatched" for each in exchange)


def _mine(leg: Leg, found: Sequence[Exchange], meant: Asked, *, outer: bool) -> list[Exchange]:
    named = [exchange for exchange in found if meant.token and any(event.token == meant.token for event in exchange)]
    if named:
        return named
    number = _number(leg, meant, outer=outer)
    if number is not None:
        until = None if number + 1 >= len(leg.talk.messages or meant.messages) else number + 1
        return [each for each in found[number:until] if not _foreign(each, meant)]
    later = [each for each in found if each[0].time_ns >= leg.since_ns - SLACK_NS and not _foreign(each, meant)]
    return later[:1]


def _number(leg: Leg, meant: Asked, *, outer: bool) -> int | None:
    """Which request of the connection it is, where that was seen."""
    if leg.flow.syns and leg.talk.message:
        return leg.talk.number
    return meant.number if outer and leg.talk.protocol == TLS and leg.flow.syns else None


def _foreign(exchange: Exchange, meant: Asked) -> bool:
    return any(event.token and meant.token and event.token != meant.token for event in exchange)
