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
"""`namespace`, `transport`, `address`, `port`; for port 0, and to notice that it ended, `container`: an id."""


def wait(case: Case, wanted: list[Listener], timeout: float, nudge: threading.Condition) -> dict[str, list[Listener]]:
    """Wait until all are there, the time is over, or one of them can no longer come: `seen`, `missing`, `ended`.

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
            return {"seen": seen, "missing": missing, "ended": ended}
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
        return sockets.wanted(listener) in open_here[name]
    inodes = {row["inode"] for row in rows[name] if row["transport"] == listener.get("transport", "tcp")}
    return any(each.sockets & inodes for each in _of_container(case, listener))


def _of_container(case: Case, listener: Listener) -> list[processes.Process]:
    inode = case.namespaces[listener["namespace"]].inode
    return [each for each in processes.in_namespaces({inode}) if str(listener["container"]) in each.cgroup]


def _ended(case: Case, listener: Listener) -> bool:
    """Whether nobody is left who could listen: the namespace's holder is gone, or all of the container's processes."""
    if cases.gone(case.namespaces[listener["namespace"]]):
        return True
    return bool(listener.get("container")) and not _of_container(case, listener)
