"""Which subnet a network gets: one that meets neither the engine's networks nor the machine's routes.

Rule: the engine's default pools end at about 30 networks, so a small subnet is always named; who loses a race for it
tries the next. A fixed subnet that another live run of the lab holds is waited for. Weak spot: the routes of an
engine's machine are known only when that is this machine.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from lab.engine import docker as engine
from lab.engine import labels
from lab.engine.docker.connection import ConflictError
from lab.engine.docker.networks import NetworkFacts, NetworkSpec
from lab.engine.errors import MachineError
from lab.engine.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lab.engine.docker.connection import Docker
    from lab.engine.progress import Progress

POOL = IPv4Network("10.213.0.0/16")
"""Where chosen subnets come from (RFC 1918). 4096 networks of 13 containers each."""

SIZE = 28

TRIES = 32
"""Races lost in a row before it is taken for something else than a race."""

PATIENCE = 300.0
"""Seconds to wait for a fixed subnet that another live run holds."""

LISTEN = 2.0
"""Seconds between looks while waiting, beside the look at each network that goes away."""

UNLISTED = 3.0
"""Seconds within which the engine lists a network whose bridge it has made; measured: milliseconds, under load some 100."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A network as the plan wants it."""

    name: str
    labels: Mapping[str, str]
    subnet: str | None
    """None: a small free one."""
    internal: bool


def make_network(docker: Docker, wish: Wish, progress: Progress | None = None, patience: float = PATIENCE) -> NetworkFacts:
    """Create a network on a subnet that meets nobody. Raises MachineError when the fixed one cannot be had."""
    if wish.subnet is None:
        return _chosen(docker, wish)
    return _fixed(docker, wish, IPv4Network(wish.subnet), progress or Silent(), patience)


def _chosen(docker: Docker, wish: Wish) -> NetworkFacts:
    taken = _used(docker)
    lost: ConflictError | None = None
    candidates = candidate_subnets(wish.name)
    for _ in range(TRIES):
        subnet = first_free(candidates, taken)
        if subnet is None:
            break
        try:
            return engine.create_network(docker, _spec(wish, subnet))
        except ConflictError as error:
            lost = error
            taken = _used(docker)
    reason = f" The engine's last word: {lost.text}" if lost else ""
    raise MachineError(
        f"no free subnet of /{SIZE} in {POOL} for the network {wish.name}.{reason}",
        "remove networks that nobody uses (`docker network ls`), or `lab clean`",
    )


def _spec(wish: Wish, subnet: IPv4Network) -> NetworkSpec:
    return NetworkSpec(wish.name, wish.labels, str(subnet), str(subnet[1]), wish.internal)


def candidate_subnets(name: str) -> Iterator[IPv4Network]:
    """Give all subnets of the pool once, from a place that depends on the name: two runs seldom want the same one."""
    count = 1 << (SIZE - POOL.prefixlen)
    first = zlib.crc32(name.encode()) % count
    base, step = int(POOL.network_address), 1 << (32 - SIZE)
    return (IPv4Network((base + (first + n) % count * step, SIZE)) for n in range(count))


def first_free(candidates: Iterable[IPv4Network], taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """Find the first candidate that overlaps none of those taken."""
    held = tuple(taken)
    return next((one for one in candidates if not any(one.overlaps(other) for other in held)), None)


def _used(docker: Docker) -> tuple[IPv4Network, ...]:
    return (*(subnet for subnet, _ in _network_subnets(docker)), *(host_routes() if docker.local else ()))


def _network_subnets(docker: Docker) -> list[tuple[IPv4Network, NetworkFacts]]:
    return [(IPv4Network(s), n) for n in engine.networks(docker) for s in n.subnets if ":" not in s]


def host_routes() -> tuple[IPv4Network, ...]:
    """Read this machine's IPv4 routes but the default one."""
    try:
        return read_routes(Path("/proc/net/route").read_text("ascii"))
    except OSError:
        return ()


def read_routes(text: str) -> tuple[IPv4Network, ...]:
    """Read /proc/net/route: destination and mask are hexadecimal, in the machine's byte order (here: little endian)."""
    routes = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        address, mask = (int.from_bytes(bytes.fromhex(fields[n]), "little") for n in (1, 7))
        if mask:
            routes.append(IPv4Network((address & mask, mask.bit_count())))
    return tuple(routes)


def _fixed(docker: Docker, wish: Wish, subnet: IPv4Network, progress: Progress, patience: float) -> NetworkFacts:
    deadline = time.monotonic() + patience
    told = ""
    while True:
        holder = _holder(docker, subnet) or _before_it_is_listed(docker, wish, subnet)
        if holder is None:
            try:
                return engine.create_network(docker, _spec(replace(wish, subnet=str(subnet)), subnet))
            except ConflictError:
                holder = _holder(docker, subnet)
        if holder is not None:
            left = deadline - time.monotonic()
            _may_wait(wish, holder, left, patience)
            if told != holder.name:
                told = holder.name
                progress.note(f"waiting for the subnet {subnet}: another run of the lab uses it ({holder.name})")
            engine.wait_for_network_end(docker, min(left, LISTEN))
        elif time.monotonic() > deadline:
            raise _taken(wish, f"something that is gone whenever one looks, for {patience:g} s", "try again")


def _holder(docker: Docker, subnet: IPv4Network) -> NetworkFacts | None:
    return next((network for taken, network in _network_subnets(docker) if taken.overlaps(subnet)), None)


def _before_it_is_listed(docker: Docker, wish: Wish, subnet: IPv4Network) -> NetworkFacts | None:
    """Who holds the subnet by a route of this machine alone: a network of the engine has its bridge before it is listed.

    None if there is no such route, or it went away meanwhile. Raises MachineError for a route that stays and is no network's.
    """
    deadline = time.monotonic() + UNLISTED
    while route := _route(docker, subnet):
        if holder := _holder(docker, subnet):
            return holder
        if time.monotonic() > deadline:
            raise _taken(wish, f"this machine's route to {route}", "choose another subnet in the scenario (`ip route` lists)")
        engine.wait_for_network_end(docker, UNLISTED / 10)
    return None


def _route(docker: Docker, subnet: IPv4Network) -> IPv4Network | None:
    return next((route for route in host_routes() if route.overlaps(subnet)), None) if docker.local else None


def _may_wait(wish: Wish, holder: NetworkFacts, left: float, patience: float) -> None:
    """Wait only for a run of the lab that will end by itself."""
    owner = labels.read_owner(dict(holder.labels).get(labels.OWNER, ""))
    if owner is None:
        raise _taken(wish, f"the network {holder.name}, which is not the lab's", f"docker network rm {holder.name}")
    if labels.is_dead(owner):
        raise _taken(wish, f"{holder.name}, left or kept by a run that has ended", "`lab down` or `lab clean` ends it")
    if left <= 0:
        raise _taken(wish, f"the live run of process {owner.pid} ({holder.name}) for {patience:g} s", "wait, or end it")


def _taken(wish: Wish, by: str, move: str) -> MachineError:
    return MachineError(f"the network {wish.name} wants the subnet {wish.subnet}, but it is held by {by}", move)
