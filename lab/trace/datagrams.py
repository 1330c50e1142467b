"""One exchange of datagrams: where they were seen, whose socket they were for, who read them, what came back.

Sources: udp(7), RFC 768, RFC 792 (port unreachable). Rule: there is no connection and nothing to accept; a datagram is
received by the process that reads it from a socket on its port. A socket gives its datagrams in the order in which they came,
one a read, so a read is the datagram's if no earlier one of its size is left to be read. Weak spots: a reader with too small
a buffer cuts a datagram, and its read is then not known for one; a datagram in fragments is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.index import SLACK_NS
from lab.trace.owners import taking

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.observations import AppEvent, ClientReport, Endpoint, KernelEvent, Packet, SocketRow
    from lab.trace.index import Index

LATE_NS = 5 * 10**9
"""An application may report a step so long after the last packet."""


@dataclass(frozen=True, slots=True)
class View:
    """What one namespace saw of an exchange."""

    namespace: str
    up: tuple[Packet, ...]
    """Client to service."""
    down: tuple[Packet, ...]
    refused: Packet | None
    """Port unreachable."""

    @property
    def packets(self) -> tuple[Packet, ...]:
        """All, in order of time."""
        last = (self.refused,) if self.refused else ()
        return tuple(sorted((*self.up, *self.down, *last), key=lambda packet: packet.time_ns))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One probe's datagrams, and what became of them."""

    report: ClientReport
    sent: View
    """As the client's namespace saw it."""
    came: View | None
    """As the namespace saw it that has the address; None: no captured one."""
    socket: SocketRow | None
    """Who had the port, by the socket table."""
    rows: tuple[SocketRow, ...]
    """Rows of that port since, in order of time."""
    reads: tuple[KernelEvent, ...]
    """Of these datagrams, as far as the kernel's timeline tells."""
    unmatched: bool
    """Whether a holder of the port read something since that is known to be no other's: perhaps one of these, cut short."""
    alone: bool
    """Whether nothing else came to that port in the whole case."""
    events: tuple[AppEvent, ...]
    """What the application at its other end reports."""

    @property
    def answered(self) -> bool:
        return bool(self.sent.down or (self.came and self.came.down))

    @property
    def refused(self) -> Packet | None:
        return (self.came.refused if self.came else None) or self.sent.refused

    def said(self, *events: str) -> bool:
        return any(event.event in events for event in self.events)


def exchange(index: Index, report: ClientReport) -> Exchange | None:
    """The datagrams of a probe, by its client's two ends; None: it sent none that were captured."""
    if report.local is None or report.peer is None:
        return None
    sent = _view(index, report, report.namespace, (report.local, report.peer))
    if sent is None:
        return None
    came = _came(index, report, sent)
    rows = [row for row in index.datagram_rows.get(came.namespace, ()) if _takes(row, came.up[0])] if came else []
    first = came.up[0] if came else sent.up[0]
    reads, left = _reads(index, came, rows) if came else ((), ())
    return Exchange(
        report=report, sent=sent, came=came, socket=taking(rows, first.destination, first.time_ns),
        rows=tuple(row for row in rows if row.time_ns >= first.time_ns),
        reads=reads, unmatched=any(e.time_ns >= first.time_ns for e in left),
        alone=came is None or len(_to_port(index, came)) == len(came.up),
        events=tuple(_events(index, report, came)) if came else (),
    )  # fmt: skip


def _view(index: Index, report: ClientReport, namespace: str, ends: tuple[Endpoint, Endpoint]) -> View | None:
    def between(source: Endpoint, target: Endpoint) -> list[Packet]:
        found = index.datagrams.get((namespace, source, target), ())
        return [p for p in found if report.started_ns - SLACK_NS <= p.time_ns <= report.finished_ns + SLACK_NS]

    up, down = between(*ends), between(*ends[::-1])
    answers = tuple(p for p in down if p.transport == "udp")
    refused = next((p for p in down if p.transport == "icmp"), None)
    mine = tuple(p for p in up if p.transport == "udp")
    return View(namespace, mine, answers, refused) if mine else None


