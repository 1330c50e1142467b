"""Reads the application's configuration, a JSON file, into frozen values. An unknown key is an error."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any


class ConfigError(Exception):
    """The configuration cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may cost."""

    head_seconds: float = 30.0
    """Time for a whole request head, the wait for its first byte included."""
    body_seconds: float = 30.0
    """Time for each read of a body."""
    head_bytes: int = 65536
    body_bytes: int = 1048576
    connections: int = 512
    """Open at once; more wait in the accept queue."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds from one address."""

    requests: int
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket."""

    address: str
    port: int
    """0: the kernel chooses."""
    tls: str = "none"
    """`none` or `ended`."""
    leaf: str | None = None
    """File stem of certificate and key in the TLS folder."""
    transport: str = "tcp"
    """`tcp`, or `udp`: each datagram is answered by one."""
    backlog: int = 128
    """Length of the accept queue, as listen(2) takes it."""
    defer_accept: bool = False
    reuse_port: bool = False
    """Each worker listens on a socket of its own."""
    client_certificate: bool = False
    """A client must show a certificate of `ca.crt` in the TLS folder."""
    proxy_protocol: bool = False
    tls_version: str | None = None
    """The only version of TLS: `1.2` or `1.3`; None: both."""
    known_names: tuple[str, ...] | None = None
    """The only names that an SNI may have; None: any, or none at all."""
    deny: tuple[str, ...] = ()
    """Path prefixes that are answered 403."""
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Database:
    """The PostgreSQL server that `/query` asks."""

    host: str
    port: int = 5432
    eager: bool = False
    """A connection is opened before anything is listened on, and not when it is first needed."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration."""

    listeners: tuple[Listener, ...]
    tls_folder: str = "/etc/lab/tls"
    limits: Limits = Limits()
    workers: int | None = None
    """Processes that accept, beside a parent that does not; None: this process does it itself."""
    database: Database | None = None


def read_config(path: Path) -> Config:
    """The configuration in `path`. Raises `ConfigError`."""
    try:
        return parse_config(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(value: Any) -> Config:
    """The configuration in a parsed JSON value. Raises `ConfigError`."""
    try:
        listeners = tuple(_listener(one) for one in value["listeners"])
        given = {key: PARTS[key](**one) if key in PARTS else one for key, one in value.items() if key != "listeners"}
        config = Config(listeners=listeners, **given)
    except (TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"not a configuration: {error}") from error
    for listener in config.listeners:
        _check(listener)
    if not config.listeners:
        raise ConfigError("no listener")
    if config.workers is not None and config.workers < 1:
        raise ConfigError("`workers` is a number from 1 on")
    return config


VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
PARTS: dict[str, Any] = {"limits": Limits, "database": Database}


def _listener(value: Any) -> Listener:
    """Lists become tuples, and `rate` its own value."""
    made = Listener(**value)
    lists = {one.name: tuple(got) for one in fields(made) if isinstance(got := getattr(made, one.name), list)}
    rate = made.rate
    return replace(made, rate=Rate(**rate) if isinstance(rate, dict) else rate, **lists)


def _check(listener: Listener) -> None:
    try:
        ip_address(listener.address)
    except ValueError as error:
        raise ConfigError(f"listener: {error}") from error
    if listener.port not in range(65536):
        raise ConfigError(f"listener: {listener.port} is not a port")
    for wrong, says in _faults(listener):
        if wrong:
            raise ConfigError(f"listener: {says}")


def _faults(listener: Listener) -> tuple[tuple[bool, str], ...]:
    ended = listener.tls == "ended"
    of_streams = ended or listener.proxy_protocol or listener.defer_accept
    return (
        (listener.transport not in {"tcp", "udp"}, "`transport` is tcp or udp"),
        (listener.tls not in {"none", "ended"} or ended != bool(listener.leaf), "`tls` is none, or ended with a `leaf`"),
        (listener.transport == "udp" and of_streams, "datagrams have no TLS, no PROXY line and nothing to accept"),
        (not ended and (listener.client_certificate or listener.known_names is not None), "it ends no TLS"),
        (listener.tls_version is not None and not ended, "it ends no TLS"),
        (listener.tls_version not in {None, *VERSIONS}, "`tls_version` is 1.2 or 1.3"),
    )


def tls_context(config: Config, listener: Listener) -> ssl.SSLContext | None:
    """The TLS context of a listener, None without TLS. Raises `ConfigError` if its files cannot be loaded."""
    if listener.leaf is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if listener.tls_version is not None:
        context.minimum_version = context.maximum_version = VERSIONS[listener.tls_version]
    context.set_alpn_protocols(["http/1.1"])
    folder = Path(config.tls_folder)
    stem = folder / listener.leaf
    try:
        context.load_cert_chain(f"{stem}.crt", f"{stem}.key")
        if listener.client_certificate:
            context.load_verify_locations(folder / "ca.crt")
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{stem}.crt and .key, or ca.crt beside them, cannot be loaded: {error}") from error
    return context
