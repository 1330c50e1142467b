"""Steps of a probe that speaks HTTP/3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.scenario.pairs.patches import Bad, Pair, all_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT, OPEN = {"connect": "web:8443"}, {"streams": [{"name": "a", "end": False}]}


def over(tls: dict[str, Any], *more: dict[str, Any]) -> dict[str, Any]:
    return all_steps(CONNECT, {"tls": {"alpn": ["h3"], **tls}}, *more)


def bad() -> Iterator[Bad]:
    yield Bad(over({}, {"do": "reset"}), '"do"', "is of TCP")
    yield Bad(over({}, {"send": "x"}), '"send"', "is of TCP")
    yield Bad(over({}, {"await": "unread"}), '"await"', "is of TCP")
    yield Bad(over({"alpn": ["h3", "h2"]}, OPEN), '"tls"', "is of TCP")
    yield Bad(over({"stop_after": 9}), '"tls"', "is of TCP")


PAIRS: dict[str, Pair] = {
    "steps-over-quic": Pair(over({"sni": "web"}, OPEN, {"receive": 1}, {"do": "close"}), list(bad())),
}
