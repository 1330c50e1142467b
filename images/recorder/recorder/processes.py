"""Processes, as /proc shows them.

Rule: one reading of /proc gives both who is in a namespace and who holds which socket, so the two agree. A process
that ends while it is read is left out. Source: proc(5). Weak spot: /proc is not a snapshot; the reading takes
milliseconds while processes go on. A socket held by a process of another namespace is not searched for there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.namespaces import inode_of_process

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

PROC = Path("/proc")

_THREAD = re.compile(r"^(?:Name|State|voluntary_ctxt_switches|nonvoluntary_ctxt_switches):\t(.*)$", re.MULTILINE)

DAC_OVERRIDE, DAC_READ_SEARCH, SYS_PTRACE = 1 << 1, 1 << 2, 1 << 19
"""Bits of capabilities(7)."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process; fields as `SeenProcess` of the lab's model, and what ties it to sockets."""

    pid: int
    namespace_pid: int
    parent: int
    start: int
    name: str
    command: tuple[str, ...]
    cgroup: str
    namespace_inode: int
    sockets: frozenset[int]
    """Inodes of the sockets that it has descriptors of."""


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread at one moment."""

    name: str
    state: str
    """`R`, `S`, `D`, `T`, `t`, `Z`, ... of proc(5)."""
    switches: int
    """How often it gave up a processor or lost it: if this stands, it did not run."""


def pids() -> list[int]:
    return sorted(int(name) for name in os.listdir(PROC) if name.isdigit())  # noqa: PTH208 - names are all that is needed


def in_namespaces(inodes: Container[int]) -> list[Process]:
    """All processes whose network namespace is one of these, but for those that the recorder itself put there."""
    return [each for each in _in_namespaces(inodes) if each.parent != os.getpid()]


def _in_namespaces(inodes: Container[int]) -> Iterator[Process]:
    for pid in pids():
        inode = inode_of_process(pid)
        if inode is None or inode not in inodes:
            continue
        process = read(pid, inode)
        if process is not None:
            yield process


def pids_in(inodes: Container[int]) -> list[int]:
    """Processes whose network namespace is one of these."""
    return [pid for pid in pids() if inode_of_process(pid) in inodes]


def threads(pid: int) -> dict[int, Thread]:
    """Thread id -> thread; empty when the process is gone."""
    try:
        tids = [int(name) for name in os.listdir(PROC / str(pid) / "task")]  # noqa: PTH208 - names are all that is needed
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {tid: found for tid in tids if (found := _thread(PROC / str(pid) / "task" / str(tid)))}


def tracers(pid: int) -> list[int]:
    """Who traces each thread of the process; 0: nobody. Empty when it is gone."""
    try:
        tids = os.listdir(PROC / str(pid) / "task")  # noqa: PTH208 - names are all that is needed
        found = [fields((PROC / str(pid) / "task" / tid / "status").read_text()) for tid in tids]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(each["TracerPid"]) for each in found if each["State"][0] not in "ZX"]


def tracer_of(pid: int) -> int:
    """Who traces it; 0: nobody."""
    return max(tracers(pid), default=0)


def alive(pid: int) -> bool:
    """Whether it runs, and is not only waiting to be buried."""
    return any(each.state not in "ZX" for each in threads(pid).values())


def _thread(folder: Path) -> Thread | None:
    try:
        status = (folder / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, state, *switches = _THREAD.findall(status)
    return Thread(name, state[0], sum(map(int, switches)))


def read(pid: int, namespace_inode: int, *, sockets: bool = True) -> Process | None:
    """One process, or None when it is gone. Without a name if it is a zombie: then its executable is gone, and `comm` is any
    name. `sockets`: look through its descriptors."""
    folder = PROC / str(pid)
    try:
        status = fields((folder / "status").read_text())
        return Process(
            pid=pid,
            namespace_pid=int(status["NSpid"].split()[-1]),
            parent=int(status["PPid"]),
            start=start_time(pid),
            name=_executable(folder, status["Name"]),
            command=command((folder / "cmdline").read_bytes()),
            cgroup=container_path((folder / "cgroup").read_text()),
            namespace_inode=namespace_inode,
            sockets=frozenset(_sockets(folder) if sockets else ()),
        )
    except (FileNotFoundError, ProcessLookupError):
        return None


def may_see_descriptors() -> bool:
    """Whether /proc/PID/fd of other users' processes can be read. If not, sockets seem to have no holder."""
    effective = int(fields((PROC / "self/status").read_text())["CapEff"], 16)
    return bool(effective & SYS_PTRACE) and bool(effective & (DAC_OVERRIDE | DAC_READ_SEARCH))


def start_time(pid: int) -> int:
    """Clock ticks since boot, field 22 of /proc/PID/stat. Raises FileNotFoundError when it is gone."""
    return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])


def fields(status: str) -> dict[str, str]:
    """`Key: value` lines."""
    pairs = (line.partition(":") for line in status.splitlines())
    return {key: value.strip() for key, _, value in pairs}


def command(cmdline: bytes) -> tuple[str, ...]:
    return tuple(part.decode(errors="replace") for part in cmdline.rstrip(b"\0").split(b"\0")) if cmdline else ()


def container_path(cgroups: str) -> str:
    """The path that carries a container's id: of version 2 its only line, of version 1 the first line that has one."""
    paths = [line.split(":", 2)[2] for line in cgroups.splitlines() if line.count(":") >= 2]
    return next((path for path in paths if has_container_id(path)), paths[-1] if paths else "")


def has_container_id(path: str) -> bool:
    """Whether a part of it holds 64 hex digits, as `/docker/ID` and `docker-ID.scope` do."""
    return any(is_id(word) for word in _words(path))


def carries(path: str, container: str) -> bool:
    """Whether a cgroup's path is that container's, or lies below it."""
    return container in _words(path)


def is_id(word: str) -> bool:
    """Whether it is a container's whole id."""
    return len(word) == 64 and set(word) <= set("0123456789abcdef")


def _words(path: str) -> list[str]:
    return [word for part in path.split("/") for word in part.replace(".", "-").split("-")]


def _executable(folder: Path, called: str) -> str:
    """Base name of the program; where it may not be read, what the thread is called; empty for a zombie and a kernel thread."""
    try:
        return Path(os.readlink(folder / "exe").removesuffix(" (deleted)")).name  # noqa: PTH115 - the link need not lead anywhere
    except PermissionError:
        return called
    except FileNotFoundError:
        return ""


def _sockets(folder: Path) -> Iterator[int]:
    for name in _descriptors(folder):
        try:
            target = os.readlink(folder / "fd" / name)  # noqa: PTH115 - `socket:[7]` is no path
        except OSError:
            continue
        if target.startswith("socket:["):
            yield int(target[8:-1])


def _descriptors(folder: Path) -> list[str]:
    try:
        return os.listdir(folder / "fd")  # noqa: PTH208 - names are all that is needed
    except PermissionError:
        return []
