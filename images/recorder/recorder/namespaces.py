"""Entering network namespaces.

`setns` moves one thread, so each visit is a thread of its own that ends afterwards: no other thread can find itself
in the wrong namespace. A socket belongs for good to the namespace it was opened in, so a visit only opens things.
Weak spot: the host's namespace is told by its processes (pid 1, the kernel's pid 2, the engine), which needs the
host's pid namespace.
"""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
"""include/uapi/linux/sched.h."""

FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""PROC_PID_INIT_INO, include/linux/proc_ns.h: the kernel's own pid namespace, whose pids tracepoints carry."""

ENGINES = frozenset({"dockerd", "podman", "containerd"})

_libc = ctypes.CDLL(None, use_errno=True)


def enter(descriptor: int) -> None:
    """Move the calling thread into the network namespace behind `descriptor`. Raises OSError. See setns(2)."""
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def inside(descriptor: int, act: Callable[[], T]) -> T:
    """Result of `act` run inside the namespace; what it raises is raised here."""
    results: list[T] = []
    errors: list[BaseException] = []

    def visit() -> None:
        try:
            enter(descriptor)
            results.append(act())
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread and raised there
            errors.append(error)

    thread = threading.Thread(target=visit, name="visit")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def open_namespace(pid: int) -> int:
    """A descriptor of the process's network namespace; it keeps the namespace alive. Raises OSError."""
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def inode_of(descriptor: int) -> int:
    return os.fstat(descriptor).st_ino


def inode_of_process(pid: int) -> int | None:
    """Inode of the process's network namespace; None when the process is gone or not ours to see."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino  # noqa: PTH116 - asked of every process, many times
    except OSError:
        return None


def in_first_pid_namespace() -> bool:
    return Path("/proc/self/ns/pid").stat().st_ino == FIRST_PID_NAMESPACE


def host_pid() -> int | None:
    """A process that lives in the engine's own network namespace, or None if none can be looked into."""
    for pid in (1, 2):
        if inode_of_process(pid) is not None:
            return pid
    return next((pid for pid in _engines() if inode_of_process(pid) is not None), None)


def _engines() -> list[int]:
    running = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return sorted(int(entry.name) for entry in running if _name(entry) in ENGINES)


def _name(entry: Path) -> str:
    try:
        return (entry / "comm").read_text().strip()
    except OSError:
        return ""
