"""Containers: create, start, look at, feed, hear, kill, remove.

Rule: a container gets what its `ContainerSpec` says and nothing more; the defaults take every capability away and
forbid new privileges. Weak spot: the engine's log splits a line longer than 16 kB into several.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from lab.engine.docker.connection import Docker, NotFoundError, asking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


REMOVAL_TIMEOUT = 30
"""Seconds to wait for a removal that somebody else began; one takes 0.1 s."""


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


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file to be put into a container."""

    path: str
    content: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


@dataclass(slots=True)
class Attached:
    """A container's standard streams. Frames of output carry an 8-byte header (Engine API, "Stream format")."""

    sock: Any
    response: Any
    """Kept: a collected response would close a TLS socket under us."""


def create_container(docker: Docker, spec: ContainerSpec) -> str:
    """Create, do not start. Gives the id; a taken name raises ConflictError, an unknown image NotFoundError."""
    with asking(f"creating the container {spec.name} from {spec.image}", docker.url):
        return str(docker.api.create_container_from_config(_config(spec), spec.name)["Id"])


def _config(spec: ContainerSpec) -> dict[str, Any]:
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
    return {"EndpointsConfig": {spec.network: _endpoint(spec.address, spec.aliases)}}


def _endpoint(address: str | None, aliases: tuple[str, ...]) -> dict[str, Any]:
    fixed = {"IPAMConfig": {"IPv4Address": address}} if address else {}
    return {"Aliases": list(aliases), **fixed}


def connect_network(
    docker: Docker, network: str, container: str, address: str | None = None, aliases: tuple[str, ...] = ()
) -> None:
    """Attach a container to a further network, at a fixed address if one is given."""
    with asking(f"connecting {container[:12]} to the network {network}", docker.url):
        docker.api.connect_container_to_network(container, network, ipv4_address=address, aliases=list(aliases) or None)


def start(docker: Docker, container: str) -> None:
    """Start; what the engine could not do (a missing executable, a taken host port) raises MachineError."""
    with asking(f"starting the container {container[:12]}", docker.url):
        docker.api.start(container)


def inspect(docker: Docker, container: str) -> ContainerFacts:
    """Look at one container (about 3 ms). Raises NotFoundError."""
    with asking(f"inspecting the container {container[:12]}", docker.url):
        return read_container(docker.api.inspect_container(container))


def containers(docker: Docker, labels: Mapping[str, str | None]) -> tuple[ContainerFacts, ...]:
    """List containers, stopped ones included, that carry all these labels (value None: any value)."""
    with asking("listing containers", docker.url):
        rows = docker.api.containers(all=True, filters={"label": label_filter(labels)})
    found = []
    for row in rows:
        try:
            found.append(inspect(docker, row["Id"]))
        except NotFoundError:
            continue
    return tuple(found)


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


def logs(docker: Docker, container: str, tail: int | None = None) -> tuple[str, ...]:
    """Read what the container wrote to both outputs: lines `RFC3339-nanoseconds text`, in the engine's order."""
    with asking(f"reading the log of {container[:12]}", docker.url):
        raw: bytes = docker.api.logs(container, timestamps=True, tail="all" if tail is None else tail)
    return tuple(raw.decode("utf-8", "replace").removesuffix("\n").split("\n")) if raw else ()


def follow_logs(docker: Docker, container: str, tail: int | None = None) -> Iterator[str]:
    """Read as `logs` does, and go on until the container ends or the caller stops iterating."""
    with asking(f"following the log of {container[:12]}", docker.url):
        stream = docker.api.logs(
            container, timestamps=True, stream=True, follow=True, tail="all" if tail is None else tail
        )
        held = b""
        for chunk in stream:
            *lines, held = (held + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines)
        if held:
            yield held.decode("utf-8", "replace")


def put_files(docker: Docker, container: str, folder: str, files: Iterable[ArchiveFile]) -> None:
    """Put files below `folder`, which must exist there (a mount point does before the start). Paths may be absolute
    or relative to `folder`; missing folders between are made with mode 0755."""
    data = archive(folder, files)
    with asking(f"putting files into {container[:12]} at {folder}", docker.url):
        docker.api.put_archive(container, folder, data)


def archive(folder: str, files: Iterable[ArchiveFile]) -> bytes:
    """Write a tar archive, the same bytes for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        made: set[PurePosixPath] = set()
        for file in files:
            path = PurePosixPath(file.path)
            path = path.relative_to(folder) if path.is_absolute() else path
            for parent in [p for p in reversed(path.parents) if p.name and p not in made]:
                made.add(parent)
                tar.addfile(_entry(str(parent), tarfile.DIRTYPE, 0o755))
            entry = _entry(str(path), tarfile.REGTYPE, file.mode)
            entry.uid, entry.gid, entry.size = file.uid, file.gid, len(file.content)
            tar.addfile(entry, io.BytesIO(file.content))
    return out.getvalue()


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, 0
    return entry


def get_archive(docker: Docker, container: str, path: str) -> dict[str, bytes]:
    """Read a file or all regular files below a folder: path relative to the folder's parent, and content."""
    with asking(f"reading {path} from {container[:12]}", docker.url):
        chunks, _ = docker.api.get_archive(container, path)
        data = b"".join(chunks)
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for entry in tar:
            if (handle := tar.extractfile(entry)) is not None:
                found[entry.name] = handle.read()
    return found


def attach(docker: Docker, container: str) -> Attached:
    """Take a container's standard input and outputs. Attach before the start: nothing it says is missed."""
    params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    with asking(f"attaching to {container[:12]}", docker.url):
        raw = docker.api.attach_socket(container, params=params)
        sock = getattr(raw, "_sock", raw)
        sock.settimeout(None)
    return Attached(sock, raw)


def exec_in(docker: Docker, container: str, command: tuple[str, ...], user: str = "") -> tuple[int, str]:
    """Run a command in a running container to its end: exit code, and both outputs as text. 36 ms at least."""
    with asking(f"running {' '.join(command)} in {container[:12]}", docker.url):
        made = docker.api.exec_create(container, list(command), user=user)
        output: bytes = docker.api.exec_start(made["Id"])
        code = docker.api.exec_inspect(made["Id"])["ExitCode"]
    return int(code), output.decode("utf-8", "replace")


def wait(docker: Docker, container: str, timeout: float) -> int:
    """Wait up to `timeout` seconds for the end of a container; gives its exit code, else raises MachineError."""
    with asking(f"waiting for the end of {container[:12]}", docker.url):
        return int(docker.api.wait(container, timeout=timeout)["StatusCode"])


def kill(docker: Docker, container: str, signal: str = "KILL") -> None:
    """Send a signal to the container's first process. Raises ConflictError when it does not run."""
    with asking(f"sending {signal} to {container[:12]}", docker.url):
        docker.api.kill(container, signal)


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
            if error.status_code == 404:
                return
            if "already in progress" not in str(error.explanation):
                raise
            _await_removal(docker, container)


def _await_removal(docker: Docker, container: str) -> None:
    """Somebody else is removing it: wait for the end of that, so that its network is free afterwards."""
    from docker.errors import NotFound

    with contextlib.suppress(NotFound):
        docker.api.wait(container, timeout=REMOVAL_TIMEOUT, condition="removed")
