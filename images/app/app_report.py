"""Reports: one JSON object a line on standard output, in the format `app/1` of ARCHITECTURE.md.

Rule: the time is taken when the step is done, not when the line is written, and each line is one write(2) of less than
PIPE_BUF bytes, so lines of different threads and workers never mix; a target or detail that is too long for that is cut.
Weak spot: this is the application's own word; the lab holds it against the kernel's.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = "app/1"
Endpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Request:
    """What a report says of the request it is about; all empty where there is none yet."""

    token: str = ""
    """Value of the header `Lab-Probe`."""
    method: str = ""
    target: str = ""


NO_REQUEST = Request()


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes the reports of one socket."""

    write: Callable[[bytes], object]
    """Writes one whole line."""
    local: Endpoint | None = None
    peer: Endpoint | None = None

    def say(self, event: str, detail: str = "", request: Request = NO_REQUEST) -> None:
        """Report `event` as having happened now (CLOCK_REALTIME, nanoseconds)."""
        line = {
            "lab": FORMAT,
            "time_ns": time.time_ns(),
            "event": event,
            "local": self.local,
            "peer": self.peer,
            "token": _cut(request.token, 64),
            "method": _cut(request.method, 32),
            "target": _cut(request.target, 250),
            "detail": _cut(detail, 250),
            "pid": os.getpid(),
        }
        self.write(json.dumps(line).encode() + b"\n")


def _cut(text: str, longest: int) -> str:
    """JSON writes a character in up to six bytes: all four texts together stay below PIPE_BUF, 4096 (pipe(7))."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def to_stdout(line: bytes) -> None:
    """Write one line to standard output at once."""
    os.write(1, line)


def endpoint(name: tuple[str, int] | tuple[str, int, int, int]) -> Endpoint:
    """A socket's name as address and port; an IPv4-mapped IPv6 address is written as IPv4 (RFC 4291, 2.5.5.2)."""
    address = ip_address(name[0].partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address), name[1]
