"""An engine that was reached, and how what the SDK raises becomes the lab's errors.

Rule: every call of the SDK stands inside `asking(...)`, so no foreign exception passes this package. Weak spot: the
engine tells most of its reasons only in words, so some translations look at the text.
"""

from __future__ import annotations

import re
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.engine.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
    product: str
    """`Docker` or `Podman`."""
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

    @property
    def rootless(self) -> bool:
        """Whether its root is an ordinary user of its machine."""
        return "name=rootless" in self.security


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
    ("HTTP request to an HTTPS server", "set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem"),
)


def _gone(what: str, url: str, error: Exception) -> MachineError:
    reason = _innermost(error)
    return MachineError(f"{what}: no answer from the engine{f' at {url}' if url else ''}: {reason}", _move(reason))


def _move(reason: BaseException) -> str:
    if isinstance(reason, PermissionError):
        return "add yourself to the group that owns the socket (usually `docker`), or run as root"
    if isinstance(reason, ssl.SSLError):
        return "see that ca.pem, cert.pem and key.pem (of DOCKER_CERT_PATH, or of the context) belong to this engine"
    return "start the engine, or point DOCKER_HOST or LAB_ENGINE at one; `lab doctor` shows which are tried"


def _innermost(error: BaseException) -> BaseException:
    """Find the operating system's error under the layers that requests and urllib3 put around it."""
    seen: BaseException = error
    for _ in range(8):
        inner = seen.__cause__ or seen.__context__ or next((a for a in seen.args if isinstance(a, Exception)), None)
        if inner is None:
            break
        seen = inner
    return seen
