"""What program a process runs, for those that are gone before anybody looks at them.

A process that is born runs its maker's program until it calls exec; the kernel tells of both, and both times it is read at
once. Rule: what is gone then is not guessed: a zombie has no executable any more, and its `comm` is any name that it gave
itself. Source: proc(5), execve(2), fork(2). Weak spot: a program that ends before its exec is read has no name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from recorder import processes

if TYPE_CHECKING:
    from recorder.processes import Process

MOST = 20_000


@dataclass(slots=True)
class Memory:
    """Pid -> the process as it was read last, of those that were born or ran another program since."""

    known: dict[int, Process] = field(default_factory=dict)


def born(memory: Memory, child: int, maker: int, inode: int) -> Process | None:
    """A new process; None: it is gone without a trace."""
    found = processes.read(child, inode, sockets=False)
    if found and not found.name and (made_by := processes.read(maker, inode, sockets=False)):
        found = replace(found, name=made_by.name, command=made_by.command)
    return _kept(memory, child, found)


def ran(memory: Memory, pid: int, inode: int) -> Process | None:
    """A process that has just called exec. Without a name if it is gone: what it ran before, it runs no more."""
    found = processes.read(pid, inode, sockets=False)
    before = memory.known.get(pid)
    if found is None and before:
        found = replace(before, name="", command=())
    return _kept(memory, pid, found)


def as_it_was(memory: Memory, found: Process) -> Process:
    """The same with its program, if it is a zombie now and was told before."""
    before = memory.known.get(found.pid)
    if found.name or before is None or before.start != found.start:
        return found
    return replace(found, name=before.name, command=before.command)


def _kept(memory: Memory, pid: int, found: Process | None) -> Process | None:
    memory.known.pop(pid, None)
    if found:
        if len(memory.known) >= MOST:
            memory.known.clear()
        memory.known[pid] = found
    return found
