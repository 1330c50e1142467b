"""A case as the rules look at it: the scenario, where each of its values stands, and what the scenario leaves unsaid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, ip_address
from typing import TYPE_CHECKING

from lab.model.arrangement import aliases, all_namespaces, attachments, namespace_of, network_names
from lab.model.plan import HOST
from lab.scenario.telling import Finding
from lab.scenario.tree import below, keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from ipaddress import IPv4Address, IPv6Address

    from lab.model.catalogue import Catalogue, Server
    from lab.model.scenario import Container, Scenario
    from lab.scenario.tree import Node, Path

__all__ = ["HOST", "Finding", "Rule", "View", "ip", "network", "repeated"]


@dataclass(frozen=True)
class View:
    """One case, ready to be checked for meaning."""

    file: str
    tree: Node
    scenario: Scenario
    catalogue: Catalogue
    siblings: Mapping[str, bytes]
    base: View | None = None
    """Of a twin: the case that it changes."""
    twin: str = ""

    @property
    def running(self) -> bool:
        """Whether the containers are none of the lab's, and run already."""
        return self.scenario.target is not None

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """Namespaces that something defines: those written down, and those of containers that name none."""
        own = (name for name, container in self.scenario.containers.items() if container.namespace in (None, name))
        return tuple(dict.fromkeys((*keys(self.tree, ("namespaces",)), *own)))

    def matches(self, pattern: Path) -> tuple[tuple[Path, Node], ...]:
        """All that stands at a pattern, in the order of the file. Each part of a pattern is looked up once for all rules."""
        if not pattern:
            return (((), self.tree),)
        if pattern not in self._found:
            above = self.matches(pattern[:-1])
            self._found[pattern] = tuple(one for path, node in above for one in below(path, node, pattern[-1]))
        return self._found[pattern]

    @cached_property
    def _found(self) -> dict[Path, tuple[tuple[Path, Node], ...]]:
        return {}

    @cached_property
    def containers(self) -> tuple[str, ...]:
        """Names of containers, also of those whose form is wrong."""
        return tuple(dict.fromkeys((*self.scenario.containers, *keys(self.tree, ("containers",)))))

    @cached_property
    def networks(self) -> dict[str, tuple[str, ...]]:
        """Namespace -> the networks it stands on."""
        found = all_namespaces(self.scenario)
        known = network_names(self.scenario)
        return {name: tuple(n for n in attachments(self.scenario, one) if n in known) for name, one in found.items()}

    @cached_property
    def named(self) -> dict[str, tuple[str, ...]]:
        """DNS name -> the namespaces that it leads to, on whatever network."""
        found: dict[str, tuple[str, ...]] = {}
        for name, namespace in all_namespaces(self.scenario).items():
            for alias in aliases(self.scenario, name, namespace):
                found[alias] = (*found.get(alias, ()), name)
        return found

    @cached_property
    def subnets(self) -> dict[str, IPv4Network]:
        """Network -> its fixed subnet, if it has one that can be had."""
        found = {name: network(one.subnet) for name, one in self.scenario.networks.items() if one.subnet}
        return {name: subnet for name, subnet in found.items() if subnet and not strange(subnet)}

    def meet(self, one: str, other: str) -> bool:
        """Whether two namespaces stand on a network together."""
        return one == other or bool(set(self.networks.get(one, ())) & set(self.networks.get(other, ())))

    def vantage(self, path: Path) -> str:
        """The namespace from which an address at a path is reached: of the container, or of the probe."""
        name = str(path[1])
        if path[0] == "probes":
            return self.scenario.probes[name].from_
        return namespace_of(name, self.scenario.containers[name])

    def row(self, container: Container) -> Server | None:
        """The catalogue's row of a container's server; None: it has none that is known."""
        return self.catalogue.servers.get(container.server) if isinstance(container.server, str) else None

    def rendered(self, container: Container) -> Server | None:
        """The row of a server whose configuration is made from the scenario, so that it does what the scenario says."""
        row = self.row(container)
        return row if row and row.config and container.config is None and not container.command else None


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that must hold in every case."""

    id: str
    says: str
    """What must hold, as a sentence."""
    check: Callable[[View], Iterator[Finding]]
    reads: tuple[str, ...] = ()
    """Sections in which a mistake of form makes the rule's answer worthless."""
    twins: bool = True
    """Whether it holds in twins too, or may be what the twin breaks."""
    running: bool = False
    """Whether it is asked of a scenario whose target runs already; most rules speak of what such a one does not have."""


def repeated(items: Iterable[object]) -> Iterator[tuple[int, object]]:
    """Items of a list that stand in it before, each with its place."""
    seen: set[object] = set()
    for place, item in enumerate(items):
        if item in seen:
            yield place, item
        seen.add(item)


def ip(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address, or None for a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None


SMALLEST = 29
"""A /30 has two addresses, of which the gateway takes one."""


def strange(subnet: IPv4Network) -> str:
    """Why a network of containers cannot have this subnet; empty: it can."""
    if subnet.is_global or subnet.is_loopback or subnet.is_link_local or subnet.is_multicast or subnet.is_reserved:
        return "belongs to others: the lab would hide it from this machine"
    if subnet.prefixlen < 8 or subnet.overlaps(IPv4Network("0.0.0.0/8")):
        return "belongs to others: the lab would hide it from this machine"
    return "has no room for containers" if subnet.prefixlen > SMALLEST else ""


def network(text: str) -> IPv4Network | None:
    """An IPv4 network without host bits, or None."""
    try:
        return IPv4Network(text)
    except ValueError:
        return None
