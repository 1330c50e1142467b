"""What each leg of a route amounts to: what arrived, who took it, what came back. Facts, not yet judged.

Rule: a fact is True, False or None, and None means that no witness could tell. Weak spot: of an encrypted leg that is not the
client's own, only the number and length of the records tell an answer from a session ticket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace import bonds
from lab.trace.following import SLACK_NS
from lab.trace.http import NotHttp, request_head
from lab.trace.index import gaps
from lab.trace.lives import reads, writes
from lab.trace.streams import offset_since, packet_at
from lab.trace.talk import FINISHED, TICKET, TICKETS, TLS, client_finished, requests, server_data
from lab.trace.tls_records import APPLICATION, CHANGE_CIPHER, clear_alerts

if TYPE_CHECKING:
    from lab.model.observations import AppEvent, ClientReport, Packet
    from lab.model.routes import Stage, TlsAtHop
    from lab.trace.bonds import Leg
    from lab.trace.http import Head
    from lab.trace.owners import World
    from lab.trace.talk import Talk

REPORTED_LATE_NS = 5 * 10**9
"""An application may report a step so long after the connection's last packet."""


@dataclass(frozen=True, slots=True)
class Account:
    """One leg and what is known of it."""

    leg: Leg
    number: int
    children: tuple[int, ...]
    """Places in the route of the legs that its receiver sent."""
    outer: bool
    """It carries the client's own TLS session or, without TLS, the client's own bytes: its report speaks of this leg."""
    came: int
    """Bytes of the request that arrived."""
    taken: bool | None
    """Whether a process read any of them."""
    had: bool | None
    """Whether a process had the connection."""
    head: Head | None
    """The request's head, where it can be known."""
    finished: bool | None
    """Whether both sides finished the TLS handshake; None without TLS or where that is open."""
    answered: bool | None
    """Whether an answer came back on it."""
    answer: Packet | None
    """The packet with which it began."""
    last: int
    """When the last byte came back; 0: none."""
    code: int | None
    """The answer's status, where it can be read."""
    events: tuple[AppEvent, ...]
    """What the receiving application reported of it."""

    @property
    def container(self) -> str | None:
        return self.leg.receiver.container if self.had else None

    def said(self, *events: str) -> bool:
        return any(event.event in events for event in self.events)


def accounts(world: World, report: ClientReport, legs: tuple[Leg, ...]) -> tuple[Account, ...]:
    """One for each leg, in the route's order."""
    return tuple(_account(world, report, legs, place) for place in range(len(legs)))


def passes_on(legs: tuple[Leg, ...], place: int) -> bool:
    """Whether the receiver sent the same bytes on."""
    bound = [leg.bond for leg in legs if leg.parent == place and not leg.failed]
    return any(bond in (bonds.SAME_HELLO, bonds.IDENTICAL) for bond in bound)


def _account(world: World, report: ClientReport, legs: tuple[Leg, ...], place: int) -> Account:
    leg = legs[place]
    children = tuple(n for n, other in enumerate(legs) if other.parent == place)
    events = _events(world, report, legs, place)
    outer = _outer(legs, place)
    came = len(bonds.said(leg, report.finished_ns + SLACK_NS))
    code, answered, answer = _answer(report, leg, events, outer=outer)
    taken = _taken(world, leg, came, onward=any(len(legs[n].flow.up.data) for n in children) or bool(answer))
    pieces = leg.flow.down.pieces
    return Account(
        leg=leg, number=place + 1, children=children, outer=outer, came=came, taken=taken,
        had=True if taken or pieces or children else leg.receiver.owned,
        head=_head(report, leg, outer=outer), finished=_finished(leg, events),
        answered=answered, answer=answer, last=pieces[-1].time_ns if pieces else 0, code=code, events=events,
    )  # fmt: skip


def _outer(legs: tuple[Leg, ...], place: int) -> bool:
    """The client's own session: the first leg, and on as long as the bytes are passed on as they are."""
    while place:
        leg = legs[place]
        if leg.bond not in (bonds.SAME_HELLO, bonds.IDENTICAL) or leg.parent is None:
            return False
        place = leg.parent
    return True


def _events(world: World, report: ClientReport, legs: tuple[Leg, ...], place: int) -> tuple[AppEvent, ...]:
    """Reports of the receiver's application on this connection; of another request on it only the unnamed ones."""
    leg = legs[place]
    return tuple(
        event
        for event in world.index.reports.get(leg.receiver.container or "", ())
        if (_on(event, leg) or (_unplaced(event, report, leg) and _last_of_its_container(legs, place)))
        and leg.flow.begun_ns - SLACK_NS <= event.time_ns <= leg.flow.ended_ns + REPORTED_LATE_NS
        and (not event.token or not report.token or event.token == report.token)
    )


def _on(event: AppEvent, leg: Leg) -> bool:
    """Whether a report names both ends of this connection."""
    return (event.local, event.peer) == (leg.receiver.local, leg.flow.client)


def _unplaced(event: AppEvent, report: ClientReport, leg: Leg) -> bool:
    """Whether a report that does not know both ends, as behind FastCGI, is of this probe: by its token, and against no end."""
    if not event.token or event.token != report.token or (event.local and event.peer):
        return False
    return event.local in (None, leg.receiver.local) and event.peer in (None, leg.flow.client)


