"""Networks: create with a given subnet, list, remove. Which subnet is free is decided in `lab.engine.subnets`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.engine.docker.connection import Docker, NotFoundError, asking
from lab.engine.docker.containers import label_filter

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """A network as the engine reports it."""

    id: str
    name: str
    driver: str
    internal: bool
    subnets: tuple[str, ...]
    gateway: str | None
    """The first one: the bridge's own address on the engine's host; None where it has none."""
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """All that is decided about a network before it is created."""

    name: str
    labels: Mapping[str, str]
    subnet: str
    gateway: str
    """The bridge's own address on the engine's host."""
    internal: bool
    """No way out; the engine publishes nothing on it."""


def create_network(docker: Docker, spec: NetworkSpec) -> NetworkFacts:
    """Create a bridge network with exactly this subnet (57 ms). Raises ConflictError when one overlaps it."""
    pool = {"Subnet": spec.subnet, "Gateway": spec.gateway}
    with asking(f"creating the network {spec.name} with the subnet {spec.subnet}", docker.url):
        made = docker.api.create_network(
            spec.name,
            driver="bridge",
            ipam={"Driver": "default", "Config": [pool]},
            check_duplicate=True,
            internal=spec.internal,
            labels=dict(spec.labels),
        )
        return _read(docker.api.inspect_network(made["Id"]))


def networks(docker: Docker, labels: Mapping[str, str | None] | None = None) -> tuple[NetworkFacts, ...]:
    """List networks that carry all these labels (value None: any value), or all networks."""
    filters = {"label": label_filter(labels)} if labels else None
    with asking("listing networks", docker.url):
        return tuple(_read(row) for row in docker.api.networks(filters=filters))


def _read(body: dict[str, Any]) -> NetworkFacts:
    pools = (body.get("IPAM") or {}).get("Config") or ()
    return NetworkFacts(
        id=body["Id"],
        name=body["Name"],
        driver=body["Driver"],
        internal=bool(body["Internal"]),
        subnets=tuple(pool["Subnet"] for pool in pools if pool.get("Subnet")),
        gateway=next((pool["Gateway"] for pool in pools if pool.get("Gateway")), None),
        labels=tuple(sorted((body.get("Labels") or {}).items())),
    )


def remove_network(docker: Docker, network: str) -> None:
    """Remove by id (173 ms); one that is gone is no error, one with containers on it raises MachineError."""
    try:
        with asking(f"removing the network {network[:12]}", docker.url):
            docker.api.remove_network(network)
    except NotFoundError:
        return
