"""What the lab knows of each server image. One folder under `images/`, one row: `images/<name>/server.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lab.model.scenario import Tls


class Quirk(BaseModel):
    """A behaviour worth knowing, with the source that says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    says: str
    source: str
    grid: dict[str, str] = {}
    """Ask of the grid (`lab.model.grid`) -> words that its cell has because of this."""


Option = Literal[
    "listeners",
    "udp",
    "udp_passthrough",
    "quic",
    "backlog",
    "defer_accept",
    "reuse_port",
    "tls_version",
    "early_data",
    "early_data_quic",
    "client_certificate",
    "proxy_protocol",
    "only_known_names",
    "deny",
    "rate",
    "send_proxy",
    "send_proxy_passthrough",
    "send_proxy_to_some",
    "fastcgi",
    "alpn",
    "h2_alone",
    "h2_second",
    "h2c",
    "h2_upstream",
    "h2c_upstream",
    "workers",
    "head_bytes",
    "body_bytes",
    "head_seconds",
    "body_seconds",
    "database",
]
"""What a scenario may ask of a server beside TLS and routing: keys of `Listen`, `Limits` and `Container`.

`udp_passthrough`: datagrams are sent on as they are. `send_proxy_to_some`: a PROXY line to one upstream of a listener and
none to another. `listeners`: their number. `h2_alone`: HTTP/2 by ALPN and no HTTP/1.1; `h2_second`: both, and HTTP/1.1
preferred. `h2_upstream`, `h2c_upstream`: HTTP/2 to an upstream, in TLS and in clear. `early_data`, `early_data_quic`: over TCP,
over QUIC."""


class Bound(BaseModel):
    """Values of an option that a server takes, where it does not take all."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    least: int | None = None
    most: int | None = None
    says: str
    source: str


class Server(BaseModel):
    """One row of the catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    role: Literal["proxy", "application", "database", "agent", "base"]
    """`agent`: the lab's own recorder, client and certificate issuer; `base`: what the others are built on."""
    speaks: Literal["http", "fastcgi", "runtime"] = "http"
    """What an application understands: FastCGI comes from a web server before it; `runtime`: it listens nowhere and asks a
    gateway in its own namespace."""
    worker: str | None = None
    """The server that does its work and must stand in its namespace."""
    image: str | None = None
    """Folder whose image it runs, where that is another row's; None: its own."""
    config: str | None = None
    """File name under /etc/lab that the server reads."""
    template: str | None = None
    """Template beside the row that renders it; None: the server takes no configuration file."""
    more: dict[str, str] = {}
    """Further configuration files under /etc/lab -> their templates beside the row."""
    command: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    """Command that checks the configuration and exits 0 if it is good."""
    version: tuple[str, ...] = ()
    """Command that prints the version."""
    user: str = "10001:10001"
    read_only: bool = True
    writable: tuple[str, ...] = ()
    tls: tuple[Tls, ...] = ()
    """What its listeners can do with TLS."""
    routes_by: tuple[Literal["sni", "host", "path"], ...] = ()
    mixes: bool = False
    """One port on which one name is ended and another passed through."""
    begins_tls: bool = False
    dual_stack: bool = False
    """Its listener on `0.0.0.0` is one on `[::]`, and nothing can be done about it."""
    options: tuple[Option, ...] = ()
    """What its configuration can be told; what is asked beside these is UNSUPPORTED."""
    cannot: dict[Option, Quirk] = {}
    """Options that it does not have, and why."""
    lacks: dict[str, Quirk] = {}
    """What it does not have and no scenario can ask for by a key, only by a configuration of one's own: a word -> why."""
    bounds: dict[Option, Bound] = {}
    listens_early: bool = False
    """It listens before it has read all of its configuration, so it is ready when nothing moves in it any more. Any other is
    ready when its listeners stand in the kernel's socket table."""
    process: str = ""
    """Name of its executable as the kernel shows it."""
    quirks: tuple[Quirk, ...] = ()

    @property
    def folder(self) -> str:
        """Folder of `images/` that its image is built from."""
        return self.image or self.name


class Catalogue(BaseModel):
    """All rows and templates, read once. Templates are the lab's own files, never a user's."""

    model_config = ConfigDict(frozen=True)
    servers: dict[str, Server]
    templates: dict[str, str]
    """Server name -> text of its template; `<server>/<file>` -> text of a further one."""
