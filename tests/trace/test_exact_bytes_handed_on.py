"""What is learned of a proxy from exact bytes, which carry no token: that it hands requests on, and so refuses by itself."""

from __future__ import annotations

import pytest

from lab.model.routes import Route, Stage
from tests.trace.wire import OK, Lab, answer

WEB, SHOP = ("10.0.0.3", 8080), ("127.0.0.1", 3000)
ASKED = b"GET /orders HTTP/1.1\r\nHost: shop.example\r\n\r\n"
DENIED = b"GET /admin HTTP/1.1\r\nHost: shop.example\r\n\r\n"


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


@pytest.mark.parametrize("made", [b"GET /orders HTTP/1.1\r\nVia: 1.1 front\r\nHost: shop\r\n\r\n", ASKED])
def test_a_proxy_that_made_a_request_anew_denies_by_itself(made: bytes) -> None:
    route = told(made)
    assert (route.stage, route.dispatched, route.stopped_by, route.stage_open) == (Stage.REJECTED, False, "front", "")


@pytest.mark.parametrize("made", [b"", b"GET /health HTTP/1.1\r\nHost: shop\r\n\r\n"])
def test_one_that_was_not_seen_to_do_so_may_have_a_handler(made: bytes) -> None:
    route = told(made)
    assert (route.stage, route.dispatched) == (Stage.ANSWERED, None)
    assert "whether a handler made the answer 403" in route.stage_open
