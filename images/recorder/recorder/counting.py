"""Which segments are lost and which come late: counting, without a socket.

Rule: only segments with payload to the watched port and addresses count, from 1; retransmissions count like any
other. What is held back goes on as soon as a later one has passed, and after `HOLD` seconds in any case. Weak spot:
the port is not where it is looked for in a later fragment or behind IPv6 extension headers: that passes uncounted.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from recorder.queueing import ACCEPT, DROP

HOLD = 2.0
"""Seconds that a segment is held back at most."""
RESOLVER = ipaddress.ip_address("127.0.0.11")
"""The engine's own, in each namespace: never touched."""

Verdict = tuple[int, int]
"""Packet and what becomes of it."""


class Segment(NamedTuple):
    """What the heads of a packet say."""

    source: str
    destination: str
    port: int
    """Of the destination."""
    payload: int
    """Bytes."""


@dataclass(slots=True)
class Ruling:
    """What is to become of segments, and how many there were."""

    port: int | None
    addresses: frozenset[str] | None = None
    """Destinations that count; None: all."""
    lose: frozenset[int] = frozenset()
    lose_all: bool = False
    late: frozenset[int] = frozenset()
    count: int = 0
    held: list[tuple[int, float]] = field(default_factory=list)
    """Packets held back, and until when (monotonic seconds)."""


def rule(ruling: Ruling, packet: int, heads: bytes, now: float) -> list[Verdict]:
    """Verdicts to give now, in this order."""
    segment = read(heads)
    if segment is None or not _concerns(ruling, segment):
        return [(packet, ACCEPT)]
    if ruling.lose_all:
        return [(packet, DROP)]
    if not segment.payload:
        return [(packet, ACCEPT)]
    ruling.count += 1
    if ruling.count in ruling.lose:
        return [(packet, DROP)]
    if ruling.count in ruling.late:
        ruling.held.append((packet, now + HOLD))
        return []
    return [(packet, ACCEPT), *release(ruling)]


def release(ruling: Ruling, now: float | None = None) -> list[Verdict]:
    """Let go what is held: all of it, or what has been held long enough."""
    going = [packet for packet, until in ruling.held if now is None or until <= now]
    ruling.held = [each for each in ruling.held if each[0] not in going]
    return [(packet, ACCEPT) for packet in going]


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
    (port,) = struct.unpack_from(">H", heads, start + 2)
    own = (heads[start + 12] >> 4) * 4 if protocol == socket.IPPROTO_TCP else 8
    source, destination = (str(ipaddress.ip_address(each)) for each in ends)
    return Segment(source, destination, port, length - own)


def _concerns(ruling: Ruling, segment: Segment) -> bool:
    if str(RESOLVER) in (segment.source, segment.destination):
        return False
    if ruling.port is not None and segment.port != ruling.port:
        return False
    return ruling.addresses is None or segment.destination in ruling.addresses or _loops(ruling, segment)


def _loops(ruling: Ruling, segment: Segment) -> bool:
    """Whether it goes to another address of a loopback that counts."""
    return "127.0.0.1" in (ruling.addresses or ()) and segment.destination.startswith("127.")
