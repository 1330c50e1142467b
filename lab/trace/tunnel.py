"""A tunnel that a proxy was asked for and opened: what follows on the connection is another's.

Source: RFC 9110, section 9.3.6: any 2xx answer to CONNECT turns the connection into a tunnel behind the blank line of
both heads. Rule: without such an answer there is no tunnel, whatever follows. Weak spot: a client that sends on before the
answer came looks the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.trace.http import HEAD_END, NotHttp, request_head, status_line


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One CONNECT and its answer."""

    target: str
    """Host and port, as the client named them."""
    size: int
    """Bytes of the request's head."""
    back: int
    """Bytes of the answer's head, and of interim answers before it."""


def tunnel(up: bytes, down: bytes) -> Tunnel | None:
    """The tunnel that a connection begins with."""
    if not up.startswith(b"CONNECT "):
        return None
    try:
        head, status = request_head(up), status_line(down)
    except NotHttp:
        return None
    if head is None or status is None or not head.complete or not 200 <= status.code < 300:
        return None
    end = HEAD_END.search(down, status.offset)
    return Tunnel(head.target, head.size, end.end()) if end else None
