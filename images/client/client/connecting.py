"""A TCP connection whose own address is known even when it fails.

Rule: ask the kernel which address it would send from, bind to it, and write both ends down before connecting: a SYN
that is refused or never answered can then be found in a capture. Source: ip(7), "connect on a datagram socket".
Weak spot: name resolution has no time limit of its own.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

Endpoint = tuple[str, int]


@dataclass(slots=True)
class Progress:
    """How far a probe got; filled in as it goes, read when it is over."""

    during: str = "resolve"
    local: Endpoint | None = None
    peer: Endpoint | None = None
    sent: bytearray = field(default_factory=bytearray)
    tls: dict[str, Any] | None = None
    error: Exception | None = None
    """The exception that ended it, before any library wrapped it."""


def connect(target: Endpoint, timeout: float | None, progress: Progress) -> socket.socket:
    """A connection to a name or address. Tries each address in the resolver's order. Raises OSError of the last one.

    `timeout`: seconds for each; None: one that is begun and not waited for, to the first address.
    """
    progress.during = "resolve"
    found = socket.getaddrinfo(target[0].strip("[]"), target[1], type=socket.SOCK_STREAM)
    progress.during = "connect"
    if timeout is None:
        return _connect(found[0][0], found[0][4], None, progress)
    for family, _, _, _, address in found[:-1]:
        try:
            return _connect(family, address, timeout, progress)
        except OSError:
            continue
    family, _, _, _, address = found[-1]
    return _connect(family, address, timeout, progress)


def datagrams(target: Endpoint, progress: Progress) -> socket.socket:
    """A socket whose datagrams go to the first address that the resolver gives, and come from there. Raises OSError."""
    progress.during = "resolve"
    family, _, _, _, address = socket.getaddrinfo(target[0].strip("[]"), target[1], type=socket.SOCK_DGRAM)[0]
    progress.during = "connect"
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.connect(address)
    progress.local, progress.peer = endpoint(opened.getsockname()), endpoint(address)
    return opened


def endpoint(address: Any) -> Endpoint:
    """An endpoint in canonical form; an IPv4-mapped IPv6 address as IPv4."""
    parsed = ipaddress.ip_address(address[0].partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed), int(address[1])


def finish(opened: socket.socket, seconds: float) -> None:
    """Wait until a connection that was begun is there. Raises OSError."""
    if not select.select((), (opened,), (), seconds)[1]:
        raise TimeoutError("timed out")
    number = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


def _connect(family: int, address: Any, timeout: float | None, progress: Progress) -> socket.socket:
    progress.local, progress.peer = None, endpoint(address)
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(0.0 if timeout is None else timeout)
        opened.bind((_source(family, address), 0))
        progress.local = endpoint(opened.getsockname())
        with suppress(BlockingIOError):
            opened.connect(address)
    except OSError:
        opened.close()
        raise
    return opened


def _source(family: int, address: Any) -> str:
    """The address from which the kernel would send. No packet leaves."""
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect(address)
        source: str = asking.getsockname()[0]
    return source
