"""All of a deployment that `lab trace` could change, as this machine's kernel and engine show it: taken before and after.

Rule: what any request changes by itself is left out (counters, times, connections that wait out their time); all else must be
the same. Weak spot: needs root, to read the descriptors of others and their packet filter.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.foreign.standing import Compose, Deployment

COUNTERS = re.compile(r"\[\d+:\d+\]|^#.*$", re.MULTILINE)
ESTABLISHED, LISTEN = "01", "0A"
PROC = Path("/proc")


def state(compose: Compose, deployment: Deployment) -> dict[str, Any]:
    """Processes, descriptors, sockets, interfaces, packet filters, files, and what the engine has of the project."""
    made = compose.run(deployment, "ps", "-q").split()
    found = {name: _container(compose, name) for name in sorted(made)}
    addresses = compose.docker(
        "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", *made
    ).split()
    host = [line for line in _rules(1).splitlines() if any(f" {address}" in line for address in addresses)]
    return found | {"engine": _engine(compose, deployment), "host": host}


def _container(compose: Compose, name: str) -> dict[str, Any]:
    first = int(compose.docker("inspect", "--format", "{{.State.Pid}}", name))
    pids = [int(path.name) for path in PROC.glob("[0-9]*") if name in _text(path / "cgroup")]
    return {
        "processes": {pid: _process(pid) for pid in sorted(pids)},
        "sockets": sorted(_sockets(first)),
        "interfaces": sorted(line.split(":")[0].strip() for line in _text(PROC / f"{first}/net/dev").splitlines()[2:]),
        "rules": _rules(first),
        "files": sorted(compose.docker("diff", name).splitlines()),
        "settings": compose.docker("inspect", "--format", "{{json .HostConfig}} {{json .Config}} {{.RestartCount}}", name),
    }


def _process(pid: int) -> dict[str, Any]:
    """Start time, program, threads, descriptors, what is mapped from files, and who traces it."""
    folder = PROC / str(pid)
    status = dict(line.split(":\t", 1) for line in _text(folder / "status").splitlines() if ":\t" in line)
    return {
        "start": _text(folder / "stat").rpartition(")")[2].split()[19],
        "command": _text(folder / "cmdline"),
        "threads": status["Threads"],
        "tracer": status["TracerPid"],
        "descriptors": sorted(_descriptors(folder)),
        "mapped": sorted({line.split()[-1] for line in _text(folder / "maps").splitlines() if "/" in line}),
    }


def _descriptors(folder: Path) -> Iterator[str]:
    for name in os.listdir(folder / "fd"):
        try:
            yield f"{name} {os.readlink(folder / 'fd' / name)}"
        except FileNotFoundError:
            continue


def _sockets(pid: int) -> Iterator[str]:
    """Listeners and established connections of TCP, and bound UNIX sockets."""
    for table in ("tcp", "tcp6"):
        for words in (line.split() for line in _text(PROC / f"{pid}/net/{table}").splitlines()[1:]):
            if words[3] in (ESTABLISHED, LISTEN):
                yield f"{table} {words[1]} {words[2]} {words[3]} {words[9]}"
    for words in (line.split() for line in _text(PROC / f"{pid}/net/unix").splitlines()[1:]):
        if len(words) > 7:
            yield f"unix {words[6]} {words[7]}"


def _rules(pid: int) -> str:
    """The packet filter of a process's namespace, counters left out."""
    words = ["nsenter", "-t", str(pid), "-n", "iptables-save"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return COUNTERS.sub("", done.stdout) if done.returncode == 0 else ""


def _engine(compose: Compose, deployment: Deployment) -> list[str]:
    """Containers, networks and volumes of the project."""
    label = f"label=com.docker.compose.project={deployment.project}"
    return sorted(
        compose.docker("ps", "-a", "-q", "--filter", label).split()
        + compose.docker("network", "ls", "-q", "--filter", label).split()
        + compose.docker("volume", "ls", "-q", "--filter", label).split()
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
