"""As much of HTTP/2 in clear as tells one request from the next: frames, the probe's token in packed headers, the status.

Sources: RFC 9113, sections 4.1 and 6.2; RFC 7541, sections 5.2, 6 and appendices A and B. Rule: headers are not unpacked, for
the table that unpacks them may be older than the capture; but a string that was never sent before stands in them as a whole,
as it is or in the Huffman code, which is fixed. So a token of hex digits can be looked for, and a status told unless the
table has it. Weak spot: a request without a token cannot be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lab.trace.http import PREFACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA, HEADERS, CONTINUATION = 0, 1, 9
WINDOW_UPDATE = 8
SIZES = {0: None, 1: None, 2: 5, 3: 4, 4: None, 6: 8, 7: None, 8: 4, 9: None}
"""Kinds of frames that either side sends on its own account, and their lengths; None: any."""
OF_CONNECTION = (4, 6, 7)
"""SETTINGS, PING, GOAWAY."""
MOST = 1 << 14
"""SETTINGS_MAX_FRAME_SIZE, as it is unless changed."""
END_STREAM, END_HEADERS, PADDED, PRIORITY = 0x1, 0x4, 0x8, 0x20
HEAD = 9
"""Bytes of a frame's head."""

CODES = {
    "0": "00000", "1": "00001", "2": "00010", "3": "011001", "4": "011010", "5": "011011", "6": "011100", "7": "011101",
    "8": "011110", "9": "011111", "a": "00011", "b": "100011", "c": "00100", "d": "100100", "e": "00101", "f": "100101",
}  # fmt: skip
"""RFC 7541, appendix B: the codes of hex digits."""
STATUSES = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
"""RFC 7541, appendix A: entries of the static table that are a whole status."""
STATUS_NAMED = (0x48, 0x08, 0x18)
"""A literal whose name is `:status`: with indexing, without, never (RFC 7541, section 6.2)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame."""

    kind: int
    flags: int
    stream: int
    offset: int
    payload: bytes

    @property
    def end(self) -> int:
        return self.offset + HEAD + len(self.payload)


@dataclass(frozen=True, slots=True)
class Block:
    """A header block: one HEADERS frame and what continues it."""

    stream: int
    offset: int
    end: int
    data: bytes


@lru_cache(maxsize=256)
def packed(token: str) -> bytes:
    """A string of lower-case hex digits in the Huffman code, as it stands in a header block; empty if it is none."""
    if not token or any(digit not in CODES for digit in token):
        return b""
    bits = "".join(CODES[digit] for digit in token)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)


def frames(data: bytes, start: int = 0) -> Iterator[Frame]:
    """The whole frames of a stream, its preface left out."""
    at = start + (len(PREFACE) if data.startswith(PREFACE, start) else 0)
    while len(data) >= at + HEAD:
        size = int.from_bytes(data[at : at + 3])
        if len(data) < at + HEAD + size:
            return
        kind, flags = data[at + 3], data[at + 4]
        stream = int.from_bytes(data[at + 5 : at + HEAD]) & 0x7FFFFFFF
        yield Frame(kind, flags, stream, at, data[at + HEAD : at + HEAD + size])
        at += HEAD + size


def goes_on(data: bytes) -> bool:
    """Whether a stream whose beginning nobody saw is made of frames."""
    found = list(frames(data))
    return bool(found) and all(map(_proper, found))


def _proper(frame: Frame) -> bool:
    """RFC 9113, section 6: which frames belong to a stream, and how long those are that have one length."""
    size = len(frame.payload)
    if frame.kind not in SIZES or size > MOST or (SIZES[frame.kind] is not None and size != SIZES[frame.kind]):
        return False
    return frame.kind == WINDOW_UPDATE or (frame.stream % 2 == 1) == (frame.kind not in OF_CONNECTION)


def blocks(data: bytes, start: int = 0) -> Iterator[Block]:
    """The header blocks of a stream. One that is cut short is not given."""
    begun: Frame | None = None
    held = b""
    for frame in frames(data, start):
        if frame.kind == HEADERS:
            begun, held = frame, _bare(frame)
        elif frame.kind == CONTINUATION and begun is not None:
            held += frame.payload
        else:
            continue
        if frame.flags & END_HEADERS and begun is not None:
            yield Block(begun.stream, begun.offset, frame.end, held)
            begun = None


def _bare(frame: Frame) -> bytes:
    """Without padding and priority."""
    data = frame.payload
    if frame.flags & PADDED and data:
        data = data[1 : len(data) - data[0]]
    return data[5:] if frame.flags & PRIORITY and frame.kind == HEADERS else data


def asked(up: bytes, start: int, own: Callable[[bytes], bool]) -> Block | None:
    """The request that is one's own."""
    return next((block for block in blocks(up, start) if own(block.data)), None)


def answered(down: bytes, stream: int) -> tuple[int, int | None] | None:
    """Where the final answer of a stream begins, and its status where it can be read; None: there is none yet."""
    for block in blocks(down):
        code = status(block.data) if block.stream == stream else 0
        if block.stream == stream and (code is None or code >= 200):
            return block.offset, code
    return None


def content(down: bytes, answer: int) -> bytes | None:
    """What the DATA frames behind the head of an answer carry; None: it has not ended. `answer`: where it begins."""
    own = list(frames(down, answer)) if answer < len(down) else []
    mine = [frame for frame in own if frame.stream == own[0].stream]
    if not any(frame.flags & END_STREAM for frame in mine if frame.kind in (DATA, HEADERS)):
        return None
    return b"".join(_bare(frame) for frame in mine if frame.kind == DATA)


def status(block: bytes) -> int | None:
    """The status that a header block begins with; None: the table has it, or it is none."""
    at = 0
    while at < len(block) and block[at] & 0xE0 == 0x20:  # a change of the table's size
        at += 1
    if at >= len(block):
        return None
    if block[at] & 0x80:
        return STATUSES.get(block[at] & 0x7F)
    return literal(block[at + 1 :]) if block[at] in STATUS_NAMED else None


def literal(data: bytes) -> int | None:
    """Three digits, as they are or in the Huffman code."""
    if not data:
        return None
    size, text = data[0] & 0x7F, data[1 : 1 + (data[0] & 0x7F)]
    if data[0] & 0x80:
        bits = "".join(f"{byte:08b}" for byte in text)
        found = _unpacked(bits)
        return int(found) if len(found) == 3 else None
    return int(text) if size == 3 and text.isdigit() else None


def _unpacked(bits: str) -> str:
    """The digits of a Huffman code."""
    digits = {code: digit for digit, code in CODES.items() if digit.isdigit()}
    found = ""
    while len(found) < 3:
        code = next((bits[:size] for size in (5, 6) if bits[:size] in digits), "")
        if not code:
            return found
        found, bits = found + digits[code], bits[len(code) :]
    return found
