"""Requests that nobody of the lab sent: each is told once, from where it came in, and no word of a client is made up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.model.routes import Stage, TlsAtHop, Witness
from lab.trace import watched as watching
from lab.trace.watched import watched
from tests.trace.wire import OK, Conversation, Lab, Tls, answer, passed, speak

GET = b"GET /%d HTTP/1.1\r\nHost: shop\r\n\r\n"


def shop(*, outside: bool = True) -> tuple[Lab, Conversation, Conversation]:
    """Somebody → proxy → app. `outside`: no namespace has the address that it comes from."""
    lab = Lab(host="10.0.0.1", proxy="10.0.0.2", app="10.0.0.3")
    proxy, app = lab.container("proxy", "proxy", 1000), lab.container("app", "app", 2000)
    source = ("192.0.2.7", 40000) if outside else ("10.0.0.1", 40000)
    first = lab.tcp("" if outside else "host", source, "proxy", ("10.0.0.2", 80), reader=proxy)
    second = lab.tcp("proxy", ("10.0.0.2", 50000), "app", ("10.0.0.3", 8080), reader=app, writer=proxy)
    return lab, first, second


@pytest.mark.parametrize("outside", [True, False])
def test_a_request_that_passes_is_told_once_from_where_it_came_in(outside: bool) -> None:
    lab, first, second = shop(outside=outside)
    first.open().up(GET % 1)
    second.open().up(GET % 1).down(OK)
    first.down(OK)
    [route] = watched(lab.seen()).routes
    assert (route.probe, route.status, route.answered_by, route.stage) == ("GET /1", 200, "app", Stage.ANSWERED)
    assert [hop.container for hop in route.hops] == ["proxy", "app"]


def test_no_client_is_cited_for_it() -> None:
    lab, first, _ = shop()
    first.open().up(GET % 1).down(OK)
    [route] = watched(lab.seen()).routes
    told = [*route.evidence, *(e for hop in route.hops for e in hop.evidence)]
    assert told
    assert Witness.CLIENT not in {e.witness for e in told}


def test_each_request_on_a_connection_is_told() -> None:
    lab, first, second = shop()
    first.open()
    second.open()
    for number, status in ((1, 200), (2, 404)):
        first.up(GET % number)
        second.up(GET % number).down(answer(status))
        first.down(answer(status))
    routes = watched(lab.seen()).routes
    assert [(r.probe, r.status, [h.container for h in r.hops]) for r in routes] == [
        ("GET /1", 200, ["proxy", "app"]), ("GET /2", 404, ["proxy", "app"]),
    ]  # fmt: skip


def test_a_connection_with_tls_is_told_as_one_and_followed_to_where_it_ends() -> None:
    lab, first, second = shop()
    first.open()
    second.open()
    passed(lab, first, second, Tls(), GET % 1, OK)
    [route] = watched(lab.seen()).routes
    assert route.probe == "TLS for shop.example"
    assert [hop.tls for hop in route.hops] == [TlsAtHop.PASSED_THROUGH, TlsAtHop.ENDED]
    assert route.status is None


def test_behind_tls_that_ended_the_request_is_followed_by_the_process() -> None:
    lab, first, second = shop()
    tls = Tls()
    speak(first.open(), tls, GET % 1)
    second.open().up(GET % 1).down(OK)
    first.down(tls.answer(OK))
    [route] = watched(lab.seen()).routes
    assert ([hop.container for hop in route.hops], route.answered_by) == (["proxy", "app"], "app")


def test_what_a_container_asks_of_its_own_accord_is_told_too() -> None:
    lab, _, second = shop()
    second.open().up(GET % 7).down(OK)
    [route] = watched(lab.seen()).routes
    assert (route.probe, [hop.container for hop in route.hops]) == ("GET /7", ["app"])


def test_control_others_traffic_on_the_host_is_not_told() -> None:
    lab, _, _ = shop()
    lab.tcp("host", ("127.0.0.1", 40001), "host", ("127.0.0.1", 5432)).open().up(GET % 1).down(OK)
    assert watched(lab.seen()).routes == ()


def test_a_refused_connection_is_told() -> None:
    lab, first, _ = shop()
    first.syn().refuse()
    [route] = watched(lab.seen()).routes
    assert (route.stage, route.stopped_by) == (Stage.REFUSED, "kernel of proxy")


def test_more_than_can_be_told_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST", 2)
    lab, first, _ = shop()
    first.open()
    for number in range(5):
        first.up(GET % number).down(OK)
    found = watched(lab.seen())
    assert (len(found.routes), found.more) == (2, 3)


def test_nothing_passed_is_nothing_told() -> None:
    lab, _, _ = shop()
    assert watched(replace(lab.seen(), clients=())) == watching.Watched((), 0)
