"""What `lab trace` was asked: one request to a deployment that the lab did not make, and where to look."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.observations import BASE64, Endpoint

HOST, CLIENT = "host", "client"
"""Vantages that are no container: the engine's own network namespace; a container of the lab's on the deployment's networks."""

PROBE = "trace"
"""Id of the probe of `lab trace`, and of the recorder's case."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which running containers are looked into; both empty: all."""

    project: str | None = None
    """A compose project."""
    containers: tuple[str, ...] = ()
    """Names, as the engine or compose has them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, decided to the last option. It is kept in the run folder; what is secret stands in `Secrets`."""

    __pydantic_config__ = BASE64

    connect: Endpoint
    """Where the connection goes: name or address, and port."""
    url: str | None = None
    """None: exact bytes."""
    vantage: str = HOST
    """`host`, `client`, or a container's name: from inside its namespace."""
    scope: Scope = Scope()
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    send: bytes = b""
    """Exact bytes, where there is no URL."""
    http: str = "auto"
    """`auto`, `1.1`, `2`, `3`."""
    proxy: Endpoint | None = None
    """A proxy that is asked to CONNECT, or, in clear, to fetch."""
    marked: bool = True
    """Whether the request carries a token of chance in its header `Lab-Probe`."""
    verify: bool = True
    timeout: float = 5.0
    """Seconds for connecting and for each read."""
    watch: float = 0.0
    """Seconds for which nothing is sent, and what passes is told; 0: the request is sent."""
    probe: str = PROBE
    """Id of the probe."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is never written down: PEM texts."""

    ca: str = ""
    """All that is trusted."""
    certificate: str = ""
    """Of the client, with its key; empty: it shows none."""
