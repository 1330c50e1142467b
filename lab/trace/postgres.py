"""What a client of PostgreSQL sends: how a session begins, and the queries in it.

Source: PostgreSQL 17, "Frontend/Backend Protocol", sections 53.2 (message flow) and 53.7 (message formats). Rule: a session
is believed if it begins with a startup message, or, where its beginning was not captured, if it consists of whole messages
of known types and nothing else. A query is one simple Query, or one Execute with the statement that its Bind and Parse gave
it. Weak spot: a statement that was prepared before the capture has no text, and a session inside TLS shows no more than
that it is one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION_3, CANCEL, TLS_REQUEST, GSS_REQUEST = 196608, 80877102, 80877103, 80877104
"""Codes of the messages that have no type; any minor version of 3 counts."""
STARTS = (CANCEL, TLS_REQUEST, GSS_REQUEST)
TYPES = b"BCDEFHPQSXcdfp"
"""Frontend messages."""
BELIEVED = 1 << 24
"""Bytes of the longest message that is taken for one."""
STARTUP_MOST = 10_000
"""The server's own limit (MAX_STARTUP_PACKET_LENGTH)."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query, as the client sent it."""

    offset: int
    """Of the message that made the server run it."""
    end: int
    statement: str
    """Its text; empty where that was told before the capture."""
    parameters: tuple[bytes, ...] = ()
    """NULL left out."""

    def carries(self, token: str) -> bool:
        """Whether the probe's token stands in it."""
        return bool(token) and (token in self.statement or any(token.encode() in each for each in self.parameters))


def begins(data: bytes) -> bool:
    """Whether a stream begins a session."""
    if len(data) < 8:
        return False
    length, code = struct.unpack_from(">II", data)
    return 8 <= length <= STARTUP_MOST and (code >> 16 == VERSION_3 >> 16 or code in STARTS)


def goes_on(data: bytes) -> bool:
    """Whether a stream whose beginning nobody saw is nothing but whole messages of a session."""
    end = 0
    for _, _, body_end in _messages(data, 0):
        end = body_end
    return 0 < end == len(data)


def queries(data: bytes) -> tuple[Query, ...]:
    """The queries of a stream, as far as its messages are whole."""
    return tuple(_queries(data, _behind_startup(data) if begins(data) else 0))


def startup_end(data: bytes) -> int:
    """Offset behind the messages that begin a session; 0 if it has none."""
    return _behind_startup(data) if begins(data) else 0


def _behind_startup(data: bytes) -> int:
    at = 0
    while len(data) - at >= 8:
        length, code = struct.unpack_from(">II", data, at)
        if not (code >> 16 == VERSION_3 >> 16 or code in STARTS):
            break
        at += length
        if code not in STARTS:
            break
    return at


def _messages(data: bytes, start: int) -> Iterator[tuple[int, bytes, int]]:
    """Offset, message with its type, and offset behind it."""
    at = start
    while len(data) - at >= 5:
        length = int.from_bytes(data[at + 1 : at + 5])
        if data[at] not in TYPES or not 4 <= length <= BELIEVED or len(data) < at + 1 + length:
            return
        yield at, data[at : at + 1] + data[at + 5 : at + 1 + length], at + 1 + length
        at += 1 + length


def _queries(data: bytes, start: int) -> Iterator[Query]:
    statements: dict[bytes, bytes] = {}
    portals: dict[bytes, tuple[bytes, tuple[bytes, ...]]] = {}
    for at, message, end in _messages(data, start):
        kind, body = message[:1], message[1:]
        if kind == b"Q":
            yield Query(at, end, _text(body.partition(b"\0")[0]))
        elif kind == b"P":
            name, _, rest = body.partition(b"\0")
            statements[name] = rest.partition(b"\0")[0]
        elif kind == b"B":
            portal, _, rest = body.partition(b"\0")
            name, _, rest = rest.partition(b"\0")
            portals[portal] = statements.get(name, b""), _parameters(rest)
        elif kind == b"E":
            statement, given = portals.get(body.partition(b"\0")[0], (b"", ()))
            yield Query(at, end, _text(statement), given)
        elif kind == b"F":
            yield Query(at, end, "function call")


def _parameters(data: bytes) -> tuple[bytes, ...]:
    """Values of a Bind, behind its two names. What is cut short ends the list."""
    found: list[bytes] = []
    try:
        (formats,) = struct.unpack_from(">H", data)
        at = 2 + 2 * formats
        (count,) = struct.unpack_from(">H", data, at)
        at += 2
        for _ in range(count):
            (size,) = struct.unpack_from(">i", data, at)
            at += 4
            found += [data[at : at + size]] if size >= 0 else []
            at += max(size, 0)
    except struct.error:
        pass
    return tuple(found)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
