"""What the pairs are written in: patches of the shop of `tests/scenario/shop.py`, and the mistake that each must be told as."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Bad:
    patch: dict[str, Any]
    under: str
    says: str
    also: tuple[str, ...] = ()
    """Other rules that this breaks too."""


@dataclass(frozen=True)
class Pair:
    good: dict[str, Any]
    bad: list[Bad] = field(default_factory=list)


def app(**change: Any) -> dict[str, Any]:
    return {"containers": {"app": change}}


def proxy(**change: Any) -> dict[str, Any]:
    return {"containers": {"proxy": change}}


def listens(*listen: dict[str, Any], container: str = "proxy") -> dict[str, Any]:
    return {"containers": {container: {"listen": list(listen)}}}


def route(tls: str = "ended", **rule: Any) -> dict[str, Any]:
    return listens({"on": "0.0.0.0:8443", "tls": tls, "routes": [{"to": "127.0.0.1:3000", **rule}]}) | QUIET


def order(**change: Any) -> dict[str, Any]:
    return {"probes": {"order": change}}


def request(**change: Any) -> dict[str, Any]:
    return order(request=change)


def expect(**change: Any) -> dict[str, Any]:
    return order(expect=change)


def twin(change: dict[str, Any] | None = None, **caught: str) -> dict[str, Any]:
    words = {key.replace("__", "."): word for key, word in caught.items()}
    return {"twins": {"other-port": {"change": change or {}, "caught": words}}}


def web(**change: Any) -> dict[str, Any]:
    return {"namespaces": {"web": change}}


QUIET: dict[str, Any] = {"probes": None, "listening": None, "twins": None}
"""Without expectations, where something else is the point."""

STEP = {"connect": "web:8443"}


def steps(*more: dict[str, Any]) -> dict[str, Any]:
    return all_steps(STEP, *more)


def all_steps(*steps: dict[str, Any]) -> dict[str, Any]:
    return order(request=None, steps=list(steps), expect=None) | {"twins": None}


def exact(**more: Any) -> dict[str, Any]:
    return order(request=None, expect=None, exact={"connect_to": "web:8443", **more}) | {"twins": None}


def runs(probe: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A scenario of containers that run already; what it has of the shop is its probe."""
    arranged: dict[str, Any] = {"networks": None, "namespaces": None, "containers": None, "listening": None, "twins": None}
    asked = {"order": {"from": "host", "expect": {"certificate": None}, **(probe or {})}}
    return {"target": "running", **arranged, "probes": asked, **more}
