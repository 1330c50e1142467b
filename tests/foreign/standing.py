"""Bring a foreign deployment up by plain compose, wait until the kernel shows its listeners, take it down again.

Rule: nothing here is the lab's; readiness is read from the containers' own tables in /proc, so no request is sent before the
one that is traced. Weak spot: needs an engine on this machine's own kernel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent
LIMIT = 120
"""Seconds for one command."""
READY_SECONDS = 30.0
POLL = 0.05
"""Seconds between two readings of /proc."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One folder: `compose.yaml`, its servers' configurations, `truth.yaml`."""

    name: str
    place: Path | None = None
    """Where it lies, if not beside the others."""

    @property
    def folder(self) -> Path:
        return self.place or ROOT / self.name

    @property
    def project(self) -> str:
        return f"foreign-{self.name}"

    def truth(self) -> Mapping[str, Any]:
        read: Mapping[str, Any] = YAML(typ="safe").load(self.folder / "truth.yaml")
        return read


def deployments() -> list[Deployment]:
    """All of them, by name."""
    return [Deployment(path.parent.name) for path in sorted(ROOT.glob("*/truth.yaml"))]


def compose_command() -> list[str]:
    """`docker compose`, or the older `docker-compose`; nothing if there is none."""
    if shutil.which("docker") and _works(["docker", "compose", "version"]):
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def _works(words: list[str]) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Compose:
    """Plain compose, pointed at an engine."""

    command: tuple[str, ...]
    url: str
    project: str = ""
    """In place of a deployment's own."""

    def run(self, deployment: Deployment, *words: str) -> str:
        """Run it for a deployment; gives its standard output. Raises RuntimeError with its last words."""
        return self._run([*self.command, "--project-name", self.project or deployment.project, *words], deployment.folder)

    def docker(self, *words: str) -> str:
        return self._run(["docker", *words], ROOT)

    def _run(self, words: list[str], folder: Path) -> str:
        environment = {**os.environ, "DOCKER_HOST": self.url, "COMPOSE_ANSI": "never"}
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout


@contextmanager
def standing(compose: Compose, deployment: Deployment) -> Iterator[Deployment]:
    """The deployment, listening."""
    try:
        compose.run(deployment, "up", "--detach")
        wait_ready(compose, deployment)
        yield deployment
    finally:
        compose.run(deployment, "down", "--volumes", "--timeout", "0")


def wait_ready(compose: Compose, deployment: Deployment) -> None:
    """Until each service listens on the ports (or UNIX paths) that the truth names under `ready`."""
    until = time.monotonic() + READY_SECONDS
    wanted = [(service, end) for service, ends in deployment.truth()["ready"].items() for end in ends]
    while missing := [each for each in wanted if not _listens(compose, deployment, *each)]:
        if time.monotonic() > until:
            logs = compose.run(deployment, "logs", "--tail", "20")
            raise RuntimeError(f"{deployment.name}: nobody listens on {missing} after {READY_SECONDS:g} s\n{logs}")
        time.sleep(POLL)


def _listens(compose: Compose, deployment: Deployment, service: str, end: int | str) -> bool:
    pid = first_pid(compose, deployment, service)
    if isinstance(end, str):
        return any(line.split()[-1] == end for line in _table(pid, "unix") if line.split()[3] == "00010000")
    return any(_is_listener(line, end) for name in ("tcp", "tcp6", "udp", "udp6") for line in _table(pid, name))


def first_pid(compose: Compose, deployment: Deployment, service: str) -> int:
    """Host pid of a service's first process; 0 when it does not run."""
    made = compose.run(deployment, "ps", "-q", service).split()
    return int(compose.docker("inspect", "--format", "{{.State.Pid}}", made[0])) if made else 0


def _table(pid: int, name: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/net/{name}").read_text("ascii").splitlines()[1:]
    except OSError:
        return []


def _is_listener(line: str, port: int) -> bool:
    """State 0A is TCP's LISTEN, 07 an unconnected UDP socket (include/net/tcp_states.h)."""
    words = line.split()
    return words[3] in ("0A", "07") and int(words[1].rpartition(":")[2], 16) == port