def _last_of_its_container(legs: tuple[Leg, ...], place: int) -> bool:
    container = legs[place].receiver.container
    return all(leg.receiver.container != container for leg in legs[place + 1 :])


def _taken(world: World, leg: Leg, came: int, *, onward: bool) -> bool | None:
    life, row = leg.receiver.life, leg.receiver.row
    if onward or (life and any(e.time_ns >= leg.since_ns - SLACK_NS for e in reads(life))):
        return True
    if not came:
        return False
    if row and row.state == "ESTAB":
        return row.recv_q < came and bool(row.holders)
    if life and not gaps(world.index, "kernel"):
        return False
    return None


def _head(report: ClientReport, leg: Leg, *, outer: bool) -> Head | None:
    if leg.talk.protocol == TLS:
        try:
            return request_head(report.sent) if outer else None
        except NotHttp:
            return None
    return leg.talk.head


def _finished(leg: Leg, events: tuple[AppEvent, ...]) -> bool | None:
    """TLS 1.3's server is done when it took the client's Finished: it speaks, or reads, after it."""
    said = leg.talk
    if said.protocol != TLS:
        return None
    if not client_finished(said) or any(a.fatal for a in clear_alerts(said.up_records) + clear_alerts(said.down_records)):
        return False
    if any(event.event in ("tls", "parsed", "dispatched") for event in events):
        return True
    if said.reply and said.reply.version != "TLSv1.3":
        return any(r.kind == CHANGE_CIPHER for r in said.down_records)
    return _server_finished(leg)


def _server_finished(leg: Leg) -> bool | None:
    """Under TLS 1.3: whether the server took the client's Finished. It speaks after it, or reads."""
    down, after = leg.flow.down, _finished_ns(leg)
    if any(packet_at(down, r.offset).time_ns > after for r in server_data(leg.talk)):
        return True
    if any(packet_at(down, r.offset).time_ns > after for r in leg.talk.down_records):
        return False  # only an alert came
    life = leg.receiver.life
    return True if life and any(e.time_ns > after for e in reads(life)) else None


def _finished_ns(leg: Leg) -> int:
    """When the client's Finished had arrived; under TLS 1.3."""
    last = next(r for r in leg.talk.up_records if r.kind == APPLICATION and len(r.body) >= FINISHED)
    return packet_at(leg.flow.up, last.end - 1).time_ns


def _answer(
    report: ClientReport, leg: Leg, events: tuple[AppEvent, ...], *, outer: bool
) -> tuple[int | None, bool | None, Packet | None]:
    """Status, whether there was an answer, and where it begins."""
    said, down = leg.talk, leg.flow.down
    if said.status:
        return said.status.code, True, packet_at(down, said.answer + said.status.offset)
    if said.protocol != TLS:
        begin = offset_since(down, leg.since_ns)
        return None, begin < len(down.data), packet_at(down, begin) if begin < len(down.data) else None
    late = _after_request(leg)
    if outer:
        came = report.status is not None or bool(report.body)
        return report.status, came, late[-1] if came and late else None
    return None, _answered(leg, said, events), late[-1] if late else None


def _after_request(leg: Leg) -> list[Packet]:
    """Packets of the server's encrypted records behind the first record of the client's request."""
    asked = requests(leg.talk)
    if not asked:
        return []
    begun = packet_at(leg.flow.up, asked[0].offset).time_ns
    packets = [packet_at(leg.flow.down, r.offset) for r in server_data(leg.talk)]
    return [packet for packet in packets if packet.time_ns >= begun]


def _answered(leg: Leg, said: Talk, events: tuple[AppEvent, ...]) -> bool | None:
    """Whether more came back than session tickets."""
    if any(event.event in ("answered", "rejected") for event in events):
        return True
    late = _after_request(leg)
    if not late or (said.reply and said.reply.version != "TLSv1.3"):
        return bool(late)
    records = [r for r in server_data(said) if packet_at(leg.flow.down, r.offset).time_ns >= late[0].time_ns]
    if len(records) > TICKETS or any(len(r.body) > TICKET for r in records) or _tickets_came_before(leg):
        return True
    return True if _wrote_twice(leg) else None


def _tickets_came_before(leg: Leg) -> bool:
    """Whether the server had spoken between the client's Finished and its request, and so had sent its tickets."""
    since, begun = _finished_ns(leg), packet_at(leg.flow.up, requests(leg.talk)[0].offset).time_ns
    return any(since < packet_at(leg.flow.down, r.offset).time_ns < begun for r in server_data(leg.talk))


def _wrote_twice(leg: Leg) -> bool:
    """Whether the server wrote more than once after its last read: tickets, then an answer."""
    life = leg.receiver.life
    taken = reads(life) if life else ()
    return life is not None and bool(taken) and sum(e.time_ns > taken[-1].time_ns for e in writes(life)) > 1


@dataclass(frozen=True, slots=True)
class Story:
    """One probe, followed and judged; what the diagnosis and the hops are told from."""

    world: World
    report: ClientReport
    found: tuple[Account, ...]
    stages: tuple[Stage, ...]
    """Of each leg."""
    roles: tuple[TlsAtHop | None, ...]
    made: int | None
    """Place of the leg whose receiver made the client's answer; None: nobody, or not known."""
    reached: bool | None
    """Whether a handler was reached."""
