"""Engines as processes of this machine: which run, where they listen, and their end.

Rule: a pid file alone proves nothing; the command line of the process does. Weak spot: read from /proc, so Linux only,
and only what this pid namespace shows.
"""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

from lab.engine.errors import MachineError

STOP_SECONDS = 30.0
"""Until an engine has ended; a container whose first process ignores TERM costs it 10 s."""


def engine_pid(pid_file: Path, url: str) -> int | None:
    """Give the pid in a file if that process is an engine that listens at `url`; else None."""
    try:
        pid = int(pid_file.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return pid if f"--host={url}" in _command_of(pid) else None


def forget_if_dead(pid_file: Path) -> None:
    """Remove the file if its process is dead, also if nobody has reaped it yet: after a crash the engine would take such
    a zombie for its living helper and wait in vain."""
    try:
        stat = Path(f"/proc/{int(pid_file.read_text('ascii'))}/stat").read_text("utf-8", "replace")
    except (OSError, ValueError):
        return
    if stat.rpartition(")")[2].split()[0] in ("Z", "X"):
        pid_file.unlink(missing_ok=True)


def _command_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


@dataclass(frozen=True, slots=True)
class OtherEngine:
    """An engine that is not the lab's, in this network namespace."""

    pid: int
    words: tuple[str, ...]
    """Its command line."""


def addresses(words: tuple[str, ...]) -> tuple[str, ...]:
    """Read from dockerd's command line where it listens; none if it listens where its service manager says."""
    pairs = zip(words, (*words[1:], ""), strict=True)
    named = [after if word in ("-H", "--host") else word.partition("=")[2] for word, after in pairs if _is_host(word)]
    return tuple(url for url in named if url.startswith("unix://"))


def _is_host(word: str) -> bool:
    return word in ("-H", "--host") or word.startswith(("-H=", "--host="))


def other_engine(own_url: str) -> OtherEngine | None:
    """Find a dockerd in this network namespace that does not listen at `own_url`."""
    own_space = _network_of("self")
    for folder in Path("/proc").glob("[0-9]*"):
        words = _command_of(int(folder.name))
        if Path(words[0] if words else "").name != "dockerd" or f"--host={own_url}" in words:
            continue
        if _network_of(folder.name) == own_space:
            return OtherEngine(int(folder.name), tuple(word for word in words if word))
    return None


def _network_of(pid: str) -> int:
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:
        return 0


def end(pid: int) -> None:
    """Ask it to end and wait for that on a descriptor of the process (pidfd_open(2)), so no other pid can be meant."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(STOP_SECONDS * 1000):
            raise MachineError(f"the engine (process {pid}) did not end within {STOP_SECONDS:g} s", f"kill -9 {pid}")
    finally:
        os.close(handle)
