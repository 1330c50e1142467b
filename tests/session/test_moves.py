"""A request that did not get in: the next move is told, and of one that did none."""

from __future__ import annotations

import pytest

from lab.model.asked import Asked
from lab.model.observations import ClientError, Inventory, PublishedPort
from lab.session.moves import after

ASKED = Asked(("shop.example", 443), url="https://shop.example/")
WITH_PORT = Inventory((), (), published=(PublishedPort("proxy", 8443, "127.0.0.1", 18443),))


@pytest.mark.parametrize(
    ("during", "kind", "text", "move"),
    [
        ("resolve", "unreachable", "[Errno -2] Name or service not known", "--resolve shop.example:443:ADDRESS"),
        ("connect", "refused", "[Errno 111] Connection refused", "published are 127.0.0.1:18443 → 8443 of proxy"),
        ("tls", "certificate", "self-signed certificate", "--cacert FILE"),
        ("tls", "other", "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "try the URL with http://"),
        ("receive", "alert", "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "--cert FILE"),
    ],
)
def test_the_next_move_is_told(during: str, kind: str, text: str, move: str) -> None:
    [told] = after(ASKED, ClientError(during, kind, text), WITH_PORT)
    assert move in told


def test_where_nothing_is_published_another_way_in_is_told() -> None:
    [told] = after(ASKED, ClientError("connect", "refused", ""), Inventory((), ()))
    assert "--from client" in told


def test_control_of_a_stop_further_on_the_route_says_enough() -> None:
    assert after(ASKED, ClientError("receive", "timeout", "timed out"), WITH_PORT) == ()
