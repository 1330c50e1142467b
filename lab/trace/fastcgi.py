"""Recognising FastCGI: a web server hands a request on, and the answer comes back in records.

Source: the FastCGI Specification 1.0, sections 3.3 (records), 5.1 (FCGI_BEGIN_REQUEST), 5.5 (FCGI_END_REQUEST) and 6.2 (a
responder's standard output is a CGI response: RFC 3875, section 6, where a missing Status means 200). Weak spot: of a
connection that is kept for several requests the first answer is told for all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.trace.http import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION, HEADER = 1, 8
BEGIN, END, STDOUT = 1, 3, 6
BEGIN_SIZE = 8
ROLES = (1, 2, 3)
"""Responder, authorizer, filter."""
STATUS = re.compile(rb"^Status:[ \t]*(\d{3})\b", re.IGNORECASE | re.MULTILINE)
HEAD_END = re.compile(rb"\r?\n\r?\n")


def asks(data: bytes) -> bool:
    """Whether a stream begins with a request: FCGI_BEGIN_REQUEST with a role that there is."""
    if len(data) < HEADER + 2 or data[0] != VERSION or data[1] != BEGIN:
        return False
    number, size = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big")
    return number > 0 and size == BEGIN_SIZE and int.from_bytes(data[8:10], "big") in ROLES


def answer(data: bytes) -> Status | None:
    """The response that came back; None as long as its head is not complete."""
    said = b""
    for kind, content in _records(data):
        said += content if kind == STDOUT else b""
        head = HEAD_END.split(said, 1)
        if len(head) > 1 or kind == END:
            found = STATUS.search(head[0])
            return Status(int(found[1]) if found else 200, "fastcgi", 0) if said else None
    return None


def content(up: bytes, down: bytes) -> bytes | None:
    """What came back, its head taken off; None: not whole, or of more requests than one."""
    begun = [kind for kind, _ in _records(up) if kind == BEGIN]
    found = list(_records(down))
    if len(begun) != 1 or all(kind != END for kind, _ in found):
        return None
    return HEAD_END.split(b"".join(each for kind, each in found if kind == STDOUT), maxsplit=1)[-1]


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each whole record."""
    at = 0
    while len(data) >= at + HEADER and data[at] == VERSION:
        size, padding = int.from_bytes(data[at + 4 : at + 6], "big"), data[at + 6]
        if len(data) < at + HEADER + size:
            return
        yield data[at + 1], data[at + HEADER : at + HEADER + size]
        at += HEADER + size + padding
