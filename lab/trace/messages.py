"""Where one HTTP/1.x message ends and the next begins on a connection.

Sources: RFC 9112, sections 2.2 (an empty line before a request), 6 (body and its length), 7.1 (chunks), 9.3 (several
requests on one connection). Rule: this counts and never repairs: where a length is wrong or told twice the rest of the
stream belongs to the message with the fault, for no two servers need agree where it ends. What follows a whole message and
begins no request is nobody's. Weak spot: the answer to a request whose method cannot be seen is measured as an answer with
a body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.http import HEAD_END, Head, NotHttp, begun, request_head, status_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.trace.http import Status

MOST = 10_000
"""Messages of one connection that are told apart."""
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
_SIZE_LINE = 4096
_INTERIM = re.compile(rb"HTTP/1\.[01] (1\d\d)[ \r\n]")
WITHOUT_BODY = (204, 304)
SWITCHING = 101


@dataclass(frozen=True, slots=True)
class Message:
    """One request on a connection."""

    offset: int
    """Where it begins in the stream."""
    head: Head | None
    """None: its request line has not come whole."""
    end: int | None
    """Offset behind its last byte; None: it has not come, or cannot be told."""
    body: int = 0
    """Bytes of its body that came, chunk sizes not counted."""
    awaited: int | None = None
    """Bytes that its body is to have; None: chunked, or not told."""
    chunked: bool = False
    fault: str = ""
    """What is wrong with its framing, in words."""

    @property
    def whole(self) -> bool:
        return self.end is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """One final response on a connection."""

    offset: int
    """Where its status line begins; interim responses (1xx) come before."""
    status: Status
    end: int | None
    """Offset behind it; None: it has not come whole, or ends with the connection."""


def requests(data: bytes, start: int = 0) -> tuple[Message, ...]:
    """The requests of a stream in clear, from `start`; empty if it begins none."""
    found: list[Message] = []
    at = start
    while at < len(data) and len(found) < MOST:
        at += 2 if data[at : at + 2] == b"\r\n" else 0
        rest = data[at:] if at else data
        if not _begins(rest):
            break
        found.append(_message(rest, at))
        if found[-1].end is None:
            break
        at = found[-1].end or 0
    return tuple(found)


def _begins(data: bytes) -> bool:
    try:
        return request_head(data) is not None or begun(data)
    except NotHttp:
        return False


def _message(data: bytes, at: int) -> Message:
    head = request_head(data)
    if head is None or not head.complete:
        return Message(at, head, None)
    fields = _fields(data[: head.size])
    fault = _fault(fields)
    if fault:
        return Message(at, head, None, len(data) - head.size, fault=fault)
    if b"transfer-encoding" in fields:
        body, end, wrong = _chunks(data, head.size)
        return Message(at, head, None if end is None else at + end, body, chunked=True, fault=wrong)
    length = int(fields.get(b"content-length", [b"0"])[0])
    came = min(length, len(data) - head.size)
    return Message(at, head, at + head.size + length if came == length else None, came, length)


def _fields(head: bytes) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


def mark(data: bytes) -> str:
    """The token that a request carries in its field `Lab-Probe`; empty: none, or several."""
    end = HEAD_END.search(data)
    found = _fields(data[: end.start()]).get(b"lab-probe", []) if end else []
    return found[0].decode("latin-1") if len(found) == 1 else ""


def _fault(fields: dict[bytes, list[bytes]]) -> str:
    lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
    if lengths and codings:
        return "both Content-Length and Transfer-Encoding (RFC 9112, section 6.3)"
    if len(set(lengths)) > 1 or any(not each.isdigit() for each in lengths):
        return f"Content-Length {b', '.join(lengths).decode('latin-1')} (RFC 9112, section 6.3)"
    if codings and not codings[-1].lower().endswith(b"chunked"):
        return f"Transfer-Encoding {codings[-1].decode('latin-1')}, which tells no end (RFC 9112, section 6.3)"
    return ""


def _chunks(data: bytes, start: int) -> tuple[int, int | None, str]:
    """Bytes of a chunked body, offset behind it, and what is wrong."""
    at, body = start, 0
    while True:
        line = _CHUNK.match(data, at)
        if line is None:
            return body, None, _no_chunk(data[at : at + _SIZE_LINE])
        size = int(line[1], 16)
        if size == 0:
            return body, _behind_trailer(data, line.end()), ""
        body += max(0, min(size, len(data) - line.end()))
        at = line.end() + size
        if data[at : at + 2] not in (b"", b"\r", b"\r\n") and data[at : at + 1] != b"\n":
            return body, None, f"a chunk of {size} bytes does not end with its line (RFC 9112, section 7.1)"
        if len(data) < at + 2 and data[at : at + 1] != b"\n":
            return body, None, ""
        at += 1 if data[at : at + 1] == b"\n" else 2


def _no_chunk(line: bytes) -> str:
    """What is wrong where a chunk size should stand; empty: it has not come whole."""
    size, ended, _ = line.partition(b"\n")
    if not ended and re.fullmatch(rb"[0-9A-Fa-f]{0,16}[ \t]*(;[^\r\n]*)?\r?", size):
        return ""
    return f"chunk size {size[:24].decode('latin-1')!r} (RFC 9112, section 7.1)"


def _behind_trailer(data: bytes, at: int) -> int | None:
    """Offset behind the trailer section and the empty line that ends the message."""
    for blank in (b"\r\n", b"\n"):
        if data.startswith(blank, at):
            return at + len(blank)
    end = HEAD_END.search(data, at)
    return end.end() if end else None


def answers(data: bytes, methods: Sequence[str] = (), start: int = 0) -> tuple[Answer, ...]:
    """The final responses of a stream in clear. `methods`: of the requests that they answer, in order."""
    found: list[Answer] = []
    at = start
    while at < len(data) and len(found) < MOST:
        method = methods[len(found)] if len(found) < len(methods) else ""
        answer = _answer(data[at:] if at else data, at, method)
        if answer is None:
            break
        found.append(answer)
        if answer.end is None:
            break
        at = answer.end
    return tuple(found)


def interim(data: bytes, starts: Sequence[int] = (0,)) -> tuple[tuple[int, int], ...]:
    """Offset and status of the interim responses (RFC 9110, section 15.2) of a stream in clear.

    `starts`: where an answer may begin. 101 is none: what follows it is no answer (section 15.2.2).
    """
    return tuple(each for start in starts for each in _interim(data, start))


def _interim(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    while (line := _INTERIM.match(data, at)) and int(line[1]) != SWITCHING:
        yield at, int(line[1])
        end = HEAD_END.search(data, at)
        if end is None:
            return
        at = end.end()


def _answer(data: bytes, at: int, method: str) -> Answer | None:
    try:
        status = status_line(data)
    except NotHttp:
        return None
    if status is None:
        return None
    head = HEAD_END.search(data, status.offset)
    end = _answer_end(data, status, head.end(), method) if head else None
    return Answer(at + status.offset, status, None if end is None else at + end)


def _answer_end(data: bytes, status: Status, head: int, method: str) -> int | None:
    """RFC 9112, section 6.3. None: not whole, or ended by the connection's end."""
    if method == "HEAD" or status.code in WITHOUT_BODY:
        return head
    fields = _fields(data[status.offset : head])
    if b"transfer-encoding" in fields:
        return _chunks(data, head)[1]
    length = fields.get(b"content-length", [b""])[0]
    if status.code == 101 or not length.isdigit():
        return None
    return head + int(length) if len(data) >= head + int(length) else None
