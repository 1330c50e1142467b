"""Which network namespaces the containers have, and what is watched on the host. Pure: the recorder's answer comes in.

Rule: namespaces are told by the inode that the kernel gives them, so containers that share one are found to do so however
that came about. On the host only ports are watched on which somebody listens, there or in the containers, and the one that
is asked for; not its other traffic. If a part of the deployment is at home on the host itself, its loopback and bridges are
watched whole. Weak spot: bridges are told by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.model.asked import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.engine.docker import ContainerFacts

RESOLVER = "127.0.0.11"
"""Docker's own resolver listens there in every namespace on a network of a user's; it is nobody's server."""

BRIDGES = ("docker", "br-", "lab", "podman", "cni", "virbr")
"""How the names of bridges begin that engines make."""

FORWARDERS = ("docker-proxy", "rootlesskit", "slirp4netns", "pasta")
"""Programs that only hand on what comes for a container. This decides what is watched, and nothing else."""

MOST_PORTS = 600
"""A packet filter has at most 4,096 instructions (BPF_MAXINSNS), six a port, and some more."""


@dataclass(frozen=True, slots=True)
class Place:
    """One network namespace with containers in it."""

    name: str
    pid: int
    """Host pid of a process in it."""
    inode: int
    containers: tuple[str, ...]
    """Ids."""


@dataclass(frozen=True, slots=True)
class Places:
    """All that is to be watched."""

    inside: tuple[Place, ...]
    """Namespaces of containers; the host's is not among them."""
    on_host: tuple[str, ...]
    """Ids of containers that use the host's own network."""
    interfaces: tuple[str, ...]
    """Of the host; empty: the host's namespace cannot be looked into."""
    ports: tuple[int, ...]
    whole: tuple[str, ...] = ()
    """Interfaces of the host on which everything is watched."""
    left_out: int = 0
    """Ports that were too many to be watched on the host."""

    def namespace_of(self, container: str) -> str:
        """Name of a container's namespace; empty: it is gone."""
        if container in self.on_host:
            return HOST
        return next((place.name for place in self.inside if container in place.containers), "")


NONE = Places((), (), (), ())


def read(answer: Mapping[str, Any], found: Sequence[ContainerFacts], names: Mapping[str, str], asked: Sequence[int]) -> Places:
    """From the recorder's answer to `places`. `asked`: ports that are asked for; 0 if nothing is."""
    inodes = {facts.id: answer["inodes"].get(str(facts.pid)) for facts in found}
    host = answer["host"]
    spaces = {each["inode"]: each for each in answer["namespaces"]}
    ports = _ports(spaces.values(), found, asked)
    return Places(
        inside=tuple(_inside(found, inodes, names, host)),
        on_host=tuple(facts.id for facts in found if host is not None and inodes[facts.id] == host),
        interfaces=_interfaces(spaces[host]) if host in spaces else (),
        ports=ports[:MOST_PORTS],
        whole=_whole(spaces[host], host in inodes.values(), asked) if host in spaces else (),
        left_out=max(0, len(ports) - MOST_PORTS),
    )


def _inside(
    found: Sequence[ContainerFacts], inodes: Mapping[str, int | None], names: Mapping[str, str], host: int | None
) -> Iterable[Place]:
    for inode in dict.fromkeys(inode for inode in inodes.values() if inode is not None and inode != host):
        here = [facts for facts in found if inodes[facts.id] == inode]
        owner = next((facts for facts in here if not facts.network_mode.startswith("container:")), here[0])
        yield Place(names[owner.id], owner.pid, inode, tuple(facts.id for facts in here))


def _interfaces(space: Mapping[str, Any]) -> tuple[str, ...]:
    """The host's loopback, its bridges, its ways out; a veth's traffic passes a bridge or a namespace that is watched."""
    return tuple(each["name"] for each in space["interfaces"] if not each["name"].startswith("veth"))


def _whole(space: Mapping[str, Any], has_containers: bool, ports: Sequence[int]) -> tuple[str, ...]:
    """Its loopback and bridges, if a part of the deployment is at home there: a container, or the server that is asked for."""
    asked = [holder for each in space["listeners"] if each["local"][1] in ports for holder in each["holders"]]
    if not has_containers and all(holder["name"] in FORWARDERS for holder in asked):
        return ()
    return tuple(name for name in _interfaces(space) if name == "lo" or name.startswith(BRIDGES))


def _ports(spaces: Iterable[Mapping[str, Any]], found: Sequence[ContainerFacts], asked: Sequence[int]) -> tuple[int, ...]:
    """Ports asked for first, then those published, then all that anybody listens on."""
    published = [port for facts in found for inner, _, _, outer in facts.ports for port in (inner, outer)]
    listeners = [each["local"] for space in spaces for each in space["listeners"]]
    rest = [port for address, port in listeners if address != RESOLVER]
    return tuple(port for port in dict.fromkeys([*asked, *sorted(published), *sorted(rest)]) if port)
