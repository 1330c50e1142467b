"""What a container says: its log, its attached standard streams, the output of a command run in it.

Rule: attach before the start, and nothing is missed. Weak spot: the engine's log splits a line longer than 16 kB into
several.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.engine.docker.connection import Docker, asking
from lab.engine.docker.tls import SharedTls

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Attached:
    """A container's standard streams. Frames of output carry an 8-byte header (Engine API, "Stream format")."""

    sock: Any
    response: Any
    """Kept: a collected response would close a TLS socket under us."""


def logs(docker: Docker, container: str, tail: int | None = None) -> tuple[str, ...]:
    """Read what the container wrote to both outputs: lines `RFC3339-nanoseconds text`, in the engine's order."""
    with asking(f"reading the log of {container[:12]}", docker.url):
        raw: bytes = docker.api.logs(container, timestamps=True, tail="all" if tail is None else tail)
    return tuple(raw.decode("utf-8", "replace").removesuffix("\n").split("\n")) if raw else ()


def follow_logs(docker: Docker, container: str, tail: int | None = None) -> Iterator[str]:
    """Read as `logs` does, and go on until the container ends or the caller stops iterating."""
    with asking(f"following the log of {container[:12]}", docker.url):
        stream = docker.api.logs(container, timestamps=True, stream=True, follow=True, tail="all" if tail is None else tail)
        held = b""
        for chunk in stream:
            *lines, held = (held + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines)
        if held:
            yield held.decode("utf-8", "replace")


def attach(docker: Docker, container: str) -> Attached:
    """Take a container's standard input and outputs. Attach before the start: nothing it says is missed."""
    params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    with asking(f"attaching to {container[:12]}", docker.url):
        raw = docker.api.attach_socket(container, params=params)
        sock = getattr(raw, "_sock", raw)
        sock.settimeout(None)
    return Attached(SharedTls(sock) if isinstance(sock, ssl.SSLSocket) else sock, raw)


def exec_in(docker: Docker, container: str, command: tuple[str, ...], user: str = "") -> tuple[int, str]:
    """Run a command in a running container to its end: exit code, and both outputs as text. 36 ms at least."""
    with asking(f"running {' '.join(command)} in {container[:12]}", docker.url):
        made = docker.api.exec_create(container, list(command), user=user)
        output: bytes = docker.api.exec_start(made["Id"])
        code = docker.api.exec_inspect(made["Id"])["ExitCode"]
    return int(code), output.decode("utf-8", "replace")
