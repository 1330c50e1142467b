"""What a template is given: the listeners of one container and its settings, names resolved and defaults filled in.

Rule: plain values only, every field of them checked by `render` before a template sees it. A field at its default asks
nothing of the server: its own way of doing it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lab.model.scenario import Limits

if TYPE_CHECKING:
    from lab.model.scenario import Rate, Tls


@dataclass(frozen=True, slots=True)
class RenderRule:
    """Where a listener sends what it gets; conditions that are None always hold."""

    host: str
    """Upstream: an IP address (without brackets) or a DNS name."""
    port: int
    sni: str | None
    http_host: str | None
    path: str | None
    """A prefix of the request's path."""
    tls: Tls
    """What happens to TLS on this rule: the listener's mode, unless the rule overrides it."""
    upstream_tls: str | None
    """Name to verify in the upstream's certificate and to send as SNI; None: plaintext to the upstream."""
    send_proxy: bool = False
    """A PROXY line of version 1 begins each connection to the upstream."""
    fastcgi: str | None = None
    """The script that the upstream is to run; None: the upstream speaks HTTP."""
    h2: bool = False
    """HTTP/2 to the upstream."""


@dataclass(frozen=True, slots=True)
class RenderListener:
    """One listener of one container."""

    address: str
    """An IP address without brackets."""
    port: int
    tls: Tls
    leaf: str | None
    """File stem under /etc/lab/tls; None where nothing is ended."""
    names: tuple[str, ...]
    """Names on the leaf."""
    rules: tuple[RenderRule, ...]
    """In the order of the scenario: the first whose conditions all hold is taken."""
    ipv6: bool
    transport: Literal["tcp", "udp"] = "tcp"
    quic: bool = False
    """HTTP/3 too, on the same port of UDP."""
    backlog: int | None = None
    defer_accept: bool = False
    reuse_port: bool = False
    tls_version: Literal["1.2", "1.3"] | None = None
    """The only one; None: both."""
    early_data: bool = False
    """Requests are taken before the handshake is finished."""
    client_certificate: bool = False
    proxy_protocol: bool = False
    only_known_names: bool = False
    """An SNI that is not among `names`, or none at all, ends the handshake."""
    deny: tuple[str, ...] = ()
    """Path prefixes answered 403; they come before all rules."""
    rate: Rate | None = None
    alpn: tuple[str, ...] = ()
    """Protocols in the order of preference; empty: HTTP/1.1."""
    h2c: bool = False
    """HTTP/2 in clear too."""


@dataclass(frozen=True, slots=True)
class RenderDatabase:
    """The database of an application."""

    host: str
    port: int
    eager: bool = False


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a whole container."""

    workers: int | None = None
    limits: Limits = NO_LIMITS
    database: RenderDatabase | None = None
