"""The content of an HTTP/1.x response in clear, as its receiver would take it.

Source: RFC 9112, sections 6 and 7.1. Rule: what is not whole is given as far as it came. Weak spot: of the content codings
only gzip is known (RFC 9110, section 8.4.1.3).
"""

from __future__ import annotations

import re
import zlib

from lab.trace.http import HEAD_END

CHUNKED = re.compile(rb"^transfer-encoding:[ \t]*(?:[^\r\n]*,[ \t]*)?chunked[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
GZIP = b"\x1f\x8b"
MOST = 16 * 1024 * 1024
"""Bytes that a gzip stream is unpacked to."""
SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[^\r\n]*\r?\n")


def content(data: bytes) -> bytes:
    """Of the response that `data` begins with; empty while its head is not complete."""
    end = HEAD_END.search(data)
    if end is None:
        return b""
    head, rest = data[: end.end()], data[end.end() :]
    if CHUNKED.search(head):
        return b"".join(_chunks(rest))
    length = LENGTH.search(head)
    return rest[: int(length[1])] if length else rest


def same(one: bytes, two: bytes) -> bool:
    """Whether two contents are equal, gzip taken off."""
    return one == two or _plain(one) == _plain(two)


def _plain(data: bytes) -> bytes:
    if not data.startswith(GZIP):
        return data
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, MOST)
    except zlib.error:
        return data


def _chunks(data: bytes) -> list[bytes]:
    found, place = [], 0
    while (line := SIZE.match(data, place)) and (size := int(line[1], 16)):
        found.append(data[line.end() : line.end() + size])
        place = line.end() + size + 2
    return found
