"""Reach an engine, at whatever kind of address, and ask who it is.

Rule: nothing is asked before it is known how: the environment's proxies are for the world outside and not for the engine, and
the version of its API is one that both sides know. Weak spot: that a socket leads to this machine's own engine is told by the
kernel's release, which another machine may have too.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from lab.engine.docker import tunnel
from lab.engine.docker.connection import Docker, EngineFacts, asking
from lab.engine.errors import MachineError

if TYPE_CHECKING:
    from pathlib import Path

POOL = 64
"""Connections kept open at once; the SDK's ten are fewer than a case's threads plus its attached agents."""

TIMEOUT = 120
"""Seconds for one call. Removing a network under load took 3 s here; a build streams and has no limit of its own."""

FIRST_ANSWER = 30
"""Seconds for an engine to say its version; it takes 10 ms, and a machine that swaps some seconds."""

NEWEST_API = "1.44"
"""The newest version of the Engine API that is spoken, also to engines that know newer ones: their answers change with it.
Engines that know only newer ones are spoken to in their oldest."""


def connect(url: str, tls: Path | None = None, timeout: int = TIMEOUT, first: int = FIRST_ANSWER) -> Docker:
    """Reach the engine at `url` (`unix://`, `tcp://`, `https://`, `ssh://`); `tls` is a folder with ca.pem, cert.pem, key.pem.

    `first`: seconds for its first answer. Raises MachineError when nothing answers, what answers is no engine, or its API is
    older than the SDK allows (1.24).
    """
    api = _client(url, tls, timeout)
    with asking("reaching the engine", url):
        told = _introduced(api, url, first)
    api._version = _spoken(told)
    return Docker(url, api, url.startswith("unix://") and _same_kernel(told), tls)


def _client(url: str, tls: Path | None, timeout: int) -> Any:
    """Make the SDK's client, which asks nothing yet: at first it would go through the environment's proxies."""
    import docker
    import docker.errors

    near = tunnel.through(url) if url.startswith("ssh://") else url
    config = _tls_config(tls) if tls else False
    try:
        api = docker.APIClient(near, _oldest(), timeout, config, max_pool_size=POOL, num_pools=POOL)
    except docker.errors.DockerException as error:
        move = "give one such as unix:///run/docker.sock, tcp://HOST:2376 or ssh://USER@HOST"
        raise MachineError(f"{url} is no address of an engine: {error}", move) from error
    api.trust_env = False
    return api


def _oldest() -> str:
    from docker.constants import MINIMUM_DOCKER_API_VERSION

    return str(MINIMUM_DOCKER_API_VERSION)


def _introduced(api: Any, url: str, first: int) -> dict[str, Any]:
    """Ask who is there. Raises MachineError for one that is no engine, or too old."""
    import docker.errors
    import requests.exceptions

    timeout, api.timeout = api.timeout, first
    try:
        told = api.version(api_version=False)
    except (requests.exceptions.JSONDecodeError, docker.errors.NotFound) as error:
        raise _no_engine(url) from error
    finally:
        api.timeout = timeout
    if not isinstance(told, dict) or "ApiVersion" not in told:
        raise _no_engine(url)
    if _number(told["ApiVersion"]) < _number(_oldest()):
        speaks = f"the engine at {url} speaks version {told['ApiVersion']} of its API"
        move = "bring the engine up to date, or point DOCKER_HOST or LAB_ENGINE at another"
        raise MachineError(f"{speaks}, and {_oldest()} is the oldest that the lab speaks", move)
    return told


def _no_engine(url: str) -> MachineError:
    move = "point DOCKER_HOST or LAB_ENGINE at an engine; `lab doctor` shows which are tried"
    return MachineError(f"what answers at {url} is no container engine: it does not know its version", move)


def _spoken(told: dict[str, Any]) -> str:
    """The version that both sides know."""
    both = min(told["ApiVersion"], NEWEST_API, key=_number)
    return str(max(both, told.get("MinAPIVersion") or both, key=_number))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


TLS_FILES = ("ca.pem", "cert.pem", "key.pem")


def _tls_config(folder: Path) -> Any:
    """Of a folder as the docker command keeps it. Without a certificate of the client's none is shown."""
    import docker.tls

    ca, certificate, key = (folder / name for name in TLS_FILES)
    wanted = [ca, *(file for file in (certificate, key) if certificate.exists() or key.exists())]
    if missing := [file.name for file in wanted if not file.is_file()]:
        move = "put the engine's certificates there, or set DOCKER_CERT_PATH to where they are"
        raise MachineError(f"no {', '.join(missing)} in {folder}, which the engine's TLS wants", move)
    pair = (str(certificate), str(key)) if certificate in wanted else None
    return docker.tls.TLSConfig(client_cert=pair, ca_cert=str(ca), verify=True)


def _same_kernel(version: dict[str, Any]) -> bool:
    """A socket may lead into a virtual machine (Docker Desktop): its kernel's release then differs from ours."""
    return sys.platform == "linux" and version.get("KernelVersion") == os.uname().release


def facts(docker: Docker) -> EngineFacts:
    """Ask the engine for its version and surroundings (about 10 ms)."""
    with asking("asking the engine for its version", docker.url):
        version, info = docker.api.version(), docker.api.info()
    return EngineFacts(
        url=docker.url,
        product="Podman" if any("Podman" in str(part.get("Name")) for part in version.get("Components") or ()) else "Docker",
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
