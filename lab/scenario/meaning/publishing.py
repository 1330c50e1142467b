"""Published ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.scenario.meaning.view import Finding, Rule, View
from lab.scenario.problems import Told

if TYPE_CHECKING:
    from collections.abc import Iterator


def _taken(view: View) -> Iterator[Finding]:
    """A port of one of the host's addresses can be held once; each network's gateway is an address of its own."""
    held: dict[tuple[str, int], str] = {}
    for name, namespace in view.scenario.namespaces.items():
        for place, one in enumerate(namespace.publish):
            if one.host_port is None:
                continue
            gateway = f"the gateway of {next(iter(view.networks.get(name, ())), 'its network')}"
            key = ("127.0.0.1" if one.on == "loopback" else gateway, one.host_port)
            if key in held:
                move = "leave `host_port` out: a free one is chosen"
                told = Told(f"port {one.host_port} of {key[0]} is published by `{held[key]}` already", intention=move)
                yield Finding(("namespaces", name, "publish", place, "host_port"), told)
            held.setdefault(key, name)


def _twice(view: View) -> Iterator[Finding]:
    for name, namespace in view.scenario.namespaces.items():
        seen: set[tuple[int, str]] = set()
        for place, one in enumerate(namespace.publish):
            if (one.port, one.on) in seen:
                told = Told(f"port {one.port} is published on {one.on} twice", "", "once is enough")
                yield Finding(("namespaces", name, "publish", place), told)
            seen.add((one.port, one.on))


RULES = (
    Rule("published-twice", "a namespace publishes a port in one way once", _twice),
    Rule("host-port", "a port of the host is published once", _taken, reads=("namespaces",)),
)
