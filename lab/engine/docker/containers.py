"""Containers: create, start, look at, kill, remove.

Rule: what is asked for is a `ContainerSpec`, what is told is a `ContainerFacts`. Weak spot: a list asks for each
container once more, so it is for few of them; `objects` lists many.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.engine.docker.connection import Docker, NotFoundError, asking
from lab.engine.docker.spec import ContainerSpec, request
from lab.engine.docker.streams import exec_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


NOT_FOUND = 404
ENDED_MEANWHILE = "is not running"
"""In the engine's refusal to kill what it is about to remove."""
REMOVAL_TIMEOUT = 30
"""Seconds to wait for a removal that somebody else began; one takes 0.1 s."""


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """A container as the engine reports it."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    """`created`, `running`, `exited`, ..."""
    pid: int
    """On the engine's host; 0 when it does not run."""
    exit_code: int | None
    """None while it has not exited."""
    error: str
    """Why the engine could not start it."""
    labels: tuple[tuple[str, str], ...]
    network_mode: str
    addresses: tuple[tuple[str, str], ...]
    """`(network name, address)`."""
    gateways: tuple[tuple[str, str], ...]
    ports: tuple[tuple[int, str, str, int], ...]
    """`(container port, transport, host address, host port)`."""
    oom_killed: bool = False


def create_container(docker: Docker, spec: ContainerSpec) -> str:
    """Create, do not start. Gives the id; a taken name raises ConflictError, an unknown image NotFoundError."""
    with asking(f"creating the container {spec.name} from {spec.image}", docker.url):
        return str(docker.api.create_container_from_config(request(spec), spec.name)["Id"])


def connect_network(
    docker: Docker, network: str, container: str, address: str | None = None, aliases: tuple[str, ...] = ()
) -> None:
    """Attach a container to a further network, at a fixed address if one is given."""
    with asking(f"connecting {container[:12]} to the network {network}", docker.url):
        docker.api.connect_container_to_network(container, network, ipv4_address=address, aliases=list(aliases) or None)


def start(docker: Docker, container: str, called: str = "") -> None:
    """Start; what the engine could not do (a missing executable, a taken host port) raises MachineError.

    `called` is how people know it.
    """
    with asking(f"starting {called or f'the container {container[:12]}'}", docker.url):
        docker.api.start(container)


def inspect(docker: Docker, container: str) -> ContainerFacts:
    """Look at one container (about 3 ms). Raises NotFoundError."""
    with asking(f"inspecting the container {container[:12]}", docker.url):
        return read_container(docker.api.inspect_container(container))


def containers(docker: Docker, labels: Mapping[str, str | None]) -> tuple[ContainerFacts, ...]:
    """List containers, stopped ones included, that carry all these labels (value None: any value)."""
    with asking("listing containers", docker.url):
        rows = docker.api.containers(all=True, filters={"label": label_filter(labels)})
    return tuple(_inspected(docker, rows))


def running(docker: Docker) -> tuple[ContainerFacts, ...]:
    """List all containers that run, paused ones included, whoever made them."""
    with asking("listing running containers", docker.url):
        rows = docker.api.containers(all=False, filters={})
    return tuple(facts for facts in _inspected(docker, rows) if facts.pid)


def _inspected(docker: Docker, rows: Iterable[Mapping[str, Any]]) -> Iterator[ContainerFacts]:
    for row in rows:
        try:
            yield inspect(docker, row["Id"])
        except NotFoundError:
            continue


def label_filter(labels: Mapping[str, str | None]) -> list[str]:
    """Write labels as the engine's list filters take them."""
    return [key if value is None else f"{key}={value}" for key, value in labels.items()]


def read_container(body: dict[str, Any]) -> ContainerFacts:
    """Read the engine's answer to an inspection."""
    state, settings = body["State"], body["NetworkSettings"]
    networks = (settings.get("Networks") or {}).items()
    return ContainerFacts(
        id=body["Id"],
        name=body["Name"].removeprefix("/"),
        image=body["Config"]["Image"],
        image_id=body["Image"],
        state=state["Status"],
        pid=state["Pid"],
        exit_code=state["ExitCode"] if state["Status"] in ("exited", "dead") else None,
        error=state.get("Error", ""),
        labels=tuple(sorted((body["Config"].get("Labels") or {}).items())),
        network_mode=body["HostConfig"]["NetworkMode"],
        addresses=tuple((name, end["IPAddress"]) for name, end in networks if end.get("IPAddress")),
        gateways=tuple((name, end["Gateway"]) for name, end in networks if end.get("Gateway")),
        ports=tuple(_ports(settings.get("Ports") or {})),
        oom_killed=bool(state.get("OOMKilled")),
    )


