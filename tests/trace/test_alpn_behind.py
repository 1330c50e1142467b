"""Between a proxy and its upstream: what is offered is read, what is chosen only where the ServerHello says it in clear."""

from __future__ import annotations

import pytest

from lab.judge.findings import hop_finding
from tests.trace.wire import OK, Lab, Tls, get, speak


def routed(version: str, alpn: tuple[str, ...]) -> object:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 7), lab.container("app", "web", 8)
    front = lab.tcp("client", ("10.0.0.9", 40000), "edge", ("10.0.0.2", 80), reader=proxy)
    back = lab.tcp("edge", ("10.0.0.2", 50000), "web", ("10.0.0.3", 443), reader=app, writer=proxy)
    front.open().up(get())
    back.open()
    speak(back, Tls(version=version, alpn=alpn), get(), OK)
    front.down(OK)
    lab.report(front)
    return lab.route()


@pytest.mark.parametrize(
    ("version", "alpn", "chosen"),
    [("TLSv1_2", ("h2",), "h2"), ("TLSv1_2", ("h2", "http/1.1"), "h2"), ("TLSv1_2", (), "none"), ("TLSv1_3", ("h2",), None)],
)
def test_the_choice_is_told_where_it_is_in_clear(version: str, alpn: tuple[str, ...], chosen: str | None) -> None:
    route = routed(version, alpn)
    found = hop_finding(route, 2, "alpn")  # type: ignore[arg-type]
    assert found.value == chosen
    assert chosen or "encrypted" in found.unknown
    assert hop_finding(route, 2, "alpn_offered").value == (", ".join(alpn) or "none")  # type: ignore[arg-type]
