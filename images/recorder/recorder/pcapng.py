"""Writing pcapng, the capture file that analysers read.

Source: draft-ietf-opsawg-pcapng: Section Header (4.1), Interface Description (4.2), Enhanced Packet (4.3). Rule:
values in, bytes out; the file is somebody else's. Little-endian, times in nanoseconds. Weak spot: no statistics
block, the count of lost packets is given to whoever detaches.
"""

from __future__ import annotations

import struct

LINKTYPE_ETHERNET = 1
SNAPLEN = 262144
"""Longer than any packet that segmentation offload hands to a capture (65,536 and a link header)."""

INBOUND, OUTBOUND = 1, 2
"""epb_flags, bits 0-1."""

_HARDWARE, _OS, _APPLICATION = 2, 3, 4
_IF_NAME, _IF_TSRESOL = 2, 9
_EPB_FLAGS = 2


def section(hardware: str, system: str, application: str) -> bytes:
    """A Section Header Block, with which a file begins."""
    texts = ((_HARDWARE, hardware), (_OS, system), (_APPLICATION, application))
    options = _options([(code, text.encode()) for code, text in texts])
    return _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)


def interface(name: str) -> bytes:
    """An Interface Description Block; packets name it by its order in the file, from 0."""
    options = _options([(_IF_NAME, name.encode()), (_IF_TSRESOL, b"\x09")])
    return _block(1, struct.pack("<HHI", LINKTYPE_ETHERNET, 0, SNAPLEN) + options)


def packet(number: int, time_ns: int, frame: bytes, outgoing: bool) -> bytes:
    """An Enhanced Packet Block for interface `number` of the file; `time_ns` since the epoch."""
    flags = struct.pack("<I", OUTBOUND if outgoing else INBOUND)
    head = struct.pack("<IIIII", number, time_ns >> 32, time_ns & 0xFFFFFFFF, len(frame), len(frame))
    return _block(6, head + _padded(frame) + _options([(_EPB_FLAGS, flags)]))


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _options(options: list[tuple[int, bytes]]) -> bytes:
    coded = (struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    return b"".join(coded) + b"\0\0\0\0"


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)