def _ports(ports: Mapping[str, list[dict[str, str]] | None]) -> Iterator[tuple[int, str, str, int]]:
    for key, bindings in sorted(ports.items()):
        number, _, transport = key.partition("/")
        for binding in bindings or ():
            yield int(number), transport, binding["HostIp"], int(binding["HostPort"])


def wait(docker: Docker, container: str, timeout: float) -> int:
    """Wait up to `timeout` seconds for the end of a container; gives its exit code, else raises MachineError."""
    with asking(f"waiting for the end of {container[:12]}", docker.url):
        return int(docker.api.wait(container, timeout=timeout)["StatusCode"])


def kill(docker: Docker, container: str, signal: str = "KILL") -> None:
    """Send a signal to the container's first process. Raises ConflictError when it does not run."""
    with asking(f"sending {signal} to {container[:12]}", docker.url):
        docker.api.kill(container, signal)


def memory(docker: Docker, container: str) -> int:
    """Bytes that a running container's cgroup uses, inactive page cache left out, as `docker stats` shows it."""
    with asking(f"reading the memory of {container[:12]}", docker.url):
        usage = docker.api.stats(container, stream=False, one_shot=True)["memory_stats"]
    details = usage.get("stats", {})
    return int(usage.get("usage", 0)) - int(details.get("total_inactive_file", details.get("inactive_file", 0)))


PEAK = "/sys/fs/cgroup/memory.peak"
"""Inside of a container: the most that its own cgroup had (Linux 5.19, Documentation/admin-guide/cgroup-v2.rst)."""


def memory_peak(docker: Docker, container: str) -> int | None:
    """Most bytes that a running container's cgroup had since it began, page cache included: of cgroup v1 by the engine, of v2
    by the kernel's own file, read inside. None: this kernel or image does not tell."""
    with asking(f"reading the memory of {container[:12]}", docker.url):
        usage = docker.api.stats(container, stream=False, one_shot=True)["memory_stats"]
    if "max_usage" in usage:
        return int(usage["max_usage"])
    _, told = exec_in(docker, container, ("cat", PEAK))
    return int(told) if told.strip().isdigit() else None


def pause(docker: Docker, container: str) -> None:
    """Freeze all its processes by the cgroup freezer. Raises ConflictError when it does not run or is paused."""
    with asking(f"pausing {container[:12]}", docker.url):
        docker.api.pause(container)


def unpause(docker: Docker, container: str) -> None:
    """Let a paused container go on. Raises MachineError when it is not paused."""
    with asking(f"unpausing {container[:12]}", docker.url):
        docker.api.unpause(container)


def stop(docker: Docker, container: str, timeout: int = 2) -> None:
    """Ask it to stop by its own stop signal; kill it after `timeout` seconds."""
    with asking(f"stopping {container[:12]}", docker.url):
        docker.api.stop(container, timeout=timeout)


def remove_container(docker: Docker, container: str) -> None:
    """Kill and remove with its own volumes; one that is gone or is being removed already is no error."""
    with asking(f"removing {container[:12]}", docker.url):
        from docker.errors import APIError

        try:
            docker.api.remove_container(container, v=True, force=True)
        except APIError as error:
            why = str(error.explanation)
            if error.status_code == NOT_FOUND:
                return
            if "already in progress" in why:
                _await_removal(docker, container)
            elif ENDED_MEANWHILE in why:
                _remove_ended(docker, container)
            else:
                raise


def _remove_ended(docker: Docker, container: str) -> None:
    """It ended by itself between the engine's look and its kill (moby, daemon/delete.go): there is nothing to kill any more."""
    from docker.errors import NotFound

    with contextlib.suppress(NotFound):
        docker.api.remove_container(container, v=True, force=True)


def _await_removal(docker: Docker, container: str) -> None:
    """Somebody else is removing it: wait for the end of that, so that its network is free afterwards."""
    from docker.errors import NotFound

    with contextlib.suppress(NotFound):
        docker.api.wait(container, timeout=REMOVAL_TIMEOUT, condition="removed")
