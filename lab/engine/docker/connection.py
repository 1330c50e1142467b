"""Reach an engine, and turn what the SDK raises into the lab's errors.

Rule: every call of the SDK stands inside `asking(...)`, so no foreign exception passes this package. Weak spot: the
engine tells most of its reasons only in words, so some translations look at the text.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.engine.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POOL = 64
"""Connections kept open at once; the SDK's ten are fewer than a case's threads plus its attached agents."""

TIMEOUT = 120
"""Seconds for one call. Removing a network under load took 3 s here; a build streams and has no limit of its own."""


@dataclass(frozen=True, slots=True)
class Docker:
    """One engine, reached. Safe for threads."""

    url: str
    api: Any = field(repr=False, compare=False)
    """The SDK's `APIClient`. Any: its published types lack the calls that its own high-level classes are made of."""
    local: bool
    """The engine runs on this machine's own kernel: its routes and processes are ours to read."""
    tls: Path | None = None
    """Folder with ca.pem, cert.pem and key.pem, where the engine wants them."""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the engine says of itself."""

    url: str
    version: str
    api_version: str
    kernel: str
    system: str
    name: str
    architecture: str
    storage: str
    cgroup: str
    root: str
    security: tuple[str, ...]


class NotFoundError(MachineError):
    """The engine does not know the object."""


class ConflictError(MachineError):
    """The engine refuses because of another object: a name or a subnet is taken, something is in use."""


@contextmanager
def asking(what: str, url: str = "") -> Iterator[None]:
    """Translate the SDK's exceptions raised inside; `what` says what was being done, for the message."""
    import docker.errors
    import requests.exceptions
    import urllib3.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        raise _refused(what, error.status_code, str(error.explanation or error)) from error
    except (docker.errors.DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _gone(what, url, error) from error
    except OSError as error:
        raise _gone(what, url, error) from error


def _refused(what: str, status: int | None, says: str) -> MachineError:
    text = f"{what}: the engine answered {status}: {_without_layers(says)}"
    if status == 404:
        return NotFoundError(text)
    if status == 409 or "Pool overlaps" in says or "already exists" in says:
        return ConflictError(text)
    return MachineError(text, _advice(says))


_LAYERS = re.compile(
    r"driver failed programming external connectivity on endpoint \S+ \(\w+\): "
    r"|failed to create (shim task|task for container): |OCI runtime create failed: |runc create failed: "
    r"|unable to start container process: |: unknown$"
)
"""What the engine's layers put around the reason: names that the lab made up, and their own."""


def _without_layers(says: str) -> str:
    return _LAYERS.sub("", says.strip())


def _advice(says: str) -> str:
    for words, move in _ADVICE:
        if words in says:
            return move
    return ""


_ADVICE = (
    ("executable file not found", "mend the container's `command`, or take an image that has the program"),
    ("no such file or directory", "mend the container's `command`, or take an image that has the file"),
    ("permission denied", "the program cannot be executed by the container's user; mend its mode or the `command`"),
    ("no space left on device", "free disk space; `lab clean --images` removes the lab's images"),
    ("port is already allocated", "choose another host port, or stop what holds this one"),
    ("address already in use", "choose another host port, or stop what holds this one (`ss -ltnp` shows it)"),
    ("all predefined address pools", "remove unused networks of yours (`docker network ls`)"),
)


def _gone(what: str, url: str, error: Exception) -> MachineError:
    reason = _innermost(error)
    if isinstance(reason, PermissionError):
        move = "add yourself to the group that owns the socket (usually `docker`), or run as root"
    else:
        move = "start the engine, or point DOCKER_HOST or LAB_ENGINE at one; `lab doctor` shows which are tried"
    return MachineError(f"{what}: no answer from the engine{f' at {url}' if url else ''}: {reason}", move)


def _innermost(error: BaseException) -> BaseException:
    """Find the operating system's error under the layers that requests and urllib3 put around it."""
    seen: BaseException = error
    for _ in range(8):
        inner = seen.__cause__ or seen.__context__ or next((a for a in seen.args if isinstance(a, Exception)), None)
        if inner is None:
            break
        seen = inner
    return seen


def connect(url: str, tls: Path | None = None, timeout: int = TIMEOUT) -> Docker:
    """Reach the engine at `url` (`unix://`, `tcp://`, `https://`); `tls` is a folder with ca.pem, cert.pem, key.pem.

    Raises MachineError when nothing answers or its API is older than the SDK allows (1.24).
    """
    import docker
    import docker.tls

    if url.startswith("ssh://"):
        raise MachineError(f"the engine's address {url} wants ssh, which the lab does not speak", _ssh_move(url))
    with asking("reaching the engine", url):
        config = _tls_config(docker.tls, tls) if tls else False
        api = docker.APIClient(base_url=url, version="auto", timeout=timeout, tls=config, max_pool_size=POOL, num_pools=POOL)
        api.trust_env = False
        local = url.startswith("unix://") and _same_kernel(api.version())
    return Docker(url, api, local, tls)


def _tls_config(tls: Any, folder: Path) -> Any:
    pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
    return tls.TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)


def _ssh_move(url: str) -> str:
    host = url.removeprefix("ssh://").split("/")[0]
    tunnel = "ssh -N -L /tmp/lab-engine.sock:/var/run/docker.sock"
    return f"open a tunnel, `{tunnel} {host}`, and set DOCKER_HOST=unix:///tmp/lab-engine.sock"


def _same_kernel(version: dict[str, Any]) -> bool:
    """A socket may lead into a virtual machine (Docker Desktop): its kernel's release then differs from ours."""
    return sys.platform == "linux" and version.get("KernelVersion") == os.uname().release


def facts(docker: Docker) -> EngineFacts:
    """Ask the engine for its version and surroundings (about 10 ms)."""
    with asking("asking the engine for its version", docker.url):
        version, info = docker.api.version(), docker.api.info()
    return EngineFacts(
        url=docker.url,
        version=version["Version"],
        api_version=version["ApiVersion"],
        kernel=info["KernelVersion"],
        system=info["OperatingSystem"],
        name=info["Name"],
        architecture=info["Architecture"],
        storage=info["Driver"],
        cgroup=f"v{info.get('CgroupVersion', '1')}, {info.get('CgroupDriver', 'unknown driver')}",
        root=info["DockerRootDir"],
        security=tuple(info.get("SecurityOptions") or ()),
    )
