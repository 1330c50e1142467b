"""From the thread id in a trace record to the process and its network namespace.

Rule: looked up while the event is milliseconds old, and remembered with the thread's start time, so a number used
again is not mistaken. A thread that ended before its event was read is what it was when it was last looked up, or else
what its birth (`task_newtask`) said: a server that takes a thread for each connection would else be nobody. Weak spot:
a number used again within `TRUST` seconds would be mistaken, which takes a whole round of the pid counter in that time;
a process born in the engine's namespace may have moved on, as those of `docker exec` do, so its birth does not say where.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from recorder import namespaces, processes

TRUST = 2.0
"""Seconds after which a remembered thread's start time is compared again."""
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Owner:
    """In whose context an event ran. pid 0: the kernel's idle task; inode None: gone, or none."""

    pid: int
    inode: int | None
    start: int = 0


NOBODY = Owner(0, None)

CLONE_THREAD, CLONE_NEWNET = 0x10000, 0x40000000
"""include/uapi/linux/sched.h."""


@dataclass(slots=True)
class Memory:
    """Threads seen so far and when they were last looked at (monotonic seconds)."""

    known: dict[int, tuple[Owner, float]] = field(default_factory=dict)
    host: int | None = None
    """Inode of the engine's namespace."""
    born: dict[int, Owner] = field(default_factory=dict)
    """Thread -> its process, as its birth said; for those that are gone when they are looked up."""


def birth(memory: Memory, parent: int, child: int, flags: int) -> None:
    """Remember a birth: a thread belongs to its maker's process, a process is in its maker's namespace."""
    memory.known.pop(child, None)
    maker = owner(memory, parent)
    if len(memory.born) >= MOST:
        memory.born.clear()
    if flags & CLONE_THREAD:
        memory.born[child] = maker
    else:
        moves = flags & CLONE_NEWNET or maker.inode == memory.host
        memory.born[child] = Owner(child, None if moves else maker.inode)


def owner(memory: Memory, tid: int) -> Owner:
    """The process that the thread belongs to."""
    if tid <= 0:
        return NOBODY
    now = time.monotonic()
    known, since = memory.known.get(tid, (NOBODY, 0.0))
    if known is not NOBODY and now - since < TRUST:
        return known
    return _looked_up(memory, tid, known, now)


def _looked_up(memory: Memory, tid: int, known: Owner, now: float) -> Owner:
    """As it is now; if it is gone, as it was."""
    fresh = look_up(tid)
    if fresh.inode is None:  # remembered too: a server with a thread for each connection leaves many events of the dead
        fresh = known if known is not NOBODY else memory.born.get(tid, fresh)
    if len(memory.known) >= MOST:
        memory.known.clear()
    memory.known[tid] = fresh, now
    return fresh


def look_up(tid: int) -> Owner:
    """From /proc. A thread has a folder there although no listing shows it. Gone: its own number and no namespace."""
    try:
        status = processes.fields((processes.PROC / str(tid) / "status").read_text())
        start = processes.start_time(tid)
    except (FileNotFoundError, ProcessLookupError):
        return Owner(tid, None)
    return Owner(int(status["Tgid"]), namespaces.inode_of_process(tid), start)
