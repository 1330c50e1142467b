"""Waiting for something to become of one connection, or for a listener's queue to be full.

Rule: the kernel's socket table says it, no time does; it is asked again each `POLL` seconds until it does or the time
is over. Weak spot: what lasts shorter than `POLL` can be missed (bytes that are read at once were never `unread`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from recorder import connections
from recorder.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.case import Case

POLL = 0.003

Row = dict[str, Any]
Seen = tuple[bool, str]
"""Whether it is so, and what there is instead."""

UNOWNED = ("ESTAB", "SYN-RECV")
"""States in which a socket without an owner has not been accepted yet; in later ones its owner has closed it."""


def wait(case: Case, request: dict[str, Any]) -> dict[str, Any]:
    """Wait until it is so or the time is over. Raises BadRequestError, GoneError, ValueError, OSError."""
    ask = _question(case, request)
    until = time.monotonic() + float(request["timeout"])
    while True:
        seen, instead = ask()
        if seen:
            return {"seen": True}
        left = until - time.monotonic()
        if left <= 0:
            return {"seen": False, "why": instead}
        time.sleep(min(POLL, left))


def arrived(own: Row | None, other: Row | None) -> Seen:  # noqa: ARG001 - one signature for all
    """The receiving kernel has acknowledged all."""
    if own is None:
        return False, "the client's socket is gone"
    return own["send_q"] == 0 and own["state"] != "SYN-SENT", f"{own['send_q']} bytes are not acknowledged ({own['state']})"


def unread(own: Row | None, other: Row | None) -> Seen:  # noqa: ARG001
    """Bytes lie in the receive buffer."""
    return bool(other and other["recv_q"]), _there(other)


def accepted(own: Row | None, other: Row | None) -> Seen:  # noqa: ARG001
    """A process owns the connection."""
    return bool(other and other["inode"]), _there(other)


def read(own: Row | None, other: Row | None) -> Seen:
    """All bytes were acknowledged, and taken by a process."""
    here, instead = arrived(own, other)
    if not here or other is None:
        return False, instead if not here else _there(other)
    owned = other["inode"] or other["state"] not in UNOWNED
    return bool(owned and not other["recv_q"]), _there(other)


def closed(own: Row | None, other: Row | None) -> Seen:  # noqa: ARG001
    """The peer has ended its side, or the connection is no more."""
    if own is None:
        return True, ""
    return own["state"] in ("CLOSE-WAIT", "LAST-ACK", "CLOSING", "TIME-WAIT"), f"the client's socket is {own['state']}"


WHAT: dict[str, Callable[[Row | None, Row | None], Seen]] = {
    "arrived": arrived,
    "unread": unread,
    "accepted": accepted,
    "read": read,
    "closed": closed,
}
FULL = "full"


def full(rows: list[Row]) -> Seen:
    """Each of these listeners holds more than its backlog: the kernel takes one more than that, then none."""
    if not rows:
        return False, "nothing listens there"
    words = ", ".join(f"{row['recv_q']} wait, the backlog is {row['send_q']}" for row in rows)
    return all(row["recv_q"] > row["send_q"] for row in rows), words


def _question(case: Case, request: dict[str, Any]) -> Callable[[], Seen]:
    what, namespace = request["what"], str(request["namespace"])
    if what == FULL:
        address, port = connections.end(request["listener"])
        return lambda: full(connections.listeners(case, namespace, address, port))
    if what not in WHAT:
        raise BadRequestError(f"await {what!r}: known are {', '.join(WHAT)}, {FULL}")
    local, transport = connections.end(request["local"]), str(request.get("transport", "tcp"))
    connections.named(case, namespace)
    return lambda: _ask(case, what, namespace, local, transport)


def _ask(case: Case, what: str, namespace: str, local: list[Any], transport: str) -> Seen:
    own = connections.own_end(case, namespace, local, transport)
    other = connections.other_end(case, namespace, own, local)
    return WHAT[what](own, other)


def _there(other: Row | None) -> str:
    """What there is at the other end, in words."""
    if other is None:
        return "no namespace of the case has the other end"
    owner = "owned by a process" if other["inode"] else "owned by nobody"
    return f"the other end in {other['namespace']} is {other['state']}, {owner}, with {other['recv_q']} bytes unread"
