"""Hold what `lab trace` told against the truth that was written down before: each field is right, open, or wrong.

Open is what the lab says it does not know. It counts as wrong where the truth does not allow it, for a lab that leaves
everything open would never be wrong. A pure function of two documents: `truth.yaml`'s trace and `--json`'s probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RIGHT, OPEN, WRONG = "right", "open", "wrong"

HOP_FIELDS = ("container", "process", "port", "protocol", "tls", "stage", "entry", "joined_by", "sni", "sent_by")
ROUTE_FIELDS = ("stage", "answered_by", "stopped_by", "status", "dispatched")
UNKNOWN = {"tls": (None,), "container": (None, "unknown"), "protocol": (None,), "stage": ()}
"""Field -> values that say that it is not known; else None does."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one trace."""

    name: str
    verdict: str
    expected: object
    actual: object
    allowed: bool = True
    """Whether it may be open."""

    @property
    def bad(self) -> bool:
        """Wrong, or open where it may not be."""
        return self.verdict == WRONG or (self.verdict == OPEN and not self.allowed)


def score(truth: Mapping[str, Any], told: Mapping[str, Any]) -> list[Field]:
    """All fields that the truth names. `open` in it names those that may be left open, with the reason."""
    return list(_fields(truth, told, truth.get("open") or {}))


def _fields(truth: Mapping[str, Any], told: Mapping[str, Any], may: Mapping[str, str]) -> Iterator[Field]:
    hops = told["hops"]
    route = _in_order(truth["route"], hops)
    yield _length(route, hops, told["open"], may)
    for number, (expected, actual) in enumerate(zip(route, hops, strict=False), start=1):
        for name in (each for each in HOP_FIELDS if each in expected):
            yield _field(f"hop{number}.{name}", expected[name], _of_hop(hops, actual, name), may)
        if "not_pid" in expected:
            yield Field(
                f"hop{number}.pid", _verdict(actual["pid"] != expected["not_pid"], unknown=False), "another", actual["pid"]
            )
    yield _ends(truth["tls_ends_at"], told, may, len(route))
    for name in (each for each in ROUTE_FIELDS if each in truth):
        yield _of_route(name, truth[name], told, may)


def _of_route(name: str, expected: object, told: Mapping[str, Any], may: Mapping[str, str]) -> Field:
    """A stage that the lab says is the least that is known is open."""
    if name == "stage" and told["stage_open"] and told[name] != expected:
        return Field(name, OPEN, expected, told[name], name in may)
    return _field(name, expected, told[name], may)


def _in_order(route: list[Any], hops: list[Any]) -> list[Any]:
    """A list inside the route may come in any order: it is put in that of the hops, by container."""
    found: list[Any] = []
    for each in route:
        group = each if isinstance(each, list) else [each]
        here = [hop["container"] for hop in hops[len(found) : len(found) + len(group)]]
        found += sorted(group, key=lambda hop: here.index(hop["container"]) if hop["container"] in here else len(here))
    return found


def _length(expected: list[Any], hops: list[Any], questions: list[str], may: Mapping[str, str]) -> Field:
    """Too few hops are open if something is said to be unknown; too many are wrong."""
    verdict = _verdict(len(hops) == len(expected), unknown=len(hops) < len(expected) and bool(questions))
    return Field("hops", verdict, len(expected), len(hops), "hops" in may)


def _verdict(right: bool, *, unknown: bool) -> str:
    if right:
        return RIGHT
    return OPEN if unknown else WRONG


def _of_hop(hops: list[Any], hop: Mapping[str, Any], name: str) -> object:
    if name == "sent_by":
        return hops[hop["parent"] - 1]["container"] if hop["parent"] else "client"
    if name != "port":
        return hop[name]
    end = str(hop["local"] or hop["asked"])
    tail = end.rpartition(":")[2]
    return int(tail) if tail.isdigit() else end


def _field(name: str, expected: object, actual: object, may: Mapping[str, str]) -> Field:
    bare = name.rpartition(".")[2]
    verdict = _verdict(actual == expected, unknown=actual in UNKNOWN.get(bare, (None,)))
    return Field(name, verdict, expected, actual, name in may or bare in may)


def _ends(expected: list[str], told: Mapping[str, Any], may: Mapping[str, str], hops: int) -> Field:
    """Too few ends are open if what became of TLS on a hop is said to be unknown, or whether there are more hops."""
    actual = [end["container"] for end in told["tls_ends_at"]]
    unknown = any(hop["protocol"] == "tls" and hop["tls"] is None for hop in told["hops"]) or "unknown" in actual
    unknown = unknown or (len(told["hops"]) < hops and bool(told["open"]))
    missing = [name for name in expected if name not in actual]
    extra = [name for name in actual if name not in (*expected, "unknown")]
    verdict = _verdict(actual == expected, unknown=bool(missing) and not extra and unknown)
    return Field("tls_ends_at", verdict, expected, actual, "tls_ends_at" in may)
