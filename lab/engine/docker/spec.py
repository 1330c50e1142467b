"""What is decided about a container before it is created, and the request that says so to the engine.

Rule: a container gets what its `ContainerSpec` says and nothing more; the defaults take every capability away and forbid
new privileges. Weak spot: options that the lab never needs are not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping  # noqa: TC003 - the values below are plain data, readable at run time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume or a folder of the engine's machine inside a container."""

    target: str
    kind: str = "volume"
    """`volume` or `bind`."""
    source: str = ""
    """A volume's name (empty: one of the container's own, removed with it) or a path on the engine's machine."""
    read_only: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of a volume that is made by this mount."""


@dataclass(frozen=True, slots=True)
class PortSpec:
    """A container's port published on the engine's host."""

    port: int
    host_address: str = "127.0.0.1"
    host_port: int | None = None
    """None: the engine chooses."""
    transport: str = "tcp"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """All that is decided about a container before it is created."""

    name: str
    image: str
    labels: Mapping[str, str]
    command: tuple[str, ...] | None = None
    """None: the image's own."""
    entrypoint: tuple[str, ...] | None = None
    """None: the image's own; an empty tuple takes it away."""
    environment: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    network: str = "none"
    """A network's name or id, `none`, `host`, or `container:<id>` to join."""
    address: str | None = None
    aliases: tuple[str, ...] = ()
    ports: tuple[PortSpec, ...] = ()
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[tuple[str, str], ...] = ()
    """`(path, options)`, such as `("/run", "mode=1777,size=16m")`."""
    read_only: bool = True
    cap_drop: tuple[str, ...] = ("ALL",)
    cap_add: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ("no-new-privileges",)
    pid_mode: str = ""
    cgroupns: str = ""
    """`host` or `private`; empty: the engine's default."""
    hostname: str | None = None
    sysctls: tuple[tuple[str, str], ...] = ()
    stdin_open: bool = False
    """Keep standard input open until the first attached client goes, then close it for good."""
    stop_signal: str | None = None
    init: bool = False


def request(spec: ContainerSpec) -> dict[str, Any]:
    """Write the request's body (Engine API 1.41, ContainerCreate); None leaves a key to the image."""
    config: dict[str, Any] = {
        "Image": spec.image,
        "Labels": dict(spec.labels),
        "Env": [f"{key}={value}" for key, value in spec.environment],
        "OpenStdin": spec.stdin_open,
        "StdinOnce": spec.stdin_open,
        "AttachStdin": spec.stdin_open,
        "Tty": False,
        "ExposedPorts": {f"{p.port}/{p.transport}": {} for p in spec.ports},
        "HostConfig": _host_config(spec),
        "NetworkingConfig": _networking(spec),
    }
    optional = {
        "Cmd": _list(spec.command),
        "Entrypoint": _list(spec.entrypoint),
        "User": spec.user,
        "StopSignal": spec.stop_signal,
        "Hostname": spec.hostname,
    }
    return config | {key: value for key, value in optional.items() if value is not None}


def _list(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    config: dict[str, Any] = {
        "NetworkMode": spec.network,
        "PortBindings": _bindings(spec.ports),
        "Mounts": [_mount(mount) for mount in spec.mounts],
        "Tmpfs": dict(spec.tmpfs),
        "ReadonlyRootfs": spec.read_only,
        "CapDrop": list(spec.cap_drop),
        "CapAdd": list(spec.cap_add),
        "SecurityOpt": list(spec.security_opt),
        "Sysctls": dict(spec.sysctls),
        "PidMode": spec.pid_mode,
        # An engine that maps users lets nobody but the host's own users into the host's namespaces.
        "UsernsMode": "host" if "host" in (spec.pid_mode, spec.network) else "",
        "Init": spec.init,
    }
    return config | ({"CgroupnsMode": spec.cgroupns} if spec.cgroupns else {})


def _bindings(ports: Iterable[PortSpec]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        binding = {"HostIp": port.host_address, "HostPort": str(port.host_port or "")}
        bindings.setdefault(f"{port.port}/{port.transport}", []).append(binding)
    return bindings


def _mount(mount: Mount) -> dict[str, Any]:
    body: dict[str, Any] = {"Type": mount.kind, "Target": mount.target, "ReadOnly": mount.read_only}
    if mount.source:
        body["Source"] = mount.source
    if mount.kind == "volume":
        body["VolumeOptions"] = {"Labels": dict(mount.labels)}
    return body


def _networking(spec: ContainerSpec) -> dict[str, Any]:
    if spec.network in ("none", "host") or spec.network.startswith("container:"):
        return {}
    return {"EndpointsConfig": {spec.network: endpoint(spec.address, spec.aliases)}}


def endpoint(address: str | None, aliases: tuple[str, ...]) -> dict[str, Any]:
    fixed = {"IPAMConfig": {"IPv4Address": address}} if address else {}
    return {"Aliases": list(aliases), **fixed}
