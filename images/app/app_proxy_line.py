"""Reads the PROXY header, version 1 or 2, that a proxy puts before everything else on a connection.

Contract of `read_line`: a value when it is whole, None for "need more", `ProxyLineError` for what is no such header. It is
never guessed: a listener that wants one takes nothing else (PROXY protocol, section 2, "must not try to guess").
Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

Endpoint = tuple[str, int]

_LONGEST = 107
"""Bytes of the longest line of version 1, its end included (section 2.1)."""
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_LINE = re.compile(rb"PROXY TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})\r\n")
_UNKNOWN = re.compile(rb"PROXY UNKNOWN[^\r]*\r\n")


class ProxyLineError(Exception):
    """The bytes begin no PROXY header."""


@dataclass(frozen=True, slots=True)
class Introduced:
    """A whole PROXY header."""

    size: int
    """Bytes that it takes."""
    source: Endpoint | None
    """The client's address; None: the header does not say (UNKNOWN, LOCAL, or a family without addresses)."""


def read_line(data: bytes) -> Introduced | None:
    """The header at the beginning of `data`."""
    if _may_begin(data, _SIGNATURE):
        return _version_2(data)
    if _may_begin(data, b"PROXY "):
        return _version_1(data)
    raise ProxyLineError(f"it begins with {data[:16]!r}")


def _may_begin(data: bytes, with_: bytes) -> bool:
    return data[: len(with_)] == with_[: len(data)]


def _version_1(data: bytes) -> Introduced | None:
    end = data.find(b"\n", 0, _LONGEST)
    if end < 0:
        if len(data) >= _LONGEST:
            raise ProxyLineError(f"no end of the line within {_LONGEST} bytes")
        return None
    line = data[: end + 1]
    if _UNKNOWN.fullmatch(line):
        return Introduced(len(line), None)
    if found := _LINE.fullmatch(line):
        return Introduced(len(line), _source(int(found[1]), found[2], int(found[4])))
    raise ProxyLineError(f"malformed: {line!r}")


def _source(version: int, address: bytes, port: int) -> Endpoint:
    try:
        ip = ip_address(address.decode("ascii"))
    except ValueError as error:
        raise ProxyLineError(str(error)) from error
    if ip.version != version or port > 65535:
        raise ProxyLineError(f"{ip} and port {port} do not fit TCP{version}")
    return str(ip), port


def _version_2(data: bytes) -> Introduced | None:
    """Sixteen bytes, then as many as bytes 15 and 16 say (section 2.2)."""
    if len(data) < 16:
        return None
    size = 16 + int.from_bytes(data[14:16])
    version_command, family = data[12], data[13]
    if version_command >> 4 != 2 or version_command & 15 > 1:
        raise ProxyLineError(f"version and command are {version_command:#04x}")
    if len(data) < size:
        return None
    return Introduced(size, _binary_source(data[16:size], family) if version_command & 15 else None)


def _binary_source(body: bytes, family: int) -> Endpoint | None:
    length = {0x11: 4, 0x21: 16}.get(family)
    if length is None:
        return None
    if len(body) < 2 * length + 4:
        raise ProxyLineError(f"{len(body)} bytes of addresses are too few")
    port = int.from_bytes(body[2 * length : 2 * length + 2])
    return str(ip_address(body[:length])), port
