"""Stopping, continuing and killing processes of one container, and of no other.

Rule: a process is signalled only if its cgroup carries the container's whole id and its network namespace is one that
the case attached, not the engine's own; it is held by a descriptor (pidfd_open(2)) while that is looked at, so its number
cannot pass to another. The answer comes when /proc shows the effect. Weak spot: a process that the container starts
meanwhile is not signalled.
"""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recorder import case as cases
from recorder import namespaces, processes
from recorder.errors import BadRequestError, GoneError

if TYPE_CHECKING:
    from recorder.case import Case

SIGNALS = {"STOP": signal.SIGSTOP, "CONT": signal.SIGCONT, "KILL": signal.SIGKILL}
EFFECT_SECONDS = 5.0
POLL = 0.001
"""Seconds between two looks at its threads, if it does not end."""
STOPPED, TRACED, DEAD = ("T",), "t", ("Z", "X")
STILL = 0.02
"""Seconds that a process which strace follows must not move to be stopped: it shows the same state at each system call."""


@dataclass(frozen=True, slots=True)
class Held:
    """A process that cannot become another."""

    pid: int
    descriptor: int


def send(case: Case, container: str, process: object, name: str) -> dict[str, Any]:
    """Signal processes of the container. Raises BadRequestError, GoneError, PermissionError, TimeoutError."""
    if name not in SIGNALS:
        raise BadRequestError(f"signal {name!r}: known are {', '.join(SIGNALS)}")
    if not processes.is_id(container):
        raise BadRequestError(f"container {container!r}: a whole id is needed, 64 hex digits")
    pids = _chosen(case, container, process)
    held = [each for pid in pids if (each := _hold(case, container, pid))]
    try:
        for each in held:
            signal.pidfd_send_signal(each.descriptor, SIGNALS[name])
        for each in held:
            _await(each, name)
    finally:
        for each in held:
            os.close(each.descriptor)
    return {"pids": [each.pid for each in held]}


def members(case: Case, container: str) -> list[processes.Process]:
    """The container's processes in the case's own namespaces, oldest first."""
    found = processes.in_namespaces(_own(case))
    return sorted(
        (each for each in found if processes.carries(each.cgroup, container)), key=lambda each: (each.start, each.pid)
    )


def _chosen(case: Case, container: str, process: object) -> list[int]:
    found = [each.pid for each in members(case, container)]
    if isinstance(process, int):
        if process not in found:
            raise PermissionError(f"process {process} is none of container {container[:12]} in case {case.name}")
        return [process]
    if process not in ("all", "first", "last"):
        raise BadRequestError(f"process {process!r}: known are all, first, last, or a host pid")
    if not found:
        raise GoneError(f"container {container[:12]} has no process in a namespace of case {case.name}")
    return {"all": found, "first": found[:1], "last": found[-1:]}[process]


def _own(case: Case) -> set[int]:
    """Namespaces of the case without the engine's own."""
    host = namespaces.host_pid()
    forbidden = namespaces.inode_of_process(host) if host else None
    return {each.inode for each in case.namespaces.values() if each.name != cases.HOST and each.inode != forbidden}


def _hold(case: Case, container: str, pid: int) -> Held | None:
    """Take hold of it and look again; None: it is gone, or another has its number."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    inode = namespaces.inode_of_process(pid)
    process = processes.read(pid, inode) if inode in _own(case) and inode is not None else None
    if process is None or not processes.carries(process.cgroup, container):
        os.close(descriptor)
        return None
    return Held(pid, descriptor)


def _await(held: Held, name: str) -> None:
    until = time.monotonic() + EFFECT_SECONDS
    last, since = processes.threads(held.pid), time.monotonic()
    while True:
        now = processes.threads(held.pid)
        if now != last:
            last, since = now, time.monotonic()
        if shows(name, [each.state for each in now.values()], time.monotonic() - since) or _ended(held):
            return
        if time.monotonic() > until:
            raise TimeoutError(f"process {held.pid} does not show {name} after {EFFECT_SECONDS:g} s")


def shows(name: str, states: list[str], still: float) -> bool:
    """Whether threads in these states, unchanged for so many seconds, show the signal's effect."""
    if set(states) <= set(DEAD):
        return True
    if name == "STOP":
        return set(states) <= set(STOPPED) or (set(states) <= {*STOPPED, TRACED} and still >= STILL)
    return name == "CONT" and not set(states) & {*STOPPED, TRACED}


def _ended(held: Held) -> bool:
    """Whether it has ended, which is told at once; the kernel announces no stop, so that is looked for anew."""
    return bool(select.select([held.descriptor], [], [], POLL)[0])
