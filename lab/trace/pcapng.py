"""Reading pcapng, the capture file that the recorder writes and analysers show.

Source: draft-ietf-opsawg-pcapng, sections 4.1 (section header), 4.2 (interface description), 4.3 (enhanced packet).
Rule: frames are numbered from 1 as an analyser numbers them, also those that carry neither TCP nor UDP. A file that ends
inside a block was cut while it was written: what is whole is read, and `cut_short` tells where it ends. Anything else
that is wrong is an error, for evidence that was tampered with must not look like evidence that never was.
Weak spot: simple and obsolete packet blocks (types 3 and 2) are counted, not read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.model.observations import Packet
from lab.trace.frames import segment

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET = 0x0A0D0D0A, 1, 2, 3, 6
MAGIC = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
ETHERNET = 1
NAME, RESOLUTION, OFFSET, FLAGS = 2, 9, 14, 2
"""Options: if_name, if_tsresol, if_tsoffset; of a packet, epb_flags."""
OUTBOUND = 2


class BrokenCapture(Exception):  # noqa: N818 - it names the thing that is wrong
    """The file is no capture, or was damaged; the text says where."""

    def __init__(self, file: str, offset: int, why: str) -> None:
        super().__init__(f"{file}, byte {offset}: {why}")
        self.file, self.offset = file, offset


@dataclass(frozen=True, slots=True)
class _Interface:
    name: str
    link: int
    unit: tuple[int, int]
    """Nanoseconds of one tick, as a fraction."""
    offset_ns: int


@dataclass(slots=True)
class _Section:
    order: str = "<"
    interfaces: list[_Interface] = field(default_factory=list)


Keep = Callable[[int, bytes], bool]
"""Time in nanoseconds and frame -> whether it is wanted."""


def read(data: bytes, namespace: str, file: str, keep: Keep | None = None) -> tuple[Packet, ...]:
    """TCP segments, UDP datagrams and refusals of those of a capture, in the order of the file; `keep`: only those that it
    wants, numbered as they are in the file. Raises `BrokenCapture`."""
    return tuple(_packets(data, namespace, file, keep))


def cut_short(data: bytes) -> int | None:
    """Byte at which the last, incomplete block begins; None if the file is whole. Raises `BrokenCapture`."""
    end = 0
    for _, _, offset, length in blocks(data, ""):
        end = offset + length
    return end if end < len(data) else None


def _packets(data: bytes, namespace: str, file: str, keep: Keep | None) -> Iterator[Packet]:
    section, number = _Section(), 0
    for order, kind, offset, length in blocks(data, file):
        body = data[offset + 8 : offset + length - 4]
        try:
            if kind == SECTION:
                section = _Section(order)
            elif kind == INTERFACE:
                section.interfaces.append(_interface(order, body))
            elif kind in (PACKET, SIMPLE_PACKET, OLD_PACKET):
                number += 1
                found = _packet(section, body, (namespace, file, number), keep) if kind == PACKET else None
                if found:
                    yield found
        except (struct.error, IndexError, ValueError) as error:
            raise BrokenCapture(file, offset, f"block of type {kind}: {error}") from error


def blocks(data: bytes, file: str) -> Iterator[tuple[str, int, int, int]]:
    """Byte order, type, offset and length in bytes of each whole block. Raises `BrokenCapture`."""
    order, at = "", 0
    while len(data) - at >= 12:
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = MAGIC.get(data[at + 8 : at + 12], "")
        if not order:
            raise BrokenCapture(file, at, f"no section header: {data[at : at + 12].hex()}")
        kind, length = struct.unpack_from(order + "II", data, at)
        if length < 12 or length % 4:
            raise BrokenCapture(file, at, f"a block cannot be {length} bytes long")
        if at + length > len(data):
            return
        if struct.unpack_from(order + "I", data, at + length - 4)[0] != length:
            raise BrokenCapture(file, at, "the length at the block's end differs from that at its beginning")
        yield order, kind, at, length
        at += length


def _interface(order: str, body: bytes) -> _Interface:
    link = struct.unpack_from(order + "H", body)[0]
    options = dict(_options(order, body[8:]))
    resolution = (options.get(RESOLUTION) or b"\x06")[0]
    unit = (10**9, 2 ** (resolution & 0x7F)) if resolution & 0x80 else (10**9, 10**resolution)
    offset = struct.unpack(order + "q", options[OFFSET])[0] if OFFSET in options else 0
    name = options.get(NAME, b"").rstrip(b"\0").decode("utf-8", "replace")
    return _Interface(name, link, unit, offset * 10**9)


def _packet(section: _Section, body: bytes, place: tuple[str, str, int], keep: Keep | None) -> Packet | None:
    which, high, low, captured, _ = struct.unpack_from(section.order + "IIIII", body)
    if which >= len(section.interfaces):
        raise ValueError(f"a packet of interface {which}, of {len(section.interfaces)} described")
    if captured > len(body) - 20:
        raise ValueError(f"{captured} bytes were captured, {len(body) - 20} are here")
    interface = section.interfaces[which]
    time_ns = (high << 32 | low) * interface.unit[0] // interface.unit[1] + interface.offset_ns
    frame = body[20 : 20 + captured]
    wanted = interface.link == ETHERNET and (keep is None or keep(time_ns, frame))
    found = segment(frame) if wanted else None
    if found is None:
        return None
    flags = dict(_options(section.order, body[20 + captured + -captured % 4 :])).get(FLAGS, b"\0\0\0\0")
    outgoing = struct.unpack(section.order + "I", flags)[0] & 3 == OUTBOUND
    return Packet(
        *place, time_ns, interface.name, outgoing, found.transport, found.source, found.destination,
        found.payload, found.flags, found.seq, found.ack,
    )  # fmt: skip


def _options(order: str, data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while len(data) - at >= 4:
        code, length = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            return
        if at + 4 + length > len(data):
            raise ValueError(f"option {code} is longer than its block")
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
