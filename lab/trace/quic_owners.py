"""Who had one end of a QUIC connection: the kernel knows datagrams and sockets for them, and of the connection nothing.

Sources: udp(7); RFC 9000, section 5 (connections live in the process alone). Rule: the receiver is who read datagrams of this
connection's sizes, in their order, from a socket on its port, a connected socket before a specific address before the
wildcard; where nobody is seen to read, the holder of that socket if there is one alone. Weak spots: several datagrams of one
size at once by two connections to one port are told apart by order alone; where offloading hands on several as one read,
their sizes add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.index import SLACK_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lab.model.observations import Endpoint, KernelEvent, Packet, SocketRow
    from lab.trace.flows import Flow
    from lab.trace.index import Index

MOST_TOGETHER = 64
"""Datagrams that one read may bring (UDP_GRO, udp(7))."""
ANY = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Having:
    """Who had it, by its socket and by reads."""

    socket: SocketRow | None
    """On which it came in."""
    holders: tuple[int, ...]
    reads: tuple[KernelEvent, ...]
    writes: tuple[KernelEvent, ...]
    read_up_to: Packet | None
    """The last of its datagrams that is known to have been read."""
    waiting: SocketRow | None
    """Its socket, with something unread in it, after the last datagram came."""

    @property
    def pid(self) -> int | None:
        """Who read most of it; else the only holder."""
        pids = [event.pid for event in self.reads if event.pid]
        if pids:
            return max(dict.fromkeys(pids), key=pids.count)
        return self.holders[0] if len(self.holders) == 1 else None

    @property
    def owned(self) -> bool | None:
        return True if self.reads else None


NOTHING = Having(None, (), (), (), None, None)


def having(index: Index, flow: Flow, *, initiated: bool = False) -> Having:
    """The end that received it; with `initiated` the one that began it."""
    local, peers = (flow.client, (flow.server,)) if initiated else (flow.server, flow.quic.addresses if flow.quic else ())
    rows = [row for row in index.datagram_rows.get(flow.namespace, ()) if _takes(row, local, peers)]
    socket = _socket(rows, local, flow.begun_ns)
    holders = tuple(sorted({pid for row in rows if _alike(row, socket, peers) for pid in row.holders}))
    packets = flow.packets
    came = [p for p in packets if (p.source == flow.server) == initiated and p.transport == "udp"]
    sent = [p for p in packets if (p.source == flow.server) != initiated]
    moves = [e for e in index.datagram_moves.get(flow.namespace, ()) if _of_it(e, flow, local, holders)]
    reads, last = _matched([e for e in moves if e.event == "read"], came)
    waiting = next((row for row in reversed(rows) if row.recv_q and came and row.time_ns >= came[-1].time_ns), None)
    return Having(socket, holders, reads, _written([e for e in moves if e.event == "write"], sent), last, waiting)


def _takes(row: SocketRow, local: Endpoint, peers: Sequence[Endpoint]) -> bool:
    mine = row.local[1] == local[1] and row.local[0] in (local[0], *ANY)
    return mine and (row.state == "UNCONN" or row.peer in peers)


def _socket(rows: Sequence[SocketRow], local: Endpoint, time_ns: int) -> SocketRow | None:
    """The socket that took its first datagram: seen before it, or soonest after it, the specific address before the
    wildcard."""
    free = [row for row in rows if row.state == "UNCONN"] or list(rows)
    order = ((local[0], *ANY).index, lambda row: (row.time_ns > time_ns, abs(row.time_ns - time_ns)))
    return min(free, key=lambda row: (order[0](row.local[0]), order[1](row)), default=None)


def _alike(row: SocketRow, socket: SocketRow | None, peers: Sequence[Endpoint]) -> bool:
    """Sockets that share its address (SO_REUSEPORT), and those that were connected to this very client."""
    return socket is not None and (row.local == socket.local or row.peer in peers)


def _of_it(event: KernelEvent, flow: Flow, local: Endpoint, holders: Sequence[int]) -> bool:
    if event.peek or event.size <= 0 or not flow.begun_ns - SLACK_NS <= event.time_ns <= flow.ended_ns + 10**9:
        return False
    if holders and event.pid not in holders:
        return False
    known = bool(event.local and event.local[1])
    return event.local[1] == local[1] if known and event.local else bool(holders)


def _matched(reads: Iterable[KernelEvent], came: Sequence[Packet]) -> tuple[tuple[KernelEvent, ...], Packet | None]:
    """Reads that are of these datagrams, each of the next ones whose sizes it has; and the last datagram read."""
    found, at = [], 0
    for event in reads:
        place = _place(event, came, at)
        if place is not None:
            found.append(event)
            at = place
    return tuple(found), came[at - 1] if at else None


def _place(event: KernelEvent, came: Sequence[Packet], at: int) -> int | None:
    """Behind the datagrams that a read brought; None: none of these. One that was dropped before may be left out."""
    for begin in range(at, len(came)):
        size = 0
        for end in range(begin, min(begin + MOST_TOGETHER, len(came))):
            if came[end].time_ns > event.time_ns + SLACK_NS:
                return None
            size += len(came[end].payload)
            if size >= event.size:
                break
        if size == event.size:
            return end + 1
    return None


def _written(writes: Iterable[KernelEvent], sent: Sequence[Packet]) -> tuple[KernelEvent, ...]:
    return tuple(_near(writes, {len(packet.payload) for packet in sent}))


def _near(writes: Iterable[KernelEvent], sizes: set[int]) -> Iterator[KernelEvent]:
    yield from (event for event in writes if event.size in sizes)
