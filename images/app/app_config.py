"""Reads the application's configuration, a JSON file, into frozen values. An unknown key is an error."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any


class ConfigError(Exception):
    """The configuration cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may cost."""

    idle_seconds: float = 30.0
    """Time for a whole request head, and for each read of a body."""
    head_bytes: int = 65536
    body_bytes: int = 1048576
    connections: int = 512
    """Open at once; more wait in the accept queue."""


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
    backlog: int = 128
    """Length of the accept queue, as listen(2) takes it."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration."""

    listeners: tuple[Listener, ...]
    tls_folder: str = "/etc/lab/tls"
    limits: Limits = Limits()


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
        listeners = tuple(Listener(**one) for one in value["listeners"])
        rest = {key: one for key, one in value.items() if key not in {"listeners", "limits"}}
        config = Config(listeners=listeners, limits=Limits(**value.get("limits", {})), **rest)
    except (TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"not a configuration: {error}") from error
    for listener in config.listeners:
        _check(listener)
    if not config.listeners:
        raise ConfigError("no listener")
    return config


def _check(listener: Listener) -> None:
    try:
        ip_address(listener.address)
    except ValueError as error:
        raise ConfigError(f"listener: {error}") from error
    if listener.port not in range(65536):
        raise ConfigError(f"listener: {listener.port} is not a port")
    if listener.tls not in {"none", "ended"} or (listener.tls == "ended") != bool(listener.leaf):
        raise ConfigError("listener: `tls` is none, or ended with a `leaf`")


def tls_context(config: Config, listener: Listener) -> ssl.SSLContext | None:
    """The TLS context of a listener, None without TLS. Raises `ConfigError` if its leaf cannot be loaded."""
    if listener.leaf is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    stem = Path(config.tls_folder) / listener.leaf
    try:
        context.load_cert_chain(f"{stem}.crt", f"{stem}.key")
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{stem}.crt and .key cannot be loaded: {error}") from error
    return context
