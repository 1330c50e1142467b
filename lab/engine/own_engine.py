"""The lab's own engine, for a machine that has none: own socket, data and bridge; one command to stop or remove it.

Rule: it is installed from the system's packages and said beforehand; it runs in a session of its own and stays when the
command ends; it is never started beside another engine, because two share one set of packet filter rules and the second
to start clears the first's. Weak spot: Debian or Ubuntu as root only; removing it leaves the packages installed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.engine import apt, bridge, processes
from lab.engine import docker as engines
from lab.engine.errors import MachineError
from lab.engine.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.engine.progress import Progress

PACKAGES = ("docker.io", "iptables", "ca-certificates")

START_SECONDS = 60.0
"""Until the engine answers; it takes 1 to 3 s here."""

TICK = 0.02
"""Seconds between two looks for the socket's file, each a wait for the engine's death."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the lab's own engine keeps its things."""

    data: Path = Path("/var/lib/lab-engine")
    run: Path = Path("/run/lab-engine")
    bridge: str = "lab0"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.run / "docker.sock"

    @property
    def url(self) -> str:
        """The socket as an address."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> Path:
        """Where it writes its process id."""
        return self.run / "docker.pid"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.data / "dockerd.log"


PATHS = Paths()


@dataclass(frozen=True, slots=True)
class Status:
    """The lab's own engine as it is."""

    url: str
    installed: bool
    """The program is there, whoever installed it."""
    pid: int | None
    """None: it does not run."""
    answers: bool
    version: str
    data: str
    log: str
    why_not: str
    """Why it cannot be started here; empty when it can, or runs."""


def status(paths: Paths = PATHS) -> Status:
    """Look, change nothing."""
    pid = running_pid(paths)
    version = ""
    if pid is not None:
        try:
            version = engines.facts(engines.connect(paths.url, timeout=5, first=5)).version
        except MachineError:
            version = ""
    reason = "" if pid is not None else why_not(paths)
    return Status(paths.url, _installed(), pid, bool(version), version, str(paths.data), str(paths.log), reason)


def why_not(paths: Paths = PATHS) -> str:
    """Say why the lab cannot have an engine of its own here; empty when it can."""
    if reason := _not_allowed():
        return reason
    other = processes.other_engine(paths.url)
    return _other(other) if other else ""


def _not_allowed() -> str:
    """Starting wants root on Linux; installing wants apt-get too."""
    if not sys.platform.startswith("linux"):
        return "this machine does not run Linux"
    return ("" if os.geteuid() == 0 else "you are not root") if _installed() else apt.why_not()


def _installed() -> bool:
    return bool(shutil.which("dockerd") and shutil.which("iptables"))


def _other(other: processes.OtherEngine) -> str:
    return f"another engine runs on this machine (process {other.pid}: `{' '.join(other.words)}`)"


def start(progress: Progress | None = None, paths: Paths = PATHS) -> Status:
    """Install what is missing, start the engine unless it runs, wait until it answers. Raises MachineError."""
    said = progress or Silent()
    paths.data.parent.mkdir(parents=True, exist_ok=True)
    if running_pid(paths) is None:
        _may_start(paths)
        install(said)
        with _locked(paths), said.phase("starting the lab's own engine"):
            if running_pid(paths) is None:
                _may_start(paths)
                _launch(paths)
        said.note(f"the lab's own engine runs at {paths.url}; `lab engine stop` ends it, `lab engine remove` undoes it")
    return status(paths)


def _may_start(paths: Paths) -> None:
    if reason := _not_allowed():
        move = "start an engine yourself and set DOCKER_HOST, or run as root on Debian or Ubuntu"
        raise MachineError(f"the lab cannot start an engine of its own here: {reason}", move)
    if other := processes.other_engine(paths.url):
        move = (
            f"set DOCKER_HOST to {' or '.join(processes.addresses(other.words)) or 'its address'}, or end process {other.pid}"
        )
        raise MachineError(f"{_other(other)}, and a second would clear its packet filter rules", move)