def _came(index: Index, report: ClientReport, sent: View) -> View | None:
    """In the namespace that has the address it was sent to; where that was rewritten, in the one that it came to."""
    source, data = sent.up[0].source, sent.up[0].payload
    homes = {n.name: {a for i in n.interfaces for a in i.addresses} for n in index.seen.inventory.namespaces}
    for (namespace, begin, target), packets in index.datagrams.items():
        own = target[0] in homes.get(namespace, ()) or target[0].startswith("127.") or target[0] == "::1"
        same = begin == source and (target == sent.up[0].destination or packets[0].payload == data)
        if own and same and (namespace == report.namespace) == (target[0] in homes.get(report.namespace, ())):
            return _view(index, report, namespace, (begin, target))
    return None


def _takes(row: SocketRow, packet: Packet) -> bool:
    """Whether a socket can be given it: on its address or a wildcard, connected to nobody or to its sender (udp(7))."""
    address, port = packet.destination
    mine = row.local[1] == port and row.local[0] in (address, "0.0.0.0", "::")  # noqa: S104 - compared, not bound
    return mine and (row.state == "UNCONN" or row.peer == packet.source)


def _reads(index: Index, came: View, rows: Sequence[SocketRow]) -> tuple[tuple[KernelEvent, ...], tuple[KernelEvent, ...]]:
    """The reads of its datagrams, each matched with the one that it must be of; and those that are of none."""
    holders = {pid for row in rows for pid in row.holders}
    left = [e for e in index.datagram_moves.get(came.namespace, ()) if _read_here(e, came, holders)]
    if not holders and not any(e.local for e in left):
        return (), tuple(left)  # of whatever socket
    mine, found = {(p.file, p.number) for p in came.up}, []
    for packet in _to_port(index, came):
        read = next((e for e in left if e.size == len(packet.payload) and e.time_ns + SLACK_NS >= packet.time_ns), None)
        if read:
            left.remove(read)
            found += [read] if (packet.file, packet.number) in mine else []
    return tuple(found), tuple(left)


def _read_here(event: KernelEvent, came: View, holders: set[int]) -> bool:
    """By a holder of the port; where each event has its ends, on that port and from that client."""
    if event.event != "read" or event.peek or event.size < 0 or (holders and event.pid not in holders):
        return False
    port = came.up[0].destination[1]
    return event.local[1] == port if event.local and event.local[1] else True


def _to_port(index: Index, came: View) -> list[Packet]:
    """All datagrams that came to that port, in order of time."""
    port = came.up[0].destination[1]
    found = [
        p for (namespace, _, target), packets in index.datagrams.items() if namespace == came.namespace and target[1] == port
        for p in packets if p.transport == "udp"
    ]  # fmt: skip
    return sorted(found, key=lambda packet: packet.time_ns)


def _events(index: Index, report: ClientReport, came: View) -> Iterator[AppEvent]:
    ends, until = (came.up[0].destination, came.up[0].source), report.finished_ns + LATE_NS
    for event in index.seen.application:
        if (event.local, event.peer) == ends and report.started_ns - SLACK_NS <= event.time_ns <= until:
            yield event


def sent_on(index: Index, found: Exchange) -> bool:
    """Whether the receiving namespace sent something else while the datagram was there: on that it may have travelled on."""
    if found.came is None:
        return False
    place, begun, until = found.came.namespace, found.came.up[0].time_ns, found.report.finished_ns
    port = found.came.up[0].destination[1]
    others = (
        p for (namespace, source, target), packets in index.datagrams.items()
        if namespace == place and source[1] != port and target[1] not in (53, port) and not target[0].startswith("127.0.0.11")
        for p in packets if p.transport == "udp" and (p.outgoing or p.source[0].startswith("127."))
    )  # fmt: skip
    datagrams = any(begun <= p.time_ns <= until and p.source != found.came.up[0].source for p in others)
    opened = any(begun <= c.begun_ns <= until for c in index.sent_from.get(place, ()))
    return datagrams or opened
