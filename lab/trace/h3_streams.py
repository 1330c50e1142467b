"""The streams of one HTTP/3 connection, out of QUIC packets that the client's own secrets open.

Sources: RFC 9001, sections 5 and 6; RFC 9000, sections 2.1 (a client's two-way streams have ids that four divides) and 19.8;
RFC 9114, sections 4.1 and 7.2; RFC 9204, section 4.5 and appendix A (packed fields). Rule: as for HTTP/2, frames are read and
nobody's word is taken; if a single 1-RTT packet does not open, nothing is told of any stream, a stateless reset excepted.
Offsets are those of the connection's records (`lab.trace.quic_flows`): of the datagram that brought a byte. Weak spots: keys
that were updated; fields that stand in the table of the encoder and not in the block.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lab.trace.early import CLIENT as CLIENT_EARLY
from lab.trace.early import in_packets
from lab.trace.h2_streams import FINAL, Stream, own
from lab.trace.http2 import literal
from lab.trace.quic_flows import Pieces
from lab.trace.quic_frames import RESET, STREAM, frames
from lab.trace.quic_keys import SIZES, Keys, Opened, opened, traffic
from lab.trace.quic_packets import ONE_RTT, ZERO_RTT, NotQuic, take, varint, whole_packets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from lab.model.observations import Packet, Secret
    from lab.trace.flows import Flow
    from lab.trace.quic_frames import Frame
    from lab.trace.quic_packets import QuicPacket
    from lab.trace.streams import Stream as Wire
    from lab.trace.talk import Talk

HEADERS = 1
RESET_LESS = 43
"""Bytes below which a datagram of the server that does not open is a stateless reset, as one that answers a short packet is
(RFC 9000, section 10.3)."""
STATUSES = {
    24: 103, 25: 200, 26: 304, 27: 404, 28: 503, 63: 100, 64: 204, 65: 206, 66: 302, 67: 400, 68: 403, 69: 421, 70: 425,
    71: 500,
}  # fmt: skip
"""Place of `:status` in QPACK's static table -> its value (RFC 9204, appendix A)."""


def within(said: Talk, flow: Flow, secrets: Iterable[Secret], mine: Callable[[bytes], bool]) -> Talk:
    """The streams inside, and the one whose request is one's own."""
    said = replace(said, early=in_packets(said, flow, secrets))
    found = streams(said, flow, secrets)
    return said if found is None else replace(said, streams=found, stream=own(found, mine))


def streams(said: Talk, flow: Flow, secrets: Iterable[Secret]) -> tuple[Stream, ...] | None:
    """The streams in the order in which they were opened; None: secrets or packets are missing."""
    if said.hello is None or said.reply is None or flow.quic is None or said.reply.cipher not in SIZES:
        return None
    known = {one.label: one.secret for one in secrets if one.random == said.hello.random}
    up, down = known.get("CLIENT_TRAFFIC_SECRET_0"), known.get("SERVER_TRAFFIC_SECRET_0")
    if up is None or down is None:
        return None
    cipher, version = said.reply.cipher, flow.quic.version
    there = _Side(traffic(up, cipher, version), flow.quic.server_ids, _places(flow.up))
    there.early, there.refused = _early(said, known, version), bool(said.early and said.early.taken is False)
    back = _Side(traffic(down, cipher, version), flow.quic.client_ids, _places(flow.down))
    for packet in flow.packets:
        side = there if packet.destination == flow.server else back
        if packet.transport == "udp" and not side.take(packet) and not (side is back and len(packet.payload) < RESET_LESS):
            return None
    return tuple(_stream(number, one, back.streams.get(number, _Bytes())) for number, one in sorted(there.streams.items()))


def _early(said: Talk, known: Mapping[str, bytes], version: int) -> Keys | None:
    """Keys of early data. A session that is resumed with them keeps its cipher suite (RFC 8446, section 4.2.10)."""
    secret = known.get(CLIENT_EARLY)
    return traffic(secret, said.reply.cipher, version) if secret and said.reply else None


def _places(wire: Wire) -> dict[tuple[str, int], tuple[int, int]]:
    """(file, number) of a datagram -> where its records begin and end."""
    ends = (*wire.starts[1:], len(wire.data))
    return {(p.file, p.number): (begin, end) for p, begin, end in zip(wire.pieces, wire.starts, ends, strict=True)}


@dataclass(slots=True)
class _Bytes:
    """One direction of one stream."""

    pieces: Pieces = field(default_factory=Pieces)
    data: bytearray = field(default_factory=bytearray)
    brought: list[tuple[int, int, int]] = field(default_factory=list)
    """End in `data`; beginning and end of the datagram's records that brought it."""
    size: int | None = None
    """Of the whole, once its end was announced."""
    reset: int | None = None
    early: bool = False
    """Something of it came as early data."""

    @property
    def whole(self) -> bool:
        return self.size is not None and len(self.data) >= self.size

    def place(self, offset: int) -> tuple[int, int]:
        return next(((begin, end) for until, begin, end in self.brought if until > offset), self.brought[-1][1:])


