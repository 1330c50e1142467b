"""An answer that came back to a proxy and not to the client: the request got as far as its handler, and no further."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.model.routes import Route, Stage
from tests.trace.arrangements import SHOP, WEB, Site
from tests.trace.wire import OK, Conversation, Lab

CLIENT = ("10.0.0.9", 40000)
ASKED = b"GET /orders HTTP/1.1\r\nHost: shop.example\r\n\r\n"


class Dispatched(Site):
    """A request that came to the front has entered the shop's handler."""

    def __init__(self, *, watched: bool = False) -> None:
        super().__init__()
        self.browser = self.lab.container("browser", "client", 900) if watched else None
        self.outer = self.lab.tcp("client", CLIENT, "web", WEB, reader=self.front, writer=self.browser).open().up(ASKED)
        self.inner = self.carried(50000)

    def carried(self, port: int) -> Conversation:
        talk = self.lab.tcp("web", ("127.0.0.1", port), "web", SHOP, reader=self.shop, writer=self.front).open().up(ASKED)
        for event in ("parsed", "dispatched"):
            self.lab.app(event, self.shop, talk, token="")
        return talk

    def told(self, status: int | None) -> Route:
        self.lab.report(self.outer, status, sent=ASKED, token="")
        [route] = self.lab.routes()
        return route


def test_an_answer_that_a_proxy_keeps_is_no_answer() -> None:
    site = Dispatched()
    site.inner.down(OK)
    route = site.told(None)
    assert (route.stage, route.dispatched, route.stopped_by, route.answered_by) == (Stage.DISPATCHED, True, "front", None)
    assert "stopped at dispatched, by front, because the answer 200 of shop (packets/web" in route.diagnosis
    assert "came to front, which sent none on" in route.diagnosis


def test_one_that_it_hands_on_is() -> None:
    site = Dispatched()
    site.inner.down(OK)
    site.outer.down(OK)
    route = site.told(200)
    assert (route.stage, route.dispatched, route.stopped_by, route.answered_by) == (Stage.ANSWERED, True, None, "shop")


def test_a_handler_that_has_not_answered_is_who_keeps_it() -> None:
    route = Dispatched().told(None)
    assert (route.stage, route.stopped_by) == (Stage.DISPATCHED, "shop")
    assert "a handler was entered" in route.diagnosis


def test_a_proxy_whose_client_went_with_a_reset_kept_nothing() -> None:
    site = Dispatched()
    site.outer.packet("up", "RA")
    site.inner.down(OK)
    route = site.told(None)
    assert (route.stage, route.dispatched, route.stopped_by) == (Stage.DISPATCHED, True, "client")
    assert "it was reset by client" in route.diagnosis


def test_of_two_that_were_asked_one_has_not_answered() -> None:
    site = Dispatched()
    site.inner.down(OK)
    site.carried(50001)
    route = site.told(None)
    assert (route.stage, route.stopped_by) == (Stage.DISPATCHED, "shop")
    assert "sent none on" not in route.diagnosis


def test_an_answer_to_a_socket_that_its_client_has_closed_reaches_nobody() -> None:
    site = Dispatched()
    site.inner.down(OK)
    site.outer.fin().down(OK).packet("up", "R")
    route = site.told(None)
    assert (route.stage, route.dispatched, route.answered_by, route.counts.answers) == (Stage.DISPATCHED, True, None, 0)


def test_one_behind_a_half_close_is_taken() -> None:
    site = Dispatched()
    site.inner.down(OK)
    site.outer.fin().down(OK)
    route = site.told(None)
    assert (route.stage, route.answered_by, route.counts.answers) == (Stage.ANSWERED, "shop", 1)


def test_a_reset_behind_an_answer_that_was_received_takes_nothing_away() -> None:
    site = Dispatched()
    site.inner.down(OK)
    site.outer.fin().down(OK).packet("up", "R")
    route = site.told(200)
    assert (route.stage, route.answered_by, route.counts.answers) == (Stage.ANSWERED, "shop", 1)


