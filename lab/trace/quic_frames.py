"""Frames of an opened QUIC packet: pieces of the TLS handshake and of streams, and how the connection ends.

Source: RFC 9000, section 19. Rule: frames that carry nothing of these are passed over; a frame that is not known ends the
reading, for its length is not known either. Weak spot: extensions other than datagrams (RFC 9221).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.quic_packets import NotQuic, take, varint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CRYPTO, STREAM, RESET, CLOSE, DONE, CHALLENGE = (
    "CRYPTO",
    "STREAM",
    "RESET_STREAM",
    "CONNECTION_CLOSE",
    "HANDSHAKE_DONE",
    "PATH_CHALLENGE",
)
PING = "PING"
FIN, LEN, OFF = 1, 2, 4
"""Bits of a STREAM frame's type."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that says something."""

    kind: str
    stream: int = 0
    """Id of a STREAM or RESET_STREAM."""
    offset: int = 0
    data: bytes = b""
    fin: bool = False
    error: int = 0
    """Of CONNECTION_CLOSE and RESET_STREAM."""


def frames(payload: bytes) -> Iterator[Frame]:
    """The frames that carry something, in order; ends silently at one that cannot be read."""
    at = 0
    try:
        while at < len(payload):
            if not payload[at]:
                at += 1  # padding
                continue
            found, at = _frame(payload, at)
            if found:
                yield found
    except NotQuic:
        return


def _frame(data: bytes, at: int) -> tuple[Frame | None, int]:
    kind, at = varint(data, at)
    if 0x08 <= kind <= 0x0F:
        return _stream(data, at, kind)
    read = READERS.get(kind)
    if read is None:
        raise NotQuic(f"frame type {kind:#x}")
    return read(data, at)


def _stream(data: bytes, at: int, kind: int) -> tuple[Frame, int]:
    stream, at = varint(data, at)
    offset, at = varint(data, at) if kind & OFF else (0, at)
    size, at = varint(data, at) if kind & LEN else (len(data) - at, at)
    return Frame(STREAM, stream, offset, take(data, at, size), bool(kind & FIN)), at + size


def _crypto(data: bytes, at: int) -> tuple[Frame, int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return Frame(CRYPTO, offset=offset, data=take(data, at, size)), at + size


def _ack(data: bytes, at: int, numbers: int = 0) -> tuple[None, int]:
    _, at = varint(data, at)
    _, at = varint(data, at)
    ranges, at = varint(data, at)
    for _ in range(1 + 2 * ranges + numbers):
        _, at = varint(data, at)
    return None, at


def _reset(data: bytes, at: int) -> tuple[Frame, int]:
    stream, at = varint(data, at)
    error, at = varint(data, at)
    _, at = varint(data, at)
    return Frame(RESET, stream, error=error), at


def _close(data: bytes, at: int, *, numbers: int) -> tuple[Frame, int]:
    error, at = varint(data, at)
    for _ in range(numbers):
        _, at = varint(data, at)
    size, at = varint(data, at)
    return Frame(CLOSE, data=take(data, at, size), error=error), at + size


def _new_id(data: bytes, at: int) -> tuple[None, int]:
    _, at = varint(data, at)
    _, at = varint(data, at)
    size = take(data, at, 1)[0]
    take(data, at + 1, size + 16)
    return None, at + 1 + size + 16


def _vector(data: bytes, at: int) -> tuple[None, int]:
    size, at = varint(data, at)
    take(data, at, size)
    return None, at + size


def _numbers(count: int) -> Callable[[bytes, int], tuple[None, int]]:
    def read(data: bytes, at: int) -> tuple[None, int]:
        for _ in range(count):
            _, at = varint(data, at)
        return None, at

    return read


def _path(data: bytes, at: int) -> tuple[None, int]:
    take(data, at, 8)
    return None, at + 8


READERS: dict[int, Callable[[bytes, int], tuple[Frame | None, int]]] = {
    0x01: lambda _, at: (Frame(PING), at), 0x02: _ack, 0x03: lambda data, at: _ack(data, at, 3), 0x04: _reset,
    0x05: _numbers(2), 0x06: _crypto, 0x07: _vector,
    0x10: _numbers(1), 0x11: _numbers(2), 0x12: _numbers(1), 0x13: _numbers(1), 0x14: _numbers(1), 0x15: _numbers(2),
    0x16: _numbers(1), 0x17: _numbers(1), 0x18: _new_id, 0x19: _numbers(1),
    0x1A: lambda data, at: (Frame(CHALLENGE, data=take(data, at, 8)), at + 8), 0x1B: _path,
    0x1C: lambda data, at: _close(data, at, numbers=1), 0x1D: lambda data, at: _close(data, at, numbers=0),
    0x1E: lambda _, at: (Frame(DONE), at), 0x30: lambda data, _: (None, len(data)), 0x31: _vector,
}  # fmt: skip
"""Frame type -> how it is read. 0x1c has the type of the frame that was wrong, 0x1d has not."""
