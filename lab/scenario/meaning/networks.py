"""Networks, subnets, fixed addresses, and names that lead to two places."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from lab.model.arrangement import CLIENT, all_namespaces, network_names
from lab.scenario.meaning.view import SMALLEST, Finding, Rule, View, ip, network, repeated, strange
from lab.scenario.problems import Told
from lab.scenario.tree import ANY, Mapping, Scalar, Sequence, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.scenario.tree import Path


def _subnet(view: View) -> Iterator[Finding]:
    for name, one in view.scenario.networks.items():
        if one.subnet is not None and (told := _wrong_subnet(one.subnet)):
            yield Finding(("networks", name, "subnet"), told)


def _wrong_subnet(text: str) -> Told | None:
    allowed = f"an IPv4 subnet for private use or documentation, up to /{SMALLEST}, such as 10.0.1.0/24"
    found = network(text)
    if found is None or "/" not in text:
        return Told(f"`{text}` is not an IPv4 subnet", allowed, _meant(text))
    return Told(f"{found} {why}", allowed) if (why := strange(found)) else None


def _meant(text: str) -> str:
    try:
        found = IPv4Network(text if "/" in text else f"{text}/24", strict=False)
    except ValueError:
        return ""
    return f"did you mean `{found}`?"


def _overlapping(view: View) -> Iterator[Finding]:
    order = list(view.subnets)
    by_address = sorted(view.subnets, key=lambda name: view.subnets[name])
    widest = by_address[0] if by_address else ""
    for name in by_address[1:]:
        if view.subnets[name].overlaps(view.subnets[widest]):
            first, second = sorted((widest, name), key=order.index)
            told = Told(f"{view.subnets[second]} overlaps {view.subnets[first]}, the subnet of `{first}`")
            yield Finding(("networks", second, "subnet"), told)
        if view.subnets[name].broadcast_address > view.subnets[widest].broadcast_address:
            widest = name


def _crowded(view: View) -> Iterator[Finding]:
    on = Counter(name for networks in view.networks.values() for name in networks)
    for name, subnet in view.subnets.items():
        room = subnet.num_addresses - 3
        if on[name] > room:
            told = Told(
                f"{subnet} has room for {max(room, 0)} namespaces, and {on[name]} stand on it", intention="take a larger subnet"
            )
            yield Finding(("networks", name, "subnet"), told)


def _fixed(view: View) -> Iterator[Finding]:
    taken: dict[tuple[str, str], str] = {}
    for namespace, one in view.scenario.namespaces.items():
        if not isinstance(one.networks, dict):
            continue
        for name, attachment in one.networks.items():
            path: Path = ("namespaces", namespace, "networks", name, "address")
            if attachment.address is None or name not in network_names(view.scenario):
                continue
            other = taken.setdefault((name, attachment.address), namespace)
            told = _wrong_address(view, name, attachment.address)
            if told is None and other != namespace:
                told = Told(f"{attachment.address} is the address of `{other}` already")
            if told:
                yield Finding(path, told)


def _wrong_address(view: View, name: str, text: str) -> Told | None:
    address, subnet = ip(text), view.subnets.get(name)
    if not isinstance(address, IPv4Address):
        return Told(f"`{text}` is not an IPv4 address", f"one of {subnet}" if subnet else "")
    if subnet is None:
        declared = view.scenario.networks.get(name)
        return (
            None
            if declared and declared.subnet
            else Told(f"`{name}` has no fixed subnet, so no address on it is known", "", "give the network a `subnet`")
        )
    allowed = f"{subnet[2]} to {subnet[-2]}"
    if address not in subnet:
        return Told(f"{text} is not in {subnet}, the subnet of `{name}`", allowed)
    own = {
        subnet[0]: "the address of the network itself",
        subnet[1]: "the gateway's address",
        subnet[-1]: "the broadcast address",
    }
    return Told(f"{text} is {own[address]}", allowed) if address in own else None


def _undecided(view: View) -> Iterator[Finding]:
    networks = network_names(view.scenario)
    for name, one in all_namespaces(view.scenario).items():
        if len(networks) < 2 or one.networks or name == CLIENT or name not in view.namespaces:
            continue
        path: Path = ("namespaces", name) if name in view.scenario.namespaces else ("containers", name)
        told = Told(
            f"there are several networks, and `{name}` does not say on which it stands",
            f"networks: a list of {', '.join(networks)}",
        )
        yield Finding(path, told, key=True)


_SETS: tuple[Path, ...] = (
    ("namespaces", ANY, "networks"),
    ("namespaces", ANY, "names"),
    ("containers", ANY, "listen", ANY, "names"),
    ("listening", ANY),
)
"""Lists whose order means nothing."""


def _twice(view: View) -> Iterator[Finding]:
    for path, node in (found for place in _SETS for found in view.matches(place)):
        items = node.items if isinstance(node, Sequence) else ()
        for place, value in repeated(item.value for item in items if isinstance(item, Scalar)):
            yield Finding((*path, place), Told(f"`{value}` stands here twice"))


def _ambiguous(view: View) -> Iterator[Finding]:
    for name, places in view.named.items():
        on: dict[str, str] = {}
        for namespace in dict.fromkeys(places):
            others = [on[network] for network in view.networks[namespace] if network in on]
            if others:
                text = f"`{name}` leads to two namespaces on one network, `{others[0]}` and `{namespace}`"
                yield Finding(_defined(view, name, namespace), Told(text, "", "rename one, or part their networks"), key=True)
            on |= dict.fromkeys((n for n in view.networks[namespace] if n not in on), namespace)


def _defined(view: View, name: str, namespace: str) -> Path:
    """Where a namespace gets one of its names."""
    names = at(view.tree, ("namespaces", namespace, "names"))
    if isinstance(names, Sequence):
        for place, item in enumerate(names.items):
            if isinstance(item, Scalar) and item.value == name:
                return ("namespaces", namespace, "names", place)
    container = view.scenario.containers.get(name)
    if name == namespace and isinstance(at(view.tree, ("namespaces", name)), Mapping):
        return ("namespaces", name)
    return ("containers", name) if container else ("namespaces", namespace)


RULES = (
    Rule("subnet", "a subnet is an IPv4 network that belongs to nobody else", _subnet),
    Rule("subnets-overlap", "subnets do not overlap", _overlapping, reads=("networks",)),
    Rule("subnet-room", "a subnet has room for all that stand on it", _crowded, reads=("networks", "namespaces")),
    Rule("fixed-address", "a fixed address is a free one of its network's fixed subnet", _fixed, reads=("networks",)),
    Rule(
        "which-network",
        "where there are several networks, a namespace says on which it stands",
        _undecided,
        reads=("networks",),
    ),
    Rule("listed-twice", "a network, a DNS name, an address is listed once", _twice),
    Rule("ambiguous-name", "a name leads to one namespace", _ambiguous, reads=("networks", "namespaces", "containers")),
)