def install(progress: Progress) -> None:
    """Install the engine's packages if they are not there. Where no systemd runs, their start scripts are held back by
    the run level that they are told: it is to be the lab's engine."""
    if _installed():
        return
    progress.note(f"no container engine answers: installing {', '.join(PACKAGES)} with apt-get and starting one")
    with progress.phase(f"installing {', '.join(PACKAGES)}"):
        apt.install(PACKAGES, {"RUNLEVEL": "1"})


@contextmanager
def _locked(paths: Paths) -> Iterator[None]:
    """Let one process at a time start or stop it."""
    paths.run.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (paths.run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _launch(paths: Paths) -> None:
    paths.data.mkdir(mode=0o711, parents=True, exist_ok=True)
    settings = paths.data / "daemon.json"
    settings.write_text("{}\n", "ascii")  # else it would read the system's, which may contradict ours
    paths.socket.unlink(missing_ok=True)
    paths.pid.unlink(missing_ok=True)
    processes.forget_if_dead(paths.run / "exec" / "containerd" / "containerd.pid")
    if not bridge.exists(paths.bridge):
        from lab.engine.subnets import host_routes

        bridge.make(paths.bridge, host_routes())
    with paths.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - words of ours, no shell
            _command(paths, settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    _await(process, paths)


def _command(paths: Paths, settings: Path) -> list[str]:
    """Write the engine's command: nothing shared with an engine of the system but the kernel."""
    dockerd = shutil.which("dockerd") or "/usr/sbin/dockerd"
    return [
        dockerd,
        f"--config-file={settings}",
        f"--host={paths.url}",
        f"--data-root={paths.data / 'data'}",
        f"--exec-root={paths.run / 'exec'}",
        f"--pidfile={paths.pid}",
        f"--bridge={paths.bridge}",
        "--containerd-namespace=lab",
        "--containerd-plugins-namespace=lab-plugins",
        "--shutdown-timeout=3",
        "--log-level=warn",
    ]


def _await(process: subprocess.Popen[bytes], paths: Paths) -> None:
    """Wait until the engine answers: first for its socket's file, then for its first answer, given when it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while not paths.socket.exists():
        if time.monotonic() > deadline or _died(process):
            raise _did_not_start(process, paths)
    try:
        engines.connect(paths.url, first=int(START_SECONDS))
    except MachineError as error:
        raise _did_not_start(process, paths) from error


def _died(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(TICK)
    except subprocess.TimeoutExpired:
        return False
    return True


def _did_not_start(process: subprocess.Popen[bytes], paths: Paths) -> MachineError:
    how = f"ended with {process.returncode}" if _died(process) else f"does not answer after {START_SECONDS:g} s"
    if process.returncode is None:
        process.terminate()
    lines = tuple(paths.log.read_text("utf-8", "replace").splitlines()[-10:])
    move = f"the whole log is {paths.log}; `lab engine remove` takes everything away again"
    return MachineError(f"the lab's own engine {how}. Its last words:", move, lines)


def running_pid(paths: Paths = PATHS) -> int | None:
    """Give the process id of the lab's own engine; None if it does not run."""
    return processes.engine_pid(paths.pid, paths.url)


def stop(paths: Paths = PATHS) -> bool:
    """End the engine and its containers; False if it did not run. Raises MachineError if it does not end."""
    if running_pid(paths) is None:
        return False
    with _locked(paths):
        pid = running_pid(paths)
        if pid is not None:
            processes.end(pid)
        bridge.remove(paths.bridge)
    return True


def remove(paths: Paths = PATHS) -> bool:
    """Stop it and remove all its data: images, containers, volumes, log. The packages stay installed."""
    there = paths.data.exists() or paths.run.exists()
    stop(paths)
    for mount in _mounts_below(paths.data, paths.run):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)  # noqa: S603, S607 - words of ours
    for folder in (paths.data, paths.run):
        if folder.exists():
            shutil.rmtree(folder)
    return there


def _mounts_below(*folders: Path) -> list[str]:
    """List mounts below our folders, the innermost first (proc(5), mounts)."""
    try:
        rows = Path("/proc/self/mounts").read_text("utf-8").splitlines()
    except OSError:
        return []
    points = [row.split()[1] for row in rows]
    return sorted((p for p in points if any(Path(p).is_relative_to(f) for f in folders)), key=len, reverse=True)