def lost(site: Dispatched, *, came: bool, waits: int = 0) -> Route:
    """The front hands the answer on, and the client's kernel does not take it."""
    site.inner.down(OK)
    if came:
        site.outer.acknowledged = False
        site.outer.down(OK, read=False)
    site.lab.tick(10)
    site.lab.row("web", "ESTAB", WEB, CLIENT, (site.front.pid,), send_q=len(OK))
    site.lab.row("client", "ESTAB", CLIENT, WEB, (), recv_q=waits)
    return site.told(None)


@pytest.mark.parametrize("came", [True, False])
def test_an_answer_that_is_lost_or_held_on_the_way_has_not_come_and_nobody_kept_it(*, came: bool) -> None:
    route = lost(Dispatched(), came=came)
    assert (route.stage, route.dispatched, route.stopped_by, route.answered_by) == (Stage.DISPATCHED, True, None, None)
    assert f"front answered, and {len(OK)} bytes that it sent are not acknowledged (sockets.jsonl:" in route.diagnosis
    assert route.counts.answers == 0


def test_control_what_lies_unread_at_the_client_has_come() -> None:
    assert lost(Dispatched(), came=True, waits=len(OK)).stage is Stage.ANSWERED


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(("more", "stage"), [(0, Stage.DISPATCHED), (len(OK), Stage.ANSWERED)])
def test_what_lies_unread_from_before_the_answer_is_not_the_answer(more: int, stage: Stage) -> None:
    site = Dispatched(watched=True)
    site.outer.down(CONTINUE, read=False)
    site.lab.event("read", site.browser, site.outer.sockets[0], size=10)
    assert lost(site, came=True, waits=len(CONTINUE) - 10 + more).stage is stage


def test_the_answer_of_a_handler_without_a_proxy_is_lost_too() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    shop = lab.container("shop", "web")
    lab.listen(WEB, shop)
    talk = lab.tcp("client", CLIENT, "web", WEB, reader=shop).open().up(ASKED)
    for event in ("parsed", "dispatched", "answered"):
        lab.app(event, shop, talk, token="")
    lab.tick(10)
    lab.row("web", "ESTAB", WEB, CLIENT, (shop.pid,), send_q=80)
    lab.report(talk, None, sent=ASKED, token="")
    [route] = lab.routes()
    assert (route.stage, route.stopped_by, route.dispatched) == (Stage.DISPATCHED, None, True)
    assert "shop answered, and 80 bytes that it sent are not acknowledged" in route.diagnosis


def test_a_request_that_is_on_the_way_is_not_left_out_by_its_sender() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    shop = lab.container("shop", "web")
    lab.listen(WEB, shop)
    talk = lab.tcp("client", CLIENT, "web", WEB, reader=shop).open()
    lab.row("web", "ESTAB", WEB, CLIENT, (shop.pid,))
    lab.row("client", "ESTAB", CLIENT, WEB, (), send_q=len(ASKED))
    lab.report(talk, None, sent=ASKED, token="")
    [route] = lab.routes()
    assert (route.stage, route.stopped_by) == (Stage.ACCEPTED, None)
    assert f"of client, {len(ASKED)} bytes that it sent are not acknowledged" in route.diagnosis
    lab.rows[-1] = replace(lab.rows[-1], send_q=0)
    [control] = lab.routes()
    assert control.stopped_by == "client"


def test_a_later_answer_on_a_connection_that_does_not_come_is_not_the_earlier_one() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    shop = lab.container("shop", "web")
    lab.listen(WEB, shop)
    talk = lab.tcp("client", CLIENT, "web", WEB, reader=shop).open().up(ASKED).down(OK)
    talk.up(ASKED)
    talk.acknowledged = False
    talk.down(OK)
    lab.report(talk, 200, sent=ASKED + ASKED, token="")
    lab.clients[-1] = replace(lab.clients[-1], answers=1)
    [route] = lab.routes()
    assert (route.stage, route.counts.answers) == (Stage.PARSED, 1)
    lab.clients[-1] = replace(lab.clients[-1], answers=2)
    assert lab.routes()[0].counts.answers == 2
