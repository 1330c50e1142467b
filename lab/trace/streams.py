"""One direction of a TCP connection: its bytes in order, and for each byte the packet that brought it first.

Sources: RFC 9293, section 3.4 (sequence numbers count modulo 2^32); RFC 5681, section 4.2 (what comes out of order is
acknowledged at once). Rule: bytes are taken in order, a byte seen twice is taken once, and the stream stops where bytes are
missing: what follows a hole is not shown as if it followed the bytes before. Bytes that the peer acknowledged and nobody
captured are missing too. A hole for which the peer still asks is none in the evidence: those bytes have not come. Weak spot: a
connection older than the capture begins at the first byte that was seen.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.model.observations import Packet

HALF, WHOLE = 1 << 31, 1 << 32


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of one direction."""

    data: bytes = b""
    starts: tuple[int, ...] = ()
    """Offset at which the bytes of each of `pieces` begin."""
    pieces: tuple[Packet, ...] = ()
    whole: bool = True
    """False: bytes are missing behind `data`, or before it."""
    missing: str = ""
    """What is missing, in words."""
    syn: Packet | None = None
    fin: Packet | None = None
    reset: Packet | None = None
    repeated: int = 0
    """Segments all of whose bytes had been seen: retransmissions, or one packet on two interfaces."""
    base: int = 0
    """Sequence number of the first byte."""


def reassemble(packets: Sequence[Packet], back: Sequence[Packet] = ()) -> Stream:
    """The stream of the packets of one direction, in order of time. `back`: those of the other, for what it acknowledged."""
    syn = next((p for p in packets if "S" in p.flags), None)
    first = syn or next((p for p in packets if p.payload), None)
    base = (first.seq + (1 if syn else 0)) % WHOLE if first else 0
    collected = _Collected(base)
    for packet in packets:
        collected.take(packet)
    missing = collected.hole(back) or collected.unseen(back)
    return Stream(
        bytes(collected.data), tuple(collected.starts), tuple(collected.pieces), not missing, missing, syn,
        next((p for p in packets if "F" in p.flags), None),
        next((p for p in packets if "R" in p.flags), None), collected.repeated, base,
    )  # fmt: skip


class _Collected:
    """Bytes so far, and the segments that came too early."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.data, self.starts, self.pieces = bytearray(), list[int](), list["Packet"]()
        self.early: list[tuple[int, Packet]] = []
        self.repeated = 0

    def take(self, packet: Packet) -> None:
        if not packet.payload:
            return
        offset = self.offset(packet.seq + (1 if "S" in packet.flags else 0))
        if offset > len(self.data):
            self.early.append((offset, packet))
            return
        self.append(offset, packet)
        while ready := min((each for each in self.early if each[0] <= len(self.data)), default=None, key=_place):
            self.early.remove(ready)
            self.append(*ready)

    def append(self, offset: int, packet: Packet) -> None:
        fresh = packet.payload[len(self.data) - offset :]
        if not fresh:
            self.repeated += 1
            return
        self.starts.append(len(self.data))
        self.pieces.append(packet)
        self.data += fresh

    def offset(self, seq: int) -> int:
        return nearest(self.base, len(self.data), seq)

    def hole(self, back: Sequence[Packet]) -> str:
        if not self.early or self.asked_for(back):
            return ""
        offset, packet = min(self.early, key=_place)
        size = offset - len(self.data)
        return f"{size} bytes before {packet.file}:{packet.number} were not captured"

    def asked_for(self, back: Sequence[Packet]) -> bool:
        """Whether the other side, after all that came behind the hole, still asks for the bytes in it."""
        last = max(packet.time_ns for _, packet in self.early)
        later = [p for p in back if p.time_ns >= last and "A" in p.flags and "R" not in p.flags]
        return bool(later) and all(self.offset(p.ack) <= len(self.data) for p in later)

    def unseen(self, back: Sequence[Packet]) -> str:
        """Bytes that the other side acknowledged and that were not captured; one more is the FIN."""
        acknowledged = [(self.offset(p.ack), p) for p in back if "A" in p.flags and "R" not in p.flags]
        furthest, packet = max(acknowledged, default=(0, None), key=_place)
        if packet is None or not (self.pieces or self.base) or furthest <= len(self.data) + 1:
            return ""
        size = furthest - len(self.data)
        return f"{size} bytes that {packet.file}:{packet.number} acknowledges were not captured"


def nearest(base: int, size: int, seq: int) -> int:
    """Place of a sequence number in a stream of which `size` bytes are known: the nearest reading modulo 2^32."""
    distance = (seq - base - size) % WHOLE
    return size + (distance - WHOLE if distance >= HALF else distance)


def acknowledged(stream: Stream, packets: Sequence[Packet], until_ns: int | None = None) -> int:
    """How many bytes of the stream its receiver had acknowledged. `packets`: of both directions, in order of time.

    The FIN, which counts as one, is left out. 0 where nothing was sent.
    """
    if not stream.pieces:
        return 0
    source, size = stream.pieces[0].source, len(stream.data)
    acks = [
        nearest(stream.base, size, p.ack)
        for p in packets
        if p.source != source and "A" in p.flags and "R" not in p.flags and (until_ns is None or p.time_ns <= until_ns)
    ]
    return min(max(acks, default=0), size)


def _place(each: tuple[int, object]) -> int:
    return each[0]


def packet_at(stream: Stream, offset: int) -> Packet:
    """The packet that first brought the byte at `offset`. Raises IndexError if there is none."""
    if not 0 <= offset < len(stream.data):
        raise IndexError(f"byte {offset} of {len(stream.data)}")
    return stream.pieces[bisect_right(stream.starts, offset) - 1]


def offset_since(stream: Stream, time_ns: int) -> int:
    """Offset of the first byte that came at or after `time_ns`; the stream's length if none did."""
    for start, packet in zip(stream.starts, stream.pieces, strict=True):
        if packet.time_ns >= time_ns:
            return start
    return len(stream.data)


def until(stream: Stream, time_ns: int) -> int:
    """Offset behind the last byte that came at or before `time_ns`."""
    for start, packet in zip(stream.starts, stream.pieces, strict=True):
        if packet.time_ns > time_ns:
            return start
    return len(stream.data)