class _Side:
    """The 1-RTT packets of one direction, and those of early data."""

    early: Keys | None = None
    refused = False
    """Early data were not taken, so what they brought came again."""

    def __init__(self, keys: Keys, ids: tuple[bytes, ...], places: dict[tuple[str, int], tuple[int, int]]) -> None:
        self.keys, self.ids, self.places = keys, ids, places
        self.expected = 0
        self.here = (0, 0)
        self.streams: dict[int, _Bytes] = {}

    def take(self, packet: Packet) -> bool:
        """Whether all of a datagram's 1-RTT packets opened, and of early data."""
        self.here = self.places.get((packet.file, packet.number), self.here)
        for part in whole_packets(packet.payload):
            if part.kind == ZERO_RTT and not self._open_early(packet.payload, part):
                return False
            if part.kind == ONE_RTT and not self._open(packet.payload, part):
                return False
        return True

    def _open_early(self, datagram: bytes, part: QuicPacket) -> bool:
        found = opened(self.early, datagram, part, self.expected) if self.early else None
        if found is not None:
            self._frames(found, early=True)
        return found is not None

    def _open(self, datagram: bytes, part: QuicPacket) -> bool:
        behind = datagram[part.begin + 1 : part.end]
        sizes = dict.fromkeys([*(len(one) for one in self.ids if behind.startswith(one)), *(len(one) for one in self.ids)])
        found = next(filter(None, (opened(self.keys, datagram, part, self.expected, size) for size in sizes)), None)
        if found is None:
            return False
        self._frames(found, early=False)
        return True

    def _frames(self, found: Opened, *, early: bool) -> None:
        """0-RTT and 1-RTT packets are numbered together (RFC 9000, section 12.3)."""
        self.expected = max(self.expected, found.number + 1)
        for frame in frames(found.payload):
            if frame.kind in (STREAM, RESET) and frame.stream % 4 == 0:
                self.streams.setdefault(frame.stream, _Bytes()).early |= early
                if not (early and self.refused):
                    self._frame(frame)

    def _frame(self, frame: Frame) -> None:
        stream = self.streams.setdefault(frame.stream, _Bytes())
        if frame.kind == RESET:
            stream.reset = self.here[1]
            return
        if fresh := stream.pieces.take(frame.offset, frame.data):
            stream.data += fresh
            stream.brought.append((len(stream.data), *self.here))
        if frame.fin:
            stream.size = frame.offset + len(frame.data)


def _stream(number: int, asked: _Bytes, back: _Bytes) -> Stream:
    head = next(_headers(asked.data), None)
    final = next((each for each in _headers(back.data) if (status(each[1]) or FINAL) >= FINAL), None)
    begin, last = (asked.brought[0][1], asked.brought[-1][2]) if asked.brought else (asked.reset or 0, asked.reset or 0)
    return Stream(
        number=number, begin=begin, head=head[1] if head else b"",
        head_end=asked.place(head[0] + len(head[1]) - 1)[1] if head else None, last=last, ended=asked.whole, reset=asked.reset,
        answer=back.place(final[0])[0] if final else None, status=status(final[1]) if final else None,
        answered=final is not None and back.whole, refused=back.reset is not None, early=asked.early,
    )  # fmt: skip


def _headers(came: bytes | bytearray) -> Iterator[tuple[int, bytes]]:
    """Whole blocks of fields, each with its offset."""
    data, at = bytes(came), 0
    try:
        while at < len(data):
            kind, at = varint(data, at)
            size, at = varint(data, at)
            if kind == HEADERS:
                yield at, take(data, at, size)
            at += size
    except NotQuic:
        return


def status(block: bytes) -> int | None:
    """The status that a block of an answer's fields begins with; None: the encoder's table has it, or it is none."""
    try:
        at = _integer(block, _integer(block, 0, 8)[1], 7)[1]  # required insert count, base
        if take(block, at, 1)[0] & 0xC0 == 0xC0:
            return STATUSES.get(_integer(block, at, 6)[0])
        if block[at] & 0xF0 == 0x50:
            name, at = _integer(block, at, 4)
            return literal(block[at:]) if name in STATUSES else None
    except NotQuic:
        pass
    return None


def _integer(data: bytes, at: int, bits: int) -> tuple[int, int]:
    """A number with a prefix of so many bits (RFC 7541, section 5.1), and the offset behind it."""
    most = (1 << bits) - 1
    value, at = take(data, at, 1)[0] & most, at + 1
    if value < most:
        return value, at
    for shift in range(0, 35, 7):
        more, at = take(data, at, 1)[0], at + 1
        value += (more & 0x7F) << shift
        if more < 0x80:
            return value, at
    raise NotQuic("a number without an end")
