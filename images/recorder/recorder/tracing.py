"""Where the kernel's trace buffer is refused: strace on the processes of a case.

Rule: each process in the case's namespaces (not in the engine's) is followed before its first probe, with its threads
and children; strace stands in the process's network namespace, for there it finds a socket's ends, and is killed by the
kernel with the recorder (prctl(2), PR_SET_PDEATHSIG), which lets go of what it followed. A process that could not be
followed, or that strace lost while it lived, is told as a gap. Source: strace(1), ptrace(2). Weak spot: every system
call of a followed process costs it two stops; it runs several times slower.
"""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recorder import calls, processes, witnessing

if TYPE_CHECKING:
    from recorder.case import Case, Namespace

ATTACH_SECONDS, END_SECONDS = 5.0, 5.0
POLL = 0.002
"""Seconds between two looks at TracerPid: the kernel announces no attachment to anybody else."""
ROUNDS = 3
"""Times that processes are looked for: one that is born while its parent is taken hold of is found the next time."""
PIECE = 1 << 16
STARTING = ("runc", "init")
"""Command line of a container's process before it becomes the container's program."""
CHECK = ("strace", "-qq", "-e", "trace=none", "-o", "/dev/null", "true")


@dataclass(slots=True)
class Tracer:
    """One strace."""

    namespace: str
    process: subprocess.Popen[bytes]
    pipe: int
    """What it writes, non-blocking."""
    pids: frozenset[int]
    """Processes that it was told to follow."""
    rest: bytes = b""
    reader: calls.Reader = field(default_factory=calls.Reader)


@dataclass(slots=True)
class Tracing:
    """What follows the processes of one case."""

    tracers: list[Tracer] = field(default_factory=list)
    memory: witnessing.Memory = field(default_factory=witnessing.Memory)
    gaps: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while processes are looked for."""


def refusal() -> str:
    """Why strace cannot follow even its own child; empty if it can."""
    try:
        done = subprocess.run(CHECK, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - constant words
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return said[0].removeprefix("strace: ") if done.returncode else ""


def strangers(case: Case) -> dict[str, list[int]]:
    """Namespace -> its processes that nobody follows yet."""
    inner = {each.inode: each for each in case.namespaces.values() if each.ports is None}
    found: dict[str, list[int]] = {}
    for process in processes.in_namespaces(inner):
        known = any(process.pid in tracer.pids for tracer in case.tracing.tracers)
        if not known and process.command[:2] != STARTING and not processes.tracer_of(process.pid):
            found.setdefault(inner[process.namespace_inode].name, []).append(process.pid)
    return found


def start(namespace: Namespace, pids: list[int]) -> Tracer:
    """Follow these processes. In a thread that lasts: the kernel ends strace with the thread that made it."""
    end, start_ = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(end, False)
    words = [
        *("setpriv", "--pdeathsig", "KILL"),
        *("nsenter", f"--net=/proc/{os.getpid()}/fd/{namespace.descriptor}"),
        *("strace", *calls.OPTIONS, "-e", "trace=" + ",".join(f"?{name}" for name in calls.CALLS)),
        *("-o", f"/dev/fd/{start_}", *(word for pid in pids for word in ("-p", str(pid)))),
    ]
    try:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(start_,))  # noqa: S603 - words of our own
    except BaseException:
        os.close(end)
        raise
    finally:
        os.close(start_)
    return Tracer(namespace.name, process, end, frozenset(pids))


def await_hold(tracer: Tracer) -> list[str]:
    """Wait until it holds all of its processes; in words, those that it does not get."""
    until = time.monotonic() + ATTACH_SECONDS
    while (free := _free(tracer)) and time.monotonic() < until and tracer.process.poll() is None:
        time.sleep(POLL)
    return [f"process {pid} in {tracer.namespace} could not be followed" for pid in free if processes.alive(pid)]


def lines(tracer: Tracer) -> tuple[list[str], bool]:
    """Whole lines that it has written, and whether that was the end."""
    pieces = [tracer.rest]
    ended = False
    while True:
        try:
            piece = os.read(tracer.pipe, PIECE)
        except BlockingIOError:
            break
        if not piece:
            ended = True
            break
        pieces.append(piece)
    *whole, tracer.rest = b"".join(pieces).split(b"\n")
    return [line.decode(errors="replace") for line in whole], ended


def lost(tracer: Tracer) -> str:
    """What was lost with a strace that ended by itself: nothing if all that it followed has ended."""
    alive = [pid for pid in tracer.pids if processes.alive(pid)]
    if not alive:
        return ""
    return f"strace ended while process {', '.join(map(str, alive))} in {tracer.namespace} went on"


def let_go(tracer: Tracer) -> list[str]:
    """End it in order; its last lines."""
    tracer.process.terminate()
    found: list[str] = []
    until = time.monotonic() + END_SECONDS
    ended = False
    while not ended and time.monotonic() < until:
        select.select([tracer.pipe], [], [], END_SECONDS / 10)
        more, ended = lines(tracer)
        found += more
    close(tracer)
    return found


def close(tracer: Tracer) -> None:
    tracer.process.kill()
    tracer.process.wait()
    os.close(tracer.pipe)


def _free(tracer: Tracer) -> list[int]:
    return [pid for pid in tracer.pids if any(each != tracer.process.pid for each in processes.tracers(pid))]
