"""What ties one connection to the next: whether the second carries on what came in on the first.

| bond | holds if | can mislead |
|---|---|---|
| same ClientHello | both begin TLS with the same random | no: 32 random bytes |
| token in clear | the probe's own token, or its own bytes where it has none, stand in the second | a log shipper that copies it |
| identical bytes | what was sent on both is equal, a PROXY header left out | two equal requests at once: the sender decides |
| identical answer | the process that had the first asked on the second while it had the request, in clear and without the probe's token, and what came back is what the client got | two requests with one answer at once: then it is not believed |
| same process wrote it | the process that had the first then opened or wrote the second, and read nothing else between | a health check at that very moment |
| time alone | nothing else happened in that namespace | anything; it is said |

Rule: a connection that carries another probe's token, another's ClientHello, or an HTTP head without this probe's token is not
this probe's. The last two bonds are only believed where no other request was on its way through the same receiver.
"""  # noqa: E501 - a table

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.trace.bodies import content
from lab.trace.http2 import packed
from lab.trace.lives import reads
from lab.trace.owners import NOBODY, Owner
from lab.trace.streams import packet_at, until
from lab.trace.talk import NOTHING, TLS, Talk, remembered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.observations import ClientReport
    from lab.trace.asked import Asked
    from lab.trace.connections import Connection
    from lab.trace.flows import Flow
    from lab.trace.owners import World

SAME_HELLO, TOKEN, IDENTICAL = "same ClientHello", "token in clear", "identical bytes"
ANSWER = "identical answer"
PROCESS, TIME = "same process wrote it", "time alone"
STRONG = (SAME_HELLO, TOKEN, IDENTICAL)
IDLE_NS = 250 * 10**6
"""Nobody spoke to a process for so long: what it asks then is for nobody's request."""
SHORTEST = 8
"""Bytes that must be equal to be called identical."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One connection of a probe's route."""

    connection: Connection
    talk: Talk = NOTHING
    sender: Owner = NOBODY
    receiver: Owner = NOBODY
    bond: str | None = None
    since_ns: int = 0
    """When the request began on it."""
    parent: int | None = None
    """Place in the route of the leg whose receiver sent this one."""

    @property
    def flow(self) -> Flow:
        return self.connection.best

    @property
    def failed(self) -> bool:
        """Nobody ever answered its SYN, or none went out, or it was answered by a reset. A datagram may have been read."""
        if self.flow.quic and self.receiver.owned:
            return False
        return not self.flow.accepted and bool(self.flow.syns or self.flow.attempt)

    @property
    def half(self) -> bool:
        """The receiving kernel took its SYN, and the client's acknowledgement, which ends the handshake, did not come there."""
        there, row = self.connection.receiver, self.receiver.row
        if there is None or there.quic or not there.syns or there.confirmed or there.refused:
            return False
        if row is not None:
            return row.state == "SYN-RECV"
        return there.accepted is not None and self.receiver.life is None


def own(data: bytes, meant: Asked) -> bool:
    """Whether the probe's own bytes stand in `data`: its token, as it is or as HTTP/2 packs it, or all of the request where
    it has none."""
    if meant.token:
        return any(form and form in data for form in (meant.token.encode(), packed(meant.token)))
    return len(meant.data) >= SHORTEST and meant.data in data


def said(leg: Leg, until_ns: int) -> bytes:
    """What the sender said on a leg for this request."""
    up, message = leg.flow.up, leg.talk.message
    return up.data[leg.talk.begin : message.end if message and message.end else until(up, until_ns)]


def strong(before: Leg, after: Leg, meant: Asked, until_ns: int) -> str | None:
    """The strongest bond that the bytes themselves give."""
    one, two = before.talk.hello, after.talk.hello
    if one and two:
        return SAME_HELLO if one.random == two.random else None
    here, there = said(before, until_ns), said(after, until_ns)
    if own(there, meant):
        return TOKEN if meant.token else IDENTICAL
    size = min(len(here), len(there))
    if size >= SHORTEST and here[:size] == there[:size] and (not meant.token or not own(here, meant)):
        return IDENTICAL
    return None


def same_answer(before: Leg, after: Leg, report: ClientReport) -> bool:
    """Whether what came back on a connection without the probe's token is what the client got: a proxy may take header fields
    away and ask for another path."""
    told = after.talk.status
    if told is None or told.code != report.status or not report.body or after.talk.begin >= len(after.flow.up.data):
        return False
    if packet_at(after.flow.up, after.talk.begin).time_ns < before.since_ns:
        return False
    down = after.flow.down
    back = packet_at(down, after.talk.answer + told.offset)
    return back.time_ns <= report.finished_ns and content(down.data[after.talk.answer + told.offset :]) == report.body


def excluded(world: World, before: Leg, after: Leg, meant: Asked, until_ns: int) -> bool:
    """Whether a connection without a strong bond is known not to be this probe's."""
    data = said(after, until_ns)
    if any(r.token and r.token != meant.token and r.token.encode() in data for r in world.index.seen.clients):
        return True
    if after.talk.protocol == TLS:
        return _somebody_elses_hello(world, before, after)
    if not data or not (meant.token or meant.data):
        return False  # nothing was said, or nothing is known that could be looked for
    # In clear, and the probe's own bytes are not in it. Without a token a rewritten request is told by its request line.
    return bool(meant.token) or not _same_request(after.talk, meant)


