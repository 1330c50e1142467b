"""How much of what came on a connection its kernel took, and how much of that a process took, counted from the stream's first
byte.

Sources: tcp(7) and net/ipv4/tcp_diag.c: the table's receive queue is what the kernel took in order and no process has read,
the peer's FIN counted as one. Rule: a lower bound is what a witness proves (bytes read, or acknowledged and no longer
queued); an upper bound is only told by a complete witness (the kernel's timeline without losses, or a row that still holds
the rest). Weak spot: a process may take bytes by splice(2), which is no read; then the two bounds cross and the upper one
is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.index import gaps
from lab.trace.lives import reads
from lab.trace.streams import acknowledged

if TYPE_CHECKING:
    from lab.model.observations import Packet, SocketRow
    from lab.trace.bonds import Leg
    from lab.trace.flows import Flow
    from lab.trace.index import Index
    from lab.trace.owners import Owner

QUEUED = ("ESTAB", "CLOSE-WAIT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2")
"""States in which the receive queue can hold what no process has read."""
ENDED_BY_PEER = ("CLOSE-WAIT",)
WAITING = ("ESTAB", "CLOSE-WAIT", "SYN-RECV")


@dataclass(frozen=True, slots=True)
class Taken:
    """Bounds, in bytes from the beginning of the stream towards the receiver."""

    arrived: int = 0
    """Seen at the receiver's interface (or acknowledged by it)."""
    delivered: int = 0
    """The receiving kernel is known to have taken at least so many."""
    at_least: int = 0
    """Processes are known to have taken at least so many."""
    at_most: int | None = None
    """... and no more than so many; None: no witness can tell."""
    unread: SocketRow | None = None
    """The row that told last how many wait."""


def unread(row: SocketRow) -> int:
    """Bytes in the receive buffer: the peer's FIN, which the queue counts, is none."""
    return row.recv_q - 1 if row.state in ENDED_BY_PEER and row.recv_q else row.recv_q


def taken(index: Index, leg: Leg) -> Taken:
    """What is known of the receiver's side of a leg."""
    flow = leg.connection.receiver
    if flow is None:
        return Taken()
    if flow.quic:
        return _of_datagrams(leg, flow)
    rows = [row for row in leg.receiver.rows if _tells(row)]
    sure = not gaps(index, "packets", flow.namespace) and not flow.up.missing
    acked = acknowledged(flow.up, flow.packets)
    arrived = max(len(flow.up.data), acked) if sure else max(len(leg.flow.up.data), acked)
    read = _read(leg)
    queued = [(acknowledged(flow.up, flow.packets, row.time_ns) - unread(row)) for row in rows]
    at_least = max([read, *queued, 0])
    return Taken(
        arrived=arrived,
        delivered=max([acked, at_least, _looked_at(leg), *(unread(row) for row in rows)]),
        at_least=at_least,
        at_most=_at_most(leg.receiver, flow, rows if sure else [], at_least, None if gaps(index, "kernel") else read),
        unread=rows[-1] if rows else None,
    )


def _of_datagrams(leg: Leg, flow: Flow) -> Taken:
    """Of QUIC: what the datagrams stand for that a process is known to have read; the kernel acknowledges none of it."""
    last, size = leg.receiver.read_up_to, len(flow.up.data)
    later = (
        start for start, piece in zip(flow.up.starts, flow.up.pieces, strict=True) if last and piece.time_ns > last.time_ns
    )
    read = next(later, size) if last else 0
    return Taken(arrived=size, delivered=max(read, size if leg.receiver.row else 0), at_least=read)


def _tells(row: SocketRow) -> bool:
    """A socket that its owner has closed, or that waits out its time, has no receive queue any more."""
    return row.state in (QUEUED if row.inode else WAITING)


def _read(leg: Leg) -> int:
    """Bytes that reads took. Of a connection older than the capture only those since the request began are counted."""
    life, flow = leg.receiver.life, leg.flow
    if life is None:
        return 0
    if flow.syns:
        return sum(event.size for event in reads(life))
    return leg.talk.begin + sum(event.size for event in reads(life) if event.time_ns >= leg.since_ns)


def _looked_at(leg: Leg) -> int:
    """Bytes that a process was shown without taking them (recv(2), MSG_PEEK): its kernel had them, though it need not have
    said so yet."""
    if leg.receiver.life is None or not leg.flow.syns:
        return 0
    taken, most = 0, 0
    for event in leg.receiver.life.moves:
        if event.event == "read" and event.size > 0:
            taken, most = (taken, max(most, taken + event.size)) if event.peek else (taken + event.size, most)
    return most


def _at_most(owner: Owner, flow: Flow, rows: list[SocketRow], at_least: int, read: int | None) -> int | None:
    """`read`: None where the kernel's timeline has losses."""
    bounds = []
    if read is not None and owner.life and owner.life.complete and flow.syns:
        bounds.append(read)
    if rows and not moved_after(flow, rows[-1].time_ns):
        bounds.append(0 if rows[-1].inode == 0 else len(flow.up.data) - unread(rows[-1]))
    return next((bound for bound in sorted(bounds) if bound >= at_least), None)


def moved_after(flow: Flow, time_ns: int) -> bool:
    """Whether anything passed on the connection after a row was seen."""
    return any(packet.time_ns > time_ns for packet in _with_bytes(flow))


def _with_bytes(flow: Flow) -> tuple[Packet, ...]:
    return (*flow.up.pieces[-1:], *flow.down.pieces[-1:])
