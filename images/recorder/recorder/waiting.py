"""Waiting until listeners stand in the kernel's socket table.

Rule: the table is asked, no connection is tried, so waiting leaves no trace in the evidence. The kernel's timeline
tells when it is worth asking; without it the table is asked each `POLL` seconds. Weak spot: a listener says that
its process listens, not that it will answer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from recorder import case as cases
from recorder import looking, netlink, processes, sockets
from recorder.errors import BadRequestError, GoneError

if TYPE_CHECKING:
    import threading

    from recorder.case import Case

POLL = 0.02
"""Seconds between two looks for a listener where the kernel's timeline does not tell of it first."""

Listener = dict[str, Any]
"""`namespace`, `transport`, `address`, `port`, and `container`: the id of the one whose process must hold it. Without it any
process will do; port 0 (any listener of that container) needs it."""


def wait(case: Case, wanted: list[Listener], timeout: float, nudge: threading.Condition) -> dict[str, Any]:
    """Wait until all are there, the time is over, or one of them can no longer come: `seen`, `missing`, `ended`.

    `open` says what else is listened on in the namespaces of the missing ones: `{"web": ["127.0.0.1:3001"]}`.

    Raises GoneError for a namespace that is not attached, BadRequestError, ValueError for what is no address.
    """
    _check(case, wanted)
    until = time.monotonic() + timeout
    while True:
        seen = _present(case, wanted)
        missing = [each for each in wanted if each not in seen]
        ended = [each for each in missing if _ended(case, each)]
        left = until - time.monotonic()
        if not missing or ended or left <= 0:
            return {"seen": seen, "missing": missing, "ended": ended, "open": _open(case, missing)}
        with nudge:
            nudge.wait(min(POLL, left))


def _check(case: Case, listeners: list[Listener]) -> None:
    for each in listeners:
        sockets.wanted(each)
        if each["namespace"] not in case.namespaces:
            raise GoneError(f"namespace {each['namespace']} is not attached to case {case.name}")
        if not int(each["port"]) and not each.get("container"):
            raise BadRequestError("wait: port 0 needs the id of a container")


def _present(case: Case, listeners: list[Listener]) -> list[Listener]:
    names = {each["namespace"] for each in listeners}
    rows = {name: looking.rows(case, case.namespaces[name], "", netlink.LISTENING) for name in names}
    open_here = {name: sockets.listening(found) for name, found in rows.items()}
    return [each for each in listeners if _is_present(case, each, rows, open_here)]


def _is_present(
    case: Case,
    listener: Listener,
    rows: dict[str, list[looking.Row]],
    open_here: dict[str, set[tuple[str, str, int]]],
) -> bool:
    name = listener["namespace"]
    if int(listener["port"]):
        place = sockets.wanted(listener)
        if place not in open_here[name] or not listener.get("container"):
            return place in open_here[name]
        inodes = {row["inode"] for row in rows[name] if place in sockets.listening([row])}
    else:
        inodes = {row["inode"] for row in rows[name] if row["transport"] == listener.get("transport", "tcp")}
    return any(each.sockets & inodes for each in _of_container(case, listener))


ENGINE_DNS = "127.0.0.11"
"""The engine's own resolver listens there in every namespace on a network with names; it is nobody's server."""


def _open(case: Case, missing: list[Listener]) -> dict[str, list[str]]:
    found = {}
    for name in {each["namespace"] for each in missing}:
        open_rows = looking.rows(case, case.namespaces[name], "", netlink.LISTENING)
        places = {tuple(row["local"]) for row in open_rows if row["local"][0] != ENGINE_DNS}
        found[name] = [sockets.written(address, port) for address, port in sorted(places)]
    return found


def _of_container(case: Case, listener: Listener) -> list[processes.Process]:
    inode = case.namespaces[listener["namespace"]].inode
    return [each for each in processes.in_namespaces({inode}) if str(listener["container"]) in each.cgroup]


def _ended(case: Case, listener: Listener) -> bool:
    """Whether nobody is left who could listen: the namespace's holder is gone, or all of the container's processes."""
    if cases.gone(case.namespaces[listener["namespace"]]):
        return True
    return bool(listener.get("container")) and not _of_container(case, listener)
