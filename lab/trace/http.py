"""Recognising HTTP/1.x, the HTTP/2 preface and the PROXY protocol at the beginning of a stream.

Sources: RFC 9112, sections 2-5; RFC 9113, section 3.4; haproxy's proxy-protocol.txt, sections 2.1 and 2.2. This recognises,
it does not judge: a server's own parser decides what it takes. Contract: a value, None for "need more bytes", `NotHttp` or
`NotProxy` for "something else". Weak spot: a PROXY line is told from its signature alone, so a protocol that begins with the
same bytes would be misread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PROXY_2 = b"\r\n\r\n\x00\r\nQUIT\n"
PROXY_1 = b"PROXY "
PROXY_1_MOST = 107
"""Bytes of the longest PROXY line of version 1, line end included."""
LINE_MOST = 1 << 17
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
REQUEST = re.compile(rb"([^ \r\n]{1,64}) ([^\r\n]*) HTTP/(\d)\.(\d)\r?$")
"""Lenient on purpose: a request with a bad method is still a request, and it is the server's to refuse it."""
STATUS = re.compile(rb"HTTP/(\d)\.(\d) (\d{3})(?: [^\r\n]*)?\r?$")
HEAD_END = re.compile(rb"\r?\n\r?\n")


class NotHttp(Exception):  # noqa: N818 - it says what the bytes are not
    """These bytes begin no HTTP/1.x message."""


class NotProxy(Exception):  # noqa: N818 - it says what the bytes are not
    """These bytes begin no PROXY header."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request line, and whether the head that it begins is complete."""

    method: str
    target: str
    version: str
    """`http/1.1`, `http/1.0`."""
    complete: bool
    size: int
    """Bytes of the head, blank line included; of what has come, if it is not complete."""


@dataclass(frozen=True, slots=True)
class Status:
    """A final response's status line."""

    code: int
    version: str
    offset: int
    """Where it begins; interim responses (1xx) may come before."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """A PROXY header before the bytes that are passed on."""

    size: int
    says: str
    """Source and destination as the header names them: the sender's word."""


def request_head(data: bytes) -> Head | None:
    """The request that `data` begins; None while its first line is not complete."""
    data = data[2:] if data[:2] == b"\r\n" else data  # RFC 9112, section 2.2: one empty line may come before
    line, ended, _ = data[:LINE_MOST].partition(b"\n")
    if not ended:
        if not _may_begin_request(line):
            raise NotHttp(f"no request line: {line[:24]!r}")
        return None
    match = REQUEST.fullmatch(line)
    if not match:
        raise NotHttp(f"no request line: {line[:24]!r}")
    method, target, major, minor = (part.decode("latin-1") for part in match.groups())
    end = HEAD_END.search(data)
    return Head(method, target, f"http/{major}.{minor}", end is not None, end.end() if end else len(data))


def _may_begin_request(line: bytes) -> bool:
    """A method, then a target, then the beginning of a version: as far as they have come."""
    if len(line) >= LINE_MOST:
        return False
    method, blank, rest = line.partition(b" ")
    if (method and not TOKEN.fullmatch(method)) or len(method) > 32:
        return False
    return not blank or all(byte >= 32 or byte == 13 for byte in rest)


METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ", b"PATCH ")
_BEGUN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} (/|\*|https?:)")


def begun(data: bytes) -> bool:
    """Whether `data` begins a request that its sender did not finish: its request line, or the head behind it."""
    if not data:
        return False
    try:
        head = request_head(data)
    except NotHttp:
        return False
    if head is not None:
        return not head.complete
    return any(method.startswith(data) for method in METHODS) or _BEGUN.match(data) is not None


def flaws(data: bytes) -> tuple[str, ...]:
    """What RFC 9112 has a server refuse in a complete head; empty where nothing was found, or no head is complete."""
    end = HEAD_END.search(data)
    line, _, rest = data[: end.start() if end else 0].partition(b"\n")
    if not end or not REQUEST.fullmatch(line):
        return ()
    fields = [field.rstrip(b"\r").partition(b":") for field in rest.split(b"\n") if field.strip()]
    names = [name.lower() for name, _, _ in fields]
    found = [says for test, says in _FLAWS if test(names)]
    if b"HTTP/1.1" in line and names.count(b"host") != 1:
        found.append(f"{names.count(b'host')} Host fields (section 3.2)")
    if any(not TOKEN.fullmatch(name) or not colon for name, colon, _ in fields):
        found.append("a field name that is none (section 5.1)")
    if not TOKEN.fullmatch(line.split(b" ")[0]) or re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", data[: end.start()]):
        found.append("a byte that has no place there (sections 2.2, 3)")
    return tuple(found)


_FLAWS: tuple[tuple[Callable[[list[bytes]], bool], str], ...] = (
    (lambda names: {b"content-length", b"transfer-encoding"} <= set(names), "both lengths (section 6.3)"),
    (lambda names: names.count(b"content-length") > 1, "several Content-Length fields (section 6.3)"),
)


def status_line(data: bytes) -> Status | None:
    """The final response that `data` begins; None while it has not come."""
    at = 0
    while True:
        line, ended, _ = data[at : at + LINE_MOST].partition(b"\n")
        if not ended:
            if line[:5] != b"HTTP/"[: len(line)]:
                raise NotHttp(f"no status line: {line[:24]!r}")
            return None
        match = STATUS.fullmatch(line)
        if not match:
            raise NotHttp(f"no status line: {line[:24]!r}")
        code = int(match[3])
        if code >= 200 or code == 101:
            return Status(code, f"http/{match[1].decode()}.{match[2].decode()}", at)
        end = HEAD_END.search(data, at)
        if end is None:
            return None
        at = end.end()


def preface(data: bytes) -> bool | None:
    """Whether `data` begins with the preface of HTTP/2; None while that is open."""
    if len(data) >= len(PREFACE):
        return data.startswith(PREFACE)
    return None if PREFACE.startswith(data) else False


def proxy_header(data: bytes) -> Proxied | None:
    """The PROXY header that `data` begins."""
    if data[:12] == PROXY_2[: len(data)]:
        return _proxy_2(data)
    if data[:6] != PROXY_1[: len(data)]:
        raise NotProxy(f"{data[:12]!r}")
    line, ended, _ = data[:PROXY_1_MOST].partition(b"\r\n")
    if not ended:
        if len(data) >= PROXY_1_MOST:
            raise NotProxy("its line does not end")
        return None
    return Proxied(len(line) + 2, line.decode("latin-1"))


def _proxy_2(data: bytes) -> Proxied | None:
    if len(data) < 16:
        return None
    if data[12] >> 4 != 2:
        raise NotProxy(f"version {data[12] >> 4}")
    size = 16 + int.from_bytes(data[14:16])
    return Proxied(size, "PROXY protocol version 2") if len(data) >= size else None
