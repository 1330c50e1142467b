"""QUIC connections as one namespace saw them, put in the form of a TLS session over a stream.

Sources: RFC 9000, sections 5.1 (connection ids), 9 (an address may change), 12.2, 17.2.5 (Retry); RFC 9001, section 4 (QUIC's
packets stand where TLS has its records), 5.2 and 5.7 (who sends what when). Rule: a connection begins with an Initial packet
that opens with the keys that its own Destination Connection ID gives, which no other datagram does; a later datagram is its
by its addresses or by a connection id, whatever port it comes from. What stands in Initial packets is shown as handshake
records, each packet behind them as one encrypted record; the client's Finished stands before its first 1-RTT packet, which it
may not send earlier. So all that is known of TLS holds for QUIC. Weak spots: a client that changes its port and its id
together is lost without its secrets; a connection older than the capture is no connection.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.trace.flows import Flow
from lab.trace.quic_frames import CLOSE, CRYPTO, frames
from lab.trace.quic_keys import initial, opened
from lab.trace.quic_packets import HANDSHAKE, INITIAL, LONG, ONE_RTT, RETRY, ZERO_RTT, begins, whole_packets
from lab.trace.sealed import FINISHED
from lab.trace.streams import Stream
from lab.trace.tls_records import ALERT as ALERT_RECORD
from lab.trace.tls_records import APPLICATION
from lab.trace.tls_records import HANDSHAKE as HANDSHAKE_RECORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.model.observations import Endpoint, Packet
    from lab.trace.moments import Memo
    from lab.trace.quic_packets import QuicPacket

QUIET = 35
"""Bytes of a 1-RTT packet up to which it acknowledges and says no more."""
TLS_ERROR = 0x100
"""CONNECTION_CLOSE with this and an alert's number: the handshake of TLS failed (RFC 9001, section 4.8)."""


@dataclass(frozen=True, slots=True)
class Quic:
    """What is particular to a connection over QUIC."""

    version: int
    original: bytes
    """The client's first Destination Connection ID, from which the keys of Initial packets come."""
    client_ids: tuple[bytes, ...]
    """Chosen by the client: where the server's packets go."""
    server_ids: tuple[bytes, ...]
    addresses: tuple[Endpoint, ...]
    """From which the client's packets came, in order."""
    moved: tuple[Packet, ...]
    """The first packet from each further address."""
    said: tuple[tuple[tuple[str, int], tuple[str, ...]], ...]
    """(file, number) of a datagram -> the kinds of its packets."""
    sent: int
    """Bytes of the client's 1-RTT packets."""
    came: int
    """Bytes of the server's."""
    first_sent: Packet | None
    """The client's first 1-RTT packet: its handshake is done."""
    early: tuple[int, ...] = ()
    """Where in the stream towards the server the records begin that stand for 0-RTT packets."""


def quic_flows(packets: Iterable[Packet], memo: Memo) -> tuple[Flow, ...]:
    """All QUIC connections, by namespace, in the order in which they were first seen."""
    found: dict[str, list[_Building]] = defaultdict(list)
    for packet in sorted((p for p in packets if p.transport != "tcp"), key=lambda p: (p.time_ns, p.file, p.number)):
        _place(found[packet.namespace], packet)
    made = [_remembered(each, memo) for every in found.values() for each in every]
    return tuple(sorted(made, key=lambda flow: (flow.begun_ns, flow.namespace)))


def _place(known: list[_Building], packet: Packet) -> None:
    """Give a datagram to the connection that it belongs to, or begin one. The newest one on a pair of addresses has it."""
    owner = next((each for each in reversed(known) if each.owns(packet)), None)
    first = begins(packet.payload) if packet.transport == "udp" else None
    if first and (owner is None or (packet.destination == owner.server and first.destination not in owner.server_ids)):
        keys, _ = initial(first.destination, first.version)
        if opened(keys, packet.payload, first, 0):
            owner = _Building(packet, first)
            known.append(owner)
    if owner:
        owner.add(packet)


