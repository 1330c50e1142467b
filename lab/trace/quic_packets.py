"""QUIC packets in a datagram, as far as they can be told apart without keys.

Sources: RFC 8999 (what holds for every version), RFC 9000, sections 12.2 (several packets in one datagram), 16 (numbers) and
17 (headers); RFC 9369, section 3.2 (version 2 numbers its types anew). Rule: a value, or `NotQuic`; nothing else is raised,
whatever the bytes. A short header does not say how long its connection id is, so whoever knows the ids has to compare. Weak
spot: of versions that are not known here only the ids can be read, and nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION_1, VERSION_2 = 1, 0x6B3343CF
INITIAL, ZERO_RTT, HANDSHAKE, RETRY, ONE_RTT = "Initial", "0-RTT", "Handshake", "Retry", "1-RTT"
TYPES = {VERSION_1: (INITIAL, ZERO_RTT, HANDSHAKE, RETRY), VERSION_2: (RETRY, INITIAL, ZERO_RTT, HANDSHAKE)}
NAMES = {VERSION_1: "1", VERSION_2: "2"}
LONG = 0x80
LONGEST_ID = 20
"""Bytes of a connection id, RFC 9000, section 17.2."""
FIRST_DATAGRAM = 1200
"""Bytes that a client's datagram with an Initial packet has at least, RFC 9000, section 14.1."""
PORT_DNS = 53


class NotQuic(Exception):  # noqa: N818 - it says what the bytes are not
    """These bytes are no QUIC packet of a known version."""


@dataclass(frozen=True, slots=True)
class QuicPacket:
    """One packet in a datagram."""

    kind: str
    """`Initial`, `0-RTT`, `Handshake`, `Retry`, `1-RTT`."""
    version: int
    """0: a short header, which does not say it."""
    destination: bytes
    """Destination Connection ID; of a short header empty."""
    source: bytes
    begin: int
    """Offset in the datagram."""
    number_at: int
    """Offset of the protected packet number; of a short header of its connection id."""
    end: int

    @property
    def size(self) -> int:
        return self.end - self.begin


def packets(datagram: bytes) -> Iterator[QuicPacket]:
    """The packets of a datagram, in order. Raises `NotQuic` where it is none; zeros behind a packet are padding."""
    at = 0
    while at < len(datagram) and any(datagram[at:]):
        found = _long(datagram, at) if datagram[at] & LONG else QuicPacket(ONE_RTT, 0, b"", b"", at, at + 1, len(datagram))
        yield found
        at = found.end


def whole_packets(datagram: bytes) -> tuple[QuicPacket, ...]:
    """The same, but ends silently where the datagram stops being QUIC."""
    found = []
    try:
        for packet in packets(datagram):
            found.append(packet)  # noqa: PERF402 - what was read before the fault is kept
    except NotQuic:
        pass
    return tuple(found)


def begins(datagram: bytes) -> QuicPacket | None:
    """The client's first packet, if the datagram may begin a connection."""
    if len(datagram) < FIRST_DATAGRAM or not datagram[0] & LONG:
        return None
    try:
        first = next(packets(datagram), None)
    except NotQuic:
        return None
    return first if first and first.kind == INITIAL else None


def _long(data: bytes, at: int) -> QuicPacket:
    version = int.from_bytes(take(data, at + 1, 4))
    if version not in TYPES:
        raise NotQuic(f"version {version:#010x} is not known")
    kind = TYPES[version][data[at] >> 4 & 3]
    destination, here = _id(data, at + 5)
    source, here = _id(data, here)
    if kind == RETRY:
        return QuicPacket(kind, version, destination, source, at, len(data), len(data))
    if kind == INITIAL:
        size, here = varint(data, here)
        here += size  # the token
    size, here = varint(data, here)
    take(data, here, size)
    return QuicPacket(kind, version, destination, source, at, here, here + size)


def _id(data: bytes, at: int) -> tuple[bytes, int]:
    size = take(data, at, 1)[0]
    if size > LONGEST_ID:
        raise NotQuic(f"a connection id of {size} bytes")
    return take(data, at + 1, size), at + 1 + size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length (RFC 9000, section 16), and the offset behind it. Raises `NotQuic` where it ends too
    early."""
    size = 1 << (take(data, at, 1)[0] >> 6)
    return int.from_bytes(take(data, at, size)) & (1 << 8 * size - 2) - 1, at + size


def take(data: bytes, at: int, size: int) -> bytes:
    """Bytes that must be there. Raises `NotQuic`."""
    found = data[at : at + size]
    if len(found) < size:
        raise NotQuic(f"{size} bytes were promised at {at}, {len(found)} are there")
    return found
