"""What the engine is to carry out, decided to the last file. A pure function of scenario and catalogue; the engine adds
only what it must choose itself (object names of the run, subnets, host ports, keys)."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.asked import Asked  # noqa: TC001 - read at run time, when a plan is read back
from lab.model.observations import BASE64
from lab.model.steps import PlannedStep, PlannedTls  # noqa: TC001 - read at run time, when a plan is read back

CONFIG_FOLDER = "/etc/lab"
TLS_FOLDER = "/etc/lab/tls"
"""`<leaf id>.crt` (chain), `<leaf id>.key`, `<leaf id>.pem` (both), and `ca.crt`."""

HOST = "host"
"""The engine's own network namespace."""


@dataclass(frozen=True, slots=True)
class PlannedNetwork:
    name: str
    subnet: str | None
    """None: the engine chooses a small free one."""
    internal: bool


@dataclass(frozen=True, slots=True)
class PlannedAttachment:
    network: str
    address: str | None
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedPublish:
    port: int
    host_port: int | None
    on: str
    """`loopback` or `gateway`."""


@dataclass(frozen=True, slots=True)
class PlannedNamespace:
    """A holder container owns the namespace; servers join it."""

    name: str
    attachments: tuple[PlannedAttachment, ...]
    publish: tuple[PlannedPublish, ...]
    ipv6: bool = False
    """Something in it speaks IPv6: an engine's network without IPv6 leaves not even `[::1]` in it, unless asked."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    __pydantic_config__ = BASE64

    path: str
    content: bytes
    source: str = ""
    """The user's own file that it was taken from, relative to the scenario; empty: not taken from a file."""


@dataclass(frozen=True, slots=True)
class PlannedLeaf:
    """A leaf certificate to be issued by the run's CA for one container."""

    id: str
    """File stem under TLS_FOLDER: `8443`, or `10-0-1-25-8443` where a container has two on one port."""
    container: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedListener:
    """A listener to wait for before the first probe."""

    transport: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class PlannedContainer:
    name: str
    namespace: str
    image: str
    """A folder of `images/`, or a foreign image reference (then `foreign`)."""
    foreign: bool
    command: tuple[str, ...]
    """Empty: the image's own."""
    environment: tuple[tuple[str, str], ...]
    files: tuple[PlannedFile, ...]
    leaves: tuple[PlannedLeaf, ...]
    needs_ca: bool
    """Wants `ca.crt`, to verify an upstream."""
    listeners: tuple[PlannedListener, ...]
    """Empty for a foreign image or a configuration whose listeners are unknown: any listener of its processes counts."""
    user: str | None
    """`uid:gid` that owns the private keys; None for a foreign image, whose own user the engine asks the image for."""
    read_only: bool
    writable: tuple[str, ...]
    """Folders that are tmpfs."""
    polls: bool = False
    """It listens nowhere, so there is no listener to wait for."""
    listens_early: bool = False
    """It listens before it has read all of its configuration."""


@dataclass(frozen=True, slots=True)
class PlannedProbe:
    __pydantic_config__ = BASE64

    id: str
    vantage: str
    """`client`, `host`, or a namespace's name."""
    via: str
    """`name`, `published`, `gateway`, `direct`."""
    connect: tuple[str, int]
    """Name or address, and port, before `via` is applied; of a staged probe, those of its step `connect`."""
    url: str | None
    """For an ordinary request; None for exact bytes and steps."""
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    send: bytes
    """For exact bytes."""
    tls: PlannedTls | None
    timeout: float
    """Seconds: of a staged probe for each step, else for connecting and for each read."""
    transport: str = "tcp"
    """`udp`: `send` is one datagram."""
    steps: tuple[PlannedStep, ...] = ()
    """Not empty: a staged probe, and `url`, `send` and `tls` say nothing."""
    repeat: int = 1
    http: int | None = None
    """The only version of HTTP that an ordinary request offers; None: 1.1."""
    streams: int = 1
    """Of HTTP/3: requests at once."""
    early_data: bool = False
    """Of HTTP/3: as early data, where the session that is resumed allows it."""
    new_port: bool = False
    """Of HTTP/3: the client's port changes after the first answer."""
    alt_svc: bool = False
    """Take the alternative service that was announced."""


@dataclass(frozen=True, slots=True)
class Plan:
    case: str
    """`<scenario>` or `<scenario>.<server>`, with `~<twin>` appended for a twin."""
    networks: tuple[PlannedNetwork, ...]
    namespaces: tuple[PlannedNamespace, ...]
    containers: tuple[PlannedContainer, ...]
    probes: tuple[PlannedProbe, ...]
    running: tuple[Asked, ...] = ()
    """Not empty: the target runs already. These requests are sent to it, and there is nothing else in the plan."""