def _same_request(heard: Talk, meant: Asked) -> bool:
    head = heard.head
    return head is not None and meant.data.startswith(f"{head.method} {head.target} ".encode("latin-1"))


def _somebody_elses_hello(world: World, before: Leg, after: Leg) -> bool:
    """A ClientHello that came into this namespace on another connection is being passed through."""
    hello = after.talk.hello
    if hello is None:
        return False
    others = world.index.received_in.get(before.receiver.namespace or "", ())
    return any(hello.random in c.best.up.data[:600] for c in others if c.id not in (before.connection.id, after.connection.id))


def weak(world: World, before: Leg, after: Leg, *, alone: bool) -> str | None:
    """The bond by process or by time. `alone`: it is the only candidate."""
    begun = after.since_ns
    if rivals(world, before, after.connection, before.since_ns, begun):
        return None
    pid = before.receiver.pid
    if pid and _connected(after, pid):
        return PROCESS
    if pid and _wrote(after, pid, begun) and _read_before(before, pid, begun):
        return PROCESS
    return TIME if alone else None


def _connected(after: Leg, pid: int) -> bool:
    """It opened the second while it had the first; a forwarder does so before it reads."""
    life = after.sender.life
    return life is not None and life.connecter == pid and after.since_ns == after.flow.begun_ns


def _wrote(after: Leg, pid: int, since_ns: int) -> bool:
    life = after.sender.life
    if life is None:
        return False
    return any(e.pid == pid and e.event == "write" and e.time_ns >= since_ns for e in life.moves)


def _read_before(before: Leg, pid: int, time_ns: int) -> bool:
    life = before.receiver.life
    return life is not None and any(e.pid == pid and e.time_ns <= time_ns for e in reads(life))


def nobodys(world: World, before: Leg, after: Leg, meant: Asked, until_ns: int) -> bool:
    """Whether a request without any probe's token was sent by who had this request, when it had no other: it may be its own."""
    one, two = before.receiver.pid, after.sender.pid
    if not meant.token or after.since_ns > until_ns or after.since_ns < before.since_ns or (one and two and one != two):
        return False
    data = said(after, until_ns)
    if own(data, meant) or any(r.token and r.token.encode() in data for r in world.index.seen.clients):
        return False
    return weak(world, before, after, alone=True) is not None and not usual(world, before, after, until_ns)


def beside(world: World, before: Leg, after: Leg, meant: Asked, report: ClientReport) -> bool:
    """The same where it had others' requests too, and none of those that can be read asked for that."""
    one, two, until_ns = before.receiver.pid, after.sender.pid, report.finished_ns
    if not meant.token or not before.since_ns <= after.since_ns <= until_ns or (one and two and one != two):
        return False
    data = said(after, until_ns)
    if own(data, meant) or any(r.token and r.token.encode() in data for r in world.index.seen.clients):
        return False
    crowded = rivals(world, before, after.connection, before.since_ns, after.since_ns)
    return crowded and not _asked_for(world, before, after) and not usual(world, before, after, until_ns)


def _asked_for(world: World, before: Leg, after: Leg) -> bool:
    """Whether the same was asked of the sender, in clear, by others."""
    wanted, place = after.talk.head, before.receiver
    others = (c for c in world.index.received_in.get(place.namespace or "", ()) if c.id != before.connection.id)
    heads = (
        message.head
        for other in others if world.receivers[other.id].container in (None, place.container)
        for message in remembered(other.best, world.index.memo).messages
    )  # fmt: skip
    return wanted is not None and any(h and (h.method, h.target) == (wanted.method, wanted.target) for h in heads)


def usual(world: World, before: Leg, after: Leg, until_ns: int) -> bool:
    """Whether the sender asked the same there, or in TLS or without a word came there, when nobody had asked it for anything:
    as a health check does."""
    line = said(after, until_ns).partition(b"\r\n")[0] if after.talk.head else b""
    for other in world.index.sent_from.get(before.receiver.namespace or "", ()):
        times = _said_at(other, line, after) if other.best.server == after.flow.server else ()
        outside = (t for t in times if not before.since_ns <= t <= until_ns)
        if any(not rivals(world, before, other, t - IDLE_NS, t) for t in outside):
            return True
    return False


def _said_at(other: Connection, line: bytes, after: Leg) -> Iterator[int]:
    """When this line passed; without one, when another connection began."""
    flow = other.best
    if not line:
        yield from (p.time_ns for p in flow.syns[:1] if other.id != after.connection.id)
        return
    place = flow.up.data.find(line)
    while place >= 0:
        yield packet_at(flow.up, place).time_ns
        place = flow.up.data.find(line, place + len(line))


def rivals(world: World, before: Leg, after: Connection, since_ns: int, until_ns: int) -> bool:
    """Whether another connection brought the same receiver bytes between these two moments."""
    receiver = before.receiver
    for other in world.index.received_in.get(receiver.namespace or "", ()):
        if other.id in (before.connection.id, after.id):
            continue
        if _spoke(other.best, since_ns, until_ns) and world.receivers[other.id].container in (None, receiver.container):
            return True
    return False


def _spoke(flow: Flow, since_ns: int, until_ns: int) -> bool:
    return any(since_ns <= piece.time_ns <= until_ns for piece in flow.up.pieces)


def bound(leg: Leg, bond: str, parent: int) -> Leg:
    return replace(leg, bond=bond, parent=parent)
