"""Which segments are lost, late, held or delayed: counting, without a socket.

Rule: only segments with payload to the watched port and addresses count, from 1; retransmissions count like any
other. What is late goes on as soon as a later one has passed, and after `HOLD` seconds in any case; what is held waits
until it is let go, and what its sender repeats meanwhile is dropped, for it would pass the one that waits. Weak spot:
the port is not where it is looked for in a later fragment or behind IPv6 extension headers: that passes uncounted.
"""

from __future__ import annotations

import ipaddress
import math
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from recorder.queueing import ACCEPT, DROP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOLD = 2.0
"""Seconds that a segment is held back at most."""
RESOLVER = ipaddress.ip_address("127.0.0.11")
"""The engine's own, in each namespace: never touched."""

WHOLE = 1 << 32
"""Sequence numbers count modulo this (RFC 9293, section 3.4)."""

Verdict = tuple[int, int]
"""Packet and what becomes of it."""


FIN, SYN, RST = 1, 2, 4
"""Flags of TCP (RFC 9293, section 3.1)."""


class Segment(NamedTuple):
    """What the heads of a packet say."""

    source: str
    destination: str
    port: int
    """Of the destination."""
    payload: int
    """Bytes."""
    sender: int = 0
    """Port of the source."""
    flags: int = 0
    seq: int = 0


KINDS: Mapping[str, Callable[[Segment], bool]] = {
    "all": lambda _: True,
    "data": lambda each: each.payload > 0,
    "syn": lambda each: bool(each.flags & SYN),
    "fin": lambda each: bool(each.flags & FIN),
    "rst": lambda each: bool(each.flags & RST),
    "ack": lambda each: each.flags > 0 and not each.payload and not each.flags & (SYN | FIN | RST),
}
"""Word -> segments that it means: `ack` those that acknowledge and say nothing else, `syn` both SYN and SYN-ACK."""


class Chosen(NamedTuple):
    """Segments that something is to become of."""

    numbers: frozenset[int] = frozenset()
    """Of those with payload."""
    kind: str = ""
    """One of `KINDS`; empty: none but the numbers."""

    def has(self, segment: Segment, number: int) -> bool:
        """`number`: how many with payload there were, this one included."""
        kind = self.kind and KINDS[self.kind](segment)
        return bool(kind) or (segment.payload > 0 and number in self.numbers)


class Held(NamedTuple):
    """A packet that waits."""

    packet: int
    until: float
    """Monotonic seconds; infinite: until it is let go."""
    segment: Segment
    late: bool = False
    """It goes on behind the next one."""


NONE = Chosen()


@dataclass(slots=True)
class Ruling:
    """What is to become of segments, and how many there were."""

    port: int | None
    addresses: frozenset[str] | None = None
    """Destinations that count; None: all."""
    lose: Chosen = NONE
    late: frozenset[int] = frozenset()
    hold: Chosen = NONE
    delay: float = 0.0
    """Seconds that each waits."""
    count: int = 0
    held: list[Held] = field(default_factory=list)


def rule(ruling: Ruling, packet: int, heads: bytes, now: float) -> list[Verdict]:
    """Verdicts to give now, in this order."""
    segment = read(heads)
    if segment is None or not _concerns(ruling, segment):
        return [(packet, ACCEPT)]
    ruling.count += segment.payload > 0
    if ruling.lose.has(segment, ruling.count) or _repeats(ruling, segment):
        return [(packet, DROP)]
    if waits := _waits(ruling, packet, segment, now):
        ruling.held.append(waits)
        return []
    return [(packet, ACCEPT), *(_let_go(ruling, lambda each: each.late) if segment.payload else ())]


def _waits(ruling: Ruling, packet: int, segment: Segment, now: float) -> Held | None:
    if ruling.hold.has(segment, ruling.count):
        return Held(packet, math.inf, segment)
    if segment.payload and ruling.count in ruling.late:
        return Held(packet, now + HOLD, segment, late=True)
    return Held(packet, now + ruling.delay, segment) if ruling.delay else None


def _repeats(ruling: Ruling, segment: Segment) -> bool:
    """Whether it brings again what waits to be let go, alone or with what follows."""
    return any(each.until == math.inf and _same(each.segment, segment) for each in ruling.held)


def _same(waiting: Segment, segment: Segment) -> bool:
    if (waiting.source, waiting.sender, waiting.destination, waiting.port) != (
        segment.source, segment.sender, segment.destination, segment.port,
    ):  # fmt: skip
        return False
    if waiting.payload and waiting.flags:
        behind, ahead = (segment.seq - waiting.seq) % WHOLE, (waiting.seq - segment.seq) % WHOLE
        return segment.payload > 0 and (behind < waiting.payload or ahead < segment.payload)
    lasting = waiting.flags & (SYN | FIN)
    return bool(lasting) and (segment.flags, segment.seq) == (waiting.flags, waiting.seq)


def release(ruling: Ruling, now: float | None = None) -> list[Verdict]:
    """Let go what is held: all of it, or what has been held long enough."""
    return _let_go(ruling, lambda each: now is None or each.until <= now)


def due(ruling: Ruling) -> float:
    """When something has been held long enough next, in monotonic seconds; infinite: never."""
    return min((each.until for each in ruling.held), default=math.inf)


def _let_go(ruling: Ruling, which: Callable[[Held], bool]) -> list[Verdict]:
    going = [each for each in ruling.held if which(each)]
    ruling.held = [each for each in ruling.held if each not in going]
    return [(each.packet, ACCEPT) for each in going]


def read(heads: bytes) -> Segment | None:
    """TCP or UDP over IPv4 or IPv6; None for anything else."""
    if not heads:
        return None
    version = heads[0] >> 4
    try:
        return _ipv4(heads) if version == 4 else _ipv6(heads) if version == 6 else None
    except (struct.error, IndexError):
        return None


def _ipv4(heads: bytes) -> Segment | None:
    length, fragment = struct.unpack_from(">H2xH", heads, 2)
    if fragment & 0x1FFF:
        return None
    size = (heads[0] & 15) * 4
    return _transport(heads, heads[9], size, length - size, (heads[12:16], heads[16:20]))


def _ipv6(heads: bytes) -> Segment | None:
    (length,) = struct.unpack_from(">H", heads, 4)
    return _transport(heads, heads[6], 40, length, (heads[8:24], heads[24:40]))


def _transport(heads: bytes, protocol: int, start: int, length: int, ends: tuple[bytes, bytes]) -> Segment | None:
    if protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        return None
    sender, port, seq = struct.unpack_from(">HHI", heads, start)
    source, destination = (str(ipaddress.ip_address(each)) for each in ends)
    if protocol == socket.IPPROTO_UDP:
        return Segment(source, destination, port, length - 8, sender)
    own, flags = (heads[start + 12] >> 4) * 4, heads[start + 13]
    return Segment(source, destination, port, length - own, sender, flags, seq)


def _concerns(ruling: Ruling, segment: Segment) -> bool:
    if str(RESOLVER) in (segment.source, segment.destination):
        return False
    if ruling.port is not None and segment.port != ruling.port:
        return False
    return ruling.addresses is None or segment.destination in ruling.addresses or _loops(ruling, segment)


def _loops(ruling: Ruling, segment: Segment) -> bool:
    """Whether it goes to another address of a loopback that counts."""
    return "127.0.0.1" in (ruling.addresses or ()) and segment.destination.startswith("127.")
