"""Names and labels of all that the lab makes on an engine. Cleaning needs nothing else.

Rule: an object belongs to the run in `lab.run`, and the run to the process in `lab.owner`: pid, start time, boot and
machine together, for a pid alone is no identity. Compose's labels stand beside ours, so `docker compose ls`, `ps`,
`logs` and `down` work on a case. Weak spot: where there is no /proc the start time is unknown, and a reused pid looks
alive.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

RUN = "lab.run"
SCENARIO = "lab.scenario"
CASE = "lab.case"
ROLE = "lab.role"
"""`holder`, `server`, `client`, `recorder`, `network`, `files`, `build`, `kept`."""
NAME = "lab.name"
"""The short name, as the scenario writes it."""
OWNER = "lab.owner"
IMAGE = "lab.image"
"""On images and all their layers: the folder of `images/` they come from."""

NAME_LIMIT = 200
"""Characters of an object's name. The engine has no limit, its file names have 255."""

_FOREIGN = re.compile(r"[^a-zA-Z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Owner:
    """One process on one machine since one boot. `host` is the machine's name and its machine-id(5), for two machines that
    share an engine may have one name; `pids` is the inode of the pid namespace in which its pid means it."""

    pid: int
    start: str
    boot: str
    host: str
    pids: str

    def __str__(self) -> str:
        return f"pid={self.pid} start={self.start} boot={self.boot} host={self.host} pids={self.pids}"


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation of the lab."""

    id: str
    """Time and chance: `20260314-150926-3f9a`; unique among live runs."""
    owner: Owner


def new_run(stamp: str) -> Run:
    """Begin a run; `stamp` is the time as it shall stand in names, and four hex digits of chance are added."""
    return Run(f"{stamp}-{secrets.token_hex(2)}", this_process())


def this_process() -> Owner:
    """Say who we are."""
    return Owner(os.getpid(), _start(os.getpid()), *_place())


@cache
def _place() -> tuple[str, str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        pids = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        boot = pids = "-"
    return boot, _machine(), pids


def _machine() -> str:
    try:
        number = Path("/etc/machine-id").read_text("ascii").strip()[:8]
    except (OSError, ValueError):
        number = ""
    return _FOREIGN.sub("_", f"{socket.gethostname()}.{number}").strip(".") or "-"


def _start(pid: int) -> str:
    """Read a process's start time in clock ticks since boot (proc(5), stat, field 22); `-` where there is no /proc, nothing for
    a process that is gone or hidden."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return "-" if not Path("/proc/self").exists() else ""
    return stat.rpartition(")")[2].split()[19]


def read_owner(text: str) -> Owner | None:
    """Read a label's value back; None if it is none of ours."""
    words = dict(word.split("=", 1) for word in text.split() if "=" in word)
    try:
        return Owner(int(words["pid"]), words["start"], words["boot"], words["host"], words["pids"])
    except (KeyError, ValueError):
        return None


def is_dead(owner: Owner) -> bool:
    """Tell whether an owner is surely gone. One on another machine or in another pid namespace is not ours to judge."""
    boot, host, pids = _place()
    if owner.host != host:
        return False
    if owner.boot != boot:
        return True
    if owner.pids != pids:
        return False
    return not _lives(owner)


def _lives(owner: Owner) -> bool:
    """A process of somebody else may be hidden from us (proc(5), hidepid), but not from a signal: it lives, whosever it is."""
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return owner.start == "-" or _start(owner.pid) in (owner.start, "")


def object_name(run: Run, case: str, name: str) -> str:
    """Name a container or network: `lab-<run>-<case>-<name>`, in the engine's alphabet (`[a-zA-Z0-9_.-]`)."""
    whole = _FOREIGN.sub("_", "-".join(part for part in ("lab", run.id, case, name) if part))
    if len(whole) <= NAME_LIMIT:
        return whole
    return f"{whole[: NAME_LIMIT - 9]}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def project(run: Run, case: str) -> str:
    """Name a case's compose project: lower case, digits, dashes and underscores, beginning with a letter or digit."""
    return re.sub(r"[^a-z0-9_-]+", "_", f"lab-{run.id}-{case}".lower())


def run_labels(run: Run, role: str) -> dict[str, str]:
    """Label what belongs to a run and to no case."""
    return {RUN: run.id, OWNER: str(run.owner), ROLE: role}


def case_labels(run: Run, scenario: str, case: str, role: str, name: str) -> dict[str, str]:
    """Label what belongs to a case."""
    return {**run_labels(run, role), SCENARIO: scenario, CASE: case, NAME: name}


def compose_service(run: Run, case: str, service: str, config: str, files: str = "") -> dict[str, str]:
    """Write the labels by which compose knows a service's container. `config` is hashed to compose's config hash;
    `files` is the path of the compose or scenario file."""
    return {
        "com.docker.compose.project": project(run, case),
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": hashlib.sha256(config.encode()).hexdigest(),
        "com.docker.compose.project.config_files": files,
        "com.docker.compose.project.working_dir": str(Path(files).parent) if files else "",
        "com.docker.compose.version": "2.26.1",
    }


def compose_network(run: Run, case: str, network: str) -> dict[str, str]:
    """Write the labels by which compose knows a network."""
    return {
        "com.docker.compose.project": project(run, case),
        "com.docker.compose.network": network,
        "com.docker.compose.version": "2.26.1",
    }