@dataclass(slots=True)
class _Building:
    """A connection under construction."""

    first: Packet
    begun: QuicPacket
    addresses: list[Endpoint] = field(default_factory=list)
    moved: list[Packet] = field(default_factory=list)
    client_ids: dict[bytes, None] = field(default_factory=dict)
    server_ids: dict[bytes, None] = field(default_factory=dict)
    packets: list[Packet] = field(default_factory=list)
    known: set[tuple[Endpoint, bytes]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.addresses.append(self.first.source)
        self.client_ids[self.begun.source] = None
        self.server_ids[self.begun.destination] = None

    @property
    def server(self) -> Endpoint:
        return self.first.destination

    def owns(self, packet: Packet) -> bool:
        if packet.destination == self.server and packet.transport == "udp":
            return packet.source in self.addresses or _carries(packet.payload, self.server_ids)
        return packet.source == self.server and packet.destination in self.addresses

    def add(self, packet: Packet) -> None:
        """Take it, once: a datagram that is seen again came over two interfaces, for QUIC repeats none."""
        if (packet.source, packet.payload) in self.known and packet.transport == "udp":
            return
        self.known.add((packet.source, packet.payload))
        self.packets.append(packet)
        up = packet.destination == self.server
        if up and packet.source not in self.addresses:
            self.addresses.append(packet.source)
            self.moved.append(packet)
        for each in whole_packets(packet.payload):
            if each.kind != ONE_RTT:
                (self.client_ids if up else self.server_ids)[each.source] = None


def _carries(payload: bytes, ids: Iterable[bytes]) -> bool:
    """Whether a datagram's first packet goes to one of these ids."""
    if not payload:
        return False
    at = 6 if payload[0] & LONG else 1
    return any(each and payload[at : at + len(each)] == each for each in ids)


def _remembered(built: _Building, memo: Memo) -> Flow:
    key = built.packets[0].file, built.packets[0].number, built.packets[-1].number, -len(built.packets)
    if key not in memo.flows:
        memo.flows[key] = _flow(built)
    return memo.flows[key]


def _flow(built: _Building) -> Flow:
    reading = _Reading(built.begun.destination)
    up, down = _Written(), _Written()
    said, early = {}, list[int]()
    for packet in built.packets:
        going_up = packet.destination == built.server
        kinds = []
        for part, records in reading.datagram(packet, up=going_up) if packet.transport == "udp" else ():
            kinds.append(part.kind)
            early += [len(up.data)] if part.kind == ZERO_RTT and going_up else []
            (up if going_up else down).take(packet, records)
        said[packet.file, packet.number] = tuple(kinds)
    sent = [p for p in built.packets if p.destination == built.server]
    back = [p for p in built.packets if p.source == built.server and p.transport == "udp"]
    refused = next((p for p in built.packets if p.transport == "icmp"), None) if not back else None
    unanswered = [p for p in sent if not back or p.time_ns < back[0].time_ns]
    return Flow(
        built.first.namespace, built.first.source, built.server, tuple(built.packets), tuple(unanswered[:1] or sent[:1]),
        back[0] if back else None, None, refused, up.stream(), down.stream(),
        Quic(
            built.begun.version, built.begun.destination, tuple(built.client_ids), tuple(built.server_ids),
            tuple(built.addresses), tuple(built.moved), tuple(said.items()), reading.sizes[True], reading.sizes[False],
            reading.first_sent, tuple(early),
        ),
    )  # fmt: skip


class _Reading:
    """What the packets of both sides say, read in order of time."""

    def __init__(self, destination: bytes) -> None:
        self.destination = destination
        self.expected = {True: 0, False: 0}
        self.crypto = {True: Pieces(), False: Pieces()}
        self.sizes = {True: 0, False: 0}
        self.first_sent: Packet | None = None

    def datagram(self, packet: Packet, *, up: bool) -> Iterator[tuple[QuicPacket, bytes]]:
        """Its packets, each with the records that it stands for."""
        for part in whole_packets(packet.payload):
            if part.kind == RETRY and not up:
                self.destination = part.source  # the client begins again, and keys are those of the id that it was given
            yield part, b"".join(self._records(packet, part, up=up))

    def _records(self, packet: Packet, part: QuicPacket, *, up: bool) -> Iterator[bytes]:
        if part.kind == INITIAL:
            yield from self._in_clear(packet.payload, part, up=up)
        elif part.kind == ONE_RTT:
            self.sizes[up] += part.size
            if up and self.first_sent is None:
                self.first_sent = packet
                yield _record(APPLICATION, bytes(FINISHED[0]))
            if part.size > QUIET:
                yield _record(APPLICATION, packet.payload[part.begin : part.end])
        elif (part.kind == HANDSHAKE and not up) or (part.kind == ZERO_RTT and up):
            yield _record(APPLICATION, packet.payload[part.begin : part.end])

    def _in_clear(self, datagram: bytes, part: QuicPacket, *, up: bool) -> Iterator[bytes]:
        keys = initial(self.destination, part.version)[0 if up else 1]
        found = opened(keys, datagram, part, self.expected[up])
        if found is None:
            return
        self.expected[up] = max(self.expected[up], found.number + 1)
        for frame in frames(found.payload):
            if frame.kind == CRYPTO and (fresh := self.crypto[up].take(frame.offset, frame.data)):
                yield _record(HANDSHAKE_RECORD, fresh)
            if frame.kind == CLOSE and TLS_ERROR <= frame.error < 2 * TLS_ERROR:
                yield _record(ALERT_RECORD, bytes((2, frame.error - TLS_ERROR)))


class Pieces:
    """Bytes that may come out of order, given on in order."""

    def __init__(self) -> None:
        self.end = 0
        self.early: dict[int, bytes] = {}

    def take(self, offset: int, data: bytes) -> bytes:
        """What follows without a gap on what was given before."""
        self.early[offset] = max(self.early.get(offset, b""), data, key=len)
        fresh = bytearray()
        while ready := [at for at in self.early if at <= self.end + len(fresh)]:
            for at in ready:
                fresh += self.early.pop(at)[self.end + len(fresh) - at :]
        self.end += len(fresh)
        return bytes(fresh)


def _record(kind: int, body: bytes) -> bytes:
    """One record; a datagram that offloading put together from several may be longer than one can be."""
    most = 1 << 14
    return b"".join(
        bytes((kind, 3, 3)) + len(body[at : at + most]).to_bytes(2) + body[at : at + most] for at in range(0, len(body), most)
    )


class _Written:
    """One direction's bytes, and the datagrams that brought them."""

    def __init__(self) -> None:
        self.data, self.starts, self.pieces = bytearray(), list[int](), list["Packet"]()

    def take(self, packet: Packet, records: bytes) -> None:
        if records:
            self.starts.append(len(self.data))
            self.pieces.append(packet)
            self.data += records

    def stream(self) -> Stream:
        return Stream(bytes(self.data), tuple(self.starts), tuple(self.pieces))
