"""What is learned of a proxy from exact bytes, which carry no token: that it hands requests on, and so refuses by itself."""

from __future__ import annotations

import pytest

from lab.model.routes import Route, Stage
from tests.trace.wire import OK, Lab, Tls, answer

EDGE, WEB, SHOP = ("10.0.0.2", 443), ("10.0.0.3", 8080), ("127.0.0.1", 3000)
ASKED = b"GET /orders HTTP/1.1\r\nHost: shop.example\r\n\r\n"
DENIED = b"GET /admin HTTP/1.1\r\nHost: shop.example\r\n\r\n"
MADE = b"GET /orders HTTP/1.1\r\nVia: 1.1 front\r\nHost: shop\r\n\r\n"


def told(made: bytes) -> Route:
    """Of a request that the front denies, beside one of which it makes `made`."""
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    front, shop = lab.container("front", "web"), lab.container("shop", "web")
    lab.listen(WEB, front)
    lab.listen(SHOP, shop)
    one = lab.tcp("client", ("10.0.0.9", 40001), "web", WEB, reader=front).open().up(ASKED)
    if made:
        lab.tcp("web", ("127.0.0.1", 50001), "web", SHOP, reader=shop, writer=front).open().up(made).down(OK)
    one.down(OK)
    lab.report(one, 200, sent=ASKED, token="", name="good")
    lab.tick(10)
    two = lab.tcp("client", ("10.0.0.9", 40002), "web", WEB, reader=front).open().up(DENIED).down(answer(403))
    lab.report(two, 403, sent=DENIED, token="", name="denied")
    return lab.routes()[1]


def through_an_edge(*, handed_on: bool) -> Route:
    """The same inside TLS that an edge passes on; the client's secrets are not known, so its word is all there is."""
    lab = Lab(client="10.0.0.9", mid="10.0.0.2", web="10.0.0.3")
    edge, front, shop = lab.container("edge", "mid"), lab.container("front", "web"), lab.container("shop", "web")
    for at, process in ((EDGE, edge), (WEB, front), (SHOP, shop)):
        lab.listen(at, process)
    for name, request, status in (("good", ASKED, 200), ("denied", DENIED, 403)):
        port, tls = len(lab.clients) + 40001, Tls()
        first = lab.tcp("client", ("10.0.0.9", port), "mid", EDGE, reader=edge).open()
        second = lab.tcp("mid", ("10.0.0.2", port), "web", WEB, reader=front, writer=edge).open()
        steps = [
            ("up", tls.hello()),
            ("down", tls.reply()),
            ("up", tls.finish()),
            ("down", tls.reply()),
            ("up", tls.request(request)),
        ]
        for way, data in steps:
            for each in (first, second) if way == "up" else (second, first):
                getattr(each, way)(data)
        if handed_on and status == 200:
            lab.tcp("web", ("127.0.0.1", port), "web", SHOP, reader=shop, writer=front).open().up(MADE).down(OK)
        data = tls.answer(answer(status))
        second.down(data)
        first.down(data)
        lab.report(first, status, sent=request, token="", name=name)
        lab.tick(10)
    return lab.routes()[1]


def test_behind_a_pass_through_too() -> None:
    route = through_an_edge(handed_on=True)
    assert (route.stage, route.dispatched, route.stopped_by) == (Stage.REJECTED, False, "front")


def test_control_behind_a_pass_through_nothing_was_handed_on() -> None:
    route = through_an_edge(handed_on=False)
    assert (route.stage, route.dispatched) == (Stage.ANSWERED, None)


@pytest.mark.parametrize("made", [MADE, ASKED])
def test_a_proxy_that_made_a_request_anew_denies_by_itself(made: bytes) -> None:
    route = told(made)
    assert (route.stage, route.dispatched, route.stopped_by, route.stage_open) == (Stage.REJECTED, False, "front", "")


@pytest.mark.parametrize("made", [b"", b"GET /health HTTP/1.1\r\nHost: shop\r\n\r\n"])
def test_one_that_was_not_seen_to_do_so_may_have_a_handler(made: bytes) -> None:
    route = told(made)
    assert (route.stage, route.dispatched) == (Stage.ANSWERED, None)
    assert "whether a handler made the answer 403" in route.stage_open
