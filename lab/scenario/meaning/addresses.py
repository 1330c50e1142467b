"""Every place that holds an address and a port: what kind of address it takes, and whether it can be reached from where it
is used.

Rule: the lab sends to loopback and to its own networks only. A name leads to namespaces on the networks of whoever uses it;
whether anybody listens there is not asked, for that nobody does may be the point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.model.arrangement import split, url_target
from lab.scenario.meaning.view import HOST, Finding, Rule, View, ip
from lab.scenario.problems import Told
from lab.scenario.tree import ANY, Scalar, at
from lab.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv6Address

    from lab.scenario.tree import Path

LOCALHOST = "localhost"

_EXPECTED: tuple[Path, ...] = (("probes", ANY, "expect"), ("probes", ANY, "steps", ANY, "expect"))

HELD: tuple[Path, ...] = (
    ("containers", ANY, "listen", ANY, "on"),
    ("listening", ANY, ANY),
    *((*one, "route", ANY, key) for one in _EXPECTED for key in ("listener", "local")),
)
"""Places of an address that a socket has: an IP address, no name."""

REACHED: tuple[Path, ...] = (
    ("containers", ANY, "listen", ANY, "routes", ANY, "to"),
    ("containers", ANY, "database"),
    ("containers", ANY, "database", "address"),
    ("probes", ANY, "request", "connect_to"),
    ("probes", ANY, "request", "proxy"),
    ("probes", ANY, "exact", "connect_to"),
    ("probes", ANY, "steps", ANY, "connect"),
    ("probes", ANY, "steps", ANY, "connect", "to"),
    ("probes", ANY, "steps", ANY, "fill"),
)
"""Places of an address that somebody connects to: an IP address or a name."""

URL: Path = ("probes", ANY, "request", "url")


def _texts(view: View, places: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    for place in places:
        for path, node in view.matches(place):
            if isinstance(node, Scalar) and isinstance(node.value, str):
                yield path, node.value


def _ports(view: View) -> Iterator[Finding]:
    for path, text in _texts(view, (*HELD, *REACHED)):
        port = text.rpartition(":")[2]
        if not 1 <= int(port) <= 65535:
            yield Finding(path, Told(f"{port} is not a port", "1 to 65535"), part=port)


def _held(view: View) -> Iterator[Finding]:
    for path, text in _texts(view, HELD):
        host, port = split(text)
        if ip(host) is None:
            means = (
                f'did you mean "127.0.0.1:{port}"?'
                if host == LOCALHOST
                else f'did you mean "0.0.0.0:{port}"?'
                if host == ANY
                else ""
            )
            told = Told(
                f"`{host}` is not an IP address, and a socket has one", "an IPv4 address, or an IPv6 address in brackets", means
            )
            yield Finding(path, told, part=host)


def _urls(view: View) -> Iterator[Finding]:
    for path, text in _texts(view, (URL,)):
        told = _wrong_url(text)
        if told:
            yield Finding(path, told)


def _wrong_url(text: str) -> Told | None:
    try:
        host, port = url_target(text)
    except ValueError as error:
        return Told(f"this URL has no sensible host and port: {error}", "http://HOST:PORT/PATH")
    if not host or "@" in text.split("/")[2]:
        return Told("this URL has no host, or more than a host and a port", "http://HOST:PORT/PATH")
    return None if port >= 1 else Told(f"{port} is not a port", "1 to 65535")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom somebody connects to."""

    path: Path
    host: str
    """As it is written."""
    port: int
    vantage: str
    """A namespace, `client` or `host`."""


def targets(view: View) -> Iterator[Target]:
    """Everything that somebody connects to, as far as it is an address at all."""
    for path, text in _texts(view, REACHED):
        host, port = split(text)
        yield Target(path, host, port, view.vantage(path))
    for path, text in _texts(view, (URL,)):
        if at(view.tree, (*path[:-1], "connect_to")) is None and _wrong_url(text) is None:
            host, port = url_target(text)
            yield Target(path, host, port, view.vantage(path))


def _unreachable(view: View) -> Iterator[Finding]:
    for target in targets(view):
        if target.vantage == HOST:
            told = _from_host(view, target.host)
        elif (address := ip(target.host)) is not None:
            told = _outside(view, address)
        else:
            told = _unnamed(view, target)
        if told:
            yield Finding(target.path, told, part=target.host)


def _outside(view: View, address: IPv4Address | IPv6Address) -> Told | None:
    if address.is_loopback or any(address in subnet for subnet in view.subnets.values()):
        return None
    text = f"no network of this scenario has the address {address}: the lab sends to loopback and to its own networks only"
    fixed = [str(subnet) for subnet in view.subnets.values()]
    return Told(text, ", ".join(["127.0.0.0/8", "[::1]", *fixed]), "give a network a fixed `subnet`, or use a name")


def _unnamed(view: View, target: Target) -> Told | None:
    host = target.host
    there = view.named.get(host, ())
    if host == LOCALHOST or any(view.meet(target.vantage, one) for one in there):
        return None
    if not view.networks.get(target.vantage) or (there and not any(view.networks[one] for one in there)):
        return None  # where it stands is wrong already
    names = [name for name, led in view.named.items() if any(view.meet(target.vantage, one) for one in led)]
    if there:
        networks = ", ".join(view.networks[there[0]])
        return Told(f"`{host}` stands on no network of `{target.vantage}`", ", ".join(names), f"`{host}` is on {networks}")
    return Told(f"nothing that `{target.vantage}` can reach is called `{host}`", ", ".join(names), nearest(host, names))


def _from_host(view: View, host: str) -> Told | None:
    if host in view.named:
        return None
    text = f"no namespace is called `{host}`; a probe from the host names one, and `via` says how it is reached"
    return Told(text, ", ".join(view.named), nearest(host, view.named))


RULES = (
    Rule("port", "a port is from 1 to 65535", _ports, running=True),
    Rule("socket-address", "a socket's address is an IP address", _held, running=True),
    Rule("url", "a URL has a host and a port", _urls, running=True),
    Rule(
        "unreachable",
        "a name or an address that somebody connects to is on a network of theirs",
        _unreachable,
        reads=("networks", "namespaces"),
    ),
)
