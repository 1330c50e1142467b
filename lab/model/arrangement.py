"""What an arrangement means where it says nothing: default networks, namespaces of containers that name none, names that
lead to a namespace. One reading for the plan, which fills them in, and for the loader, which finds mistakes in them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.model.scenario import Attachment, Namespace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.model.scenario import Container, Listen, Scenario

DEFAULT_NETWORK = "lab"
CLIENT = "client"
"""The vantage, and the namespace, of the lab's own client."""


def split(address: str) -> tuple[str, int]:
    """`[::]:8443` to `("::", 8443)`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def url_target(url: str) -> tuple[str, int]:
    """Host and port that a URL means (RFC 9110, section 4.2). Raises ValueError for a host or port that is none."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def namespace_of(name: str, container: Container) -> str:
    """Name of the namespace a container runs in: its own unless it names another."""
    return container.namespace or name


def network_names(scenario: Scenario) -> tuple[str, ...]:
    """The scenario's networks; one called `lab` if it names none."""
    return tuple(scenario.networks) or (DEFAULT_NETWORK,)


def all_namespaces(scenario: Scenario) -> dict[str, Namespace]:
    """All namespaces: those that are written down, those of containers without one, and the client's."""
    found = dict(scenario.namespaces)
    for name, container in scenario.containers.items():
        found.setdefault(namespace_of(name, container), Namespace())
    if any(probe.from_ == CLIENT for probe in scenario.probes.values()):
        found.setdefault(CLIENT, Namespace(networks=network_names(scenario)))
    return found


def attachments(scenario: Scenario, namespace: Namespace) -> Mapping[str, Attachment]:
    """Network -> how the namespace stands on it, in the order of its interfaces."""
    if namespace.networks and isinstance(namespace.networks, dict):
        return namespace.networks
    return {name: Attachment() for name in namespace.networks or network_names(scenario)[:1]}


def inside(scenario: Scenario, namespace: str) -> tuple[str, ...]:
    """Containers that run in a namespace."""
    return tuple(name for name, container in scenario.containers.items() if namespace_of(name, container) == namespace)


def leaf_names(scenario: Scenario, name: str, listen: Listen) -> tuple[str, ...]:
    """Names on the certificate of a listener of container `name`: its own, else its namespace's."""
    namespace = namespace_of(name, scenario.containers[name])
    declared = scenario.namespaces.get(namespace)
    return listen.names or (declared.names if declared else ()) or (namespace,)


def aliases(scenario: Scenario, name: str, namespace: Namespace) -> tuple[str, ...]:
    """DNS names under which the others on its networks find a namespace: its own first."""
    return tuple(dict.fromkeys((name, *namespace.names, *inside(scenario, name))))
