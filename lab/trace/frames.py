"""One captured Ethernet frame to the TCP segment, the UDP datagram, or the "port unreachable" in it.

Sources: RFC 791, RFC 8200 (extension headers), RFC 9293, RFC 768, RFC 792 and RFC 4443 (section 3.1), IEEE 802.1Q. Rule: what
is not whole, not IP, or a fragment is None, never a guess. Weak spot: a lost fragment cannot be missed, because fragments are
not put together; checksums are not looked at, for a capture before offload has none that are right.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.model.observations import Endpoint

IPV4, IPV6 = 0x0800, 0x86DD
TAGS = (0x8100, 0x88A8)
"""802.1Q and 802.1ad."""
TCP, UDP = 6, 17
ICMP, ICMP6 = 1, 58
PORT_UNREACHABLE = {ICMP: b"\x03\x03", ICMP6: b"\x01\x04"}
"""Type and code with which a kernel answers a datagram that no socket takes."""
FRAGMENT = 44
EXTENSIONS = (0, 43, 60)
"""Hop-by-hop, routing, destination options: each says its own length in units of 8 bytes, less one."""
FLAGS = "FSRPAUEC"
"""Bit 0 upwards."""
ORDER = "SFRPAUEC"
"""As flags are written: `S`, `SA`, `FA`, `RA`, `PA`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment or UDP datagram; or what ICMP says of a datagram, with the ends of its answer."""

    transport: str
    """`tcp`, `udp`, `icmp`."""
    source: Endpoint
    destination: Endpoint
    payload: bytes
    flags: str = ""
    seq: int = 0
    ack: int = 0


def segment(frame: bytes) -> Segment | None:
    """The segment or datagram in an Ethernet frame; None for anything else."""
    kind, data = _ethernet(frame)
    if kind == IPV4:
        return _ipv4(data)
    return _ipv6(data) if kind == IPV6 else None


def _ethernet(frame: bytes) -> tuple[int, bytes]:
    at = 12
    while len(frame) >= at + 2:
        kind = int.from_bytes(frame[at : at + 2])
        if kind not in TAGS:
            return kind, frame[at + 2 :]
        at += 4
    return 0, b""


def _ipv4(data: bytes) -> Segment | None:
    if len(data) < 20 or data[0] >> 4 != 4:
        return None
    header = (data[0] & 15) * 4
    # Zero total length: segmentation offload handed on more than 65,535 bytes at once.
    total = int.from_bytes(data[2:4]) or len(data)
    if header < 20 or total < header or total > len(data) or int.from_bytes(data[6:8]) & 0x3FFF:
        return None
    return _transport(data[9], _address(data[12:16]), _address(data[16:20]), data[header:total])


def _ipv6(data: bytes) -> Segment | None:
    if len(data) < 40 or data[0] >> 4 != 6:
        return None
    length = int.from_bytes(data[4:6]) or len(data) - 40
    if length > len(data) - 40:
        return None
    kind, rest = data[6], data[40 : 40 + length]
    while kind in EXTENSIONS and len(rest) >= 8:
        kind, rest = rest[0], rest[(rest[1] + 1) * 8 :]
    return _transport(kind, _address(data[8:24]), _address(data[24:40]), rest)


def _transport(kind: int, source: str, destination: str, data: bytes) -> Segment | None:
    if kind == TCP and len(data) >= 20:
        return _tcp(source, destination, data)
    if kind == UDP and len(data) >= 8:
        sport, dport, length = struct.unpack_from(">HHH", data)
        payload = data[8:length] if 8 <= length <= len(data) else data[8:]
        return Segment("udp", (source, sport), (destination, dport), payload)
    if kind in PORT_UNREACHABLE and data[:2] == PORT_UNREACHABLE[kind]:
        return _unreachable(kind, data[8:])
    return None


def _unreachable(kind: int, quoted: bytes) -> Segment | None:
    """An ICMP error quotes the datagram that it answers, its first eight bytes at least (RFC 792)."""
    header = (quoted[0] & 15) * 4 if kind == ICMP and len(quoted) >= 20 else 40
    protocol, ends = (9, slice(12, 20)) if kind == ICMP else (6, slice(8, 40))
    if len(quoted) < header + 4 or quoted[protocol] != UDP:
        return None
    addresses = quoted[ends]
    size = len(addresses) // 2
    sport, dport = struct.unpack_from(">HH", quoted, header)
    return Segment("icmp", (_address(addresses[size:]), dport), (_address(addresses[:size]), sport), b"")


def _tcp(source: str, destination: str, data: bytes) -> Segment | None:
    sport, dport, seq, ack, offset, bits = struct.unpack_from(">HHIIBB", data)
    header = (offset >> 4) * 4
    if header < 20 or header > len(data):
        return None
    return Segment("tcp", (source, sport), (destination, dport), data[header:], _flags(bits), seq, ack)


@lru_cache(maxsize=256)
def _flags(bits: int) -> str:
    on = {name for place, name in enumerate(FLAGS) if bits >> place & 1}
    return "".join(name for name in ORDER if name in on)


@lru_cache(maxsize=4096)
def _address(packed: bytes) -> str:
    if len(packed) == 4:
        return str(IPv4Address(packed))
    address = IPv6Address(packed)
    return str(address.ipv4_mapped or address)
