"""A probe that begins before the clock's tolerance for the one before it has run out: what its request caused is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.trace import trace
from tests.trace.arrangements import SHOP, WEB, Site
from tests.trace.wire import OK, STEP, Conversation, Process, answer, without

if TYPE_CHECKING:
    from lab.model.routes import Route

ASKED = b"POST /orders HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
MADE = b"POST /orders HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
LESS = [{}, {"kernel": True}, {"sockets": True}, {"kernel": True, "sockets": True}]
CARRIED = ["same process wrote it", "time alone"]


class Bytes(Site):
    """Exact bytes without a token that come to the front."""

    def asked(self, port: int) -> Conversation:
        return self._said(("10.0.0.9", port), "client", WEB, ASKED, self.front)

    def carried(self, port: int, made: bytes = MADE) -> Conversation:
        return self._said(("127.0.0.1", port), "web", SHOP, made, self.shop, self.front).down(OK)

    def _said(
        self, client: tuple[str, int], source: str, server: tuple[str, int], data: bytes, reader: Process,
        writer: Process | None = None,
    ) -> Conversation:  # fmt: skip
        talk = self.lab.tcp(source, client, "web", server, reader=reader, writer=writer).open().up(data)
        self.lab.row("web", "ESTAB", server, client, (reader.pid,))
        if writer:
            self.lab.row("web", "ESTAB", client, server, (writer.pid,))
        return talk

    def done(self, talk: Conversation, status: int, name: str) -> None:
        talk.down(OK if status == 200 else answer(status))
        self.lab.report(talk, status, sent=ASKED, token="", name=name)
        talk.fin().fin("down")


def carried_on(route: Route) -> list[str]:
    """What is left open about whether it was carried on, and by whom it was answered."""
    return [question for question in route.open_questions if "carried" in question]


@pytest.mark.parametrize("less", LESS)
def test_each_of_two_that_were_carried_on_has_its_own(less: dict[str, bool]) -> None:
    site = Bytes()
    for number in (1, 2):
        talk = site.asked(40000 + number)
        site.carried(50000 + number)
        site.done(talk, 200, f"probe-{number}")
    routes = trace(without(site.lab.seen(), **less))
    assert [[hop.peer for hop in route.hops] for route in routes] == [
        [f"10.0.0.9:4000{number}", f"127.0.0.1:5000{number}"] for number in (1, 2)
    ]
    assert all(route.hops[1].joined_by in CARRIED for route in routes)
    assert not [question for route in routes for question in carried_on(route)]


@pytest.mark.parametrize("less", LESS)
@pytest.mark.parametrize("made", [MADE, ASKED], ids=["written-anew", "as-it-came"])
def test_one_that_was_refused_is_not_carried_on_by_the_next(made: bytes, less: dict[str, bool]) -> None:
    site = Bytes()
    site.done(site.asked(40001), 400, "refused")
    talk = site.asked(40002)
    site.carried(50002, made)
    site.done(talk, 200, "next")
    refused, after = trace(without(site.lab.seen(), **less))
    assert [hop.peer for hop in refused.hops] == ["10.0.0.9:40001"]
    assert not carried_on(refused)
    assert [hop.peer for hop in after.hops] == ["10.0.0.9:40002", "127.0.0.1:50002"]


@pytest.mark.parametrize("less", LESS)
def test_the_one_before_was_carried_on_just_before(less: dict[str, bool]) -> None:
    site = Bytes()
    talk = site.asked(40001)
    site.carried(50001)
    site.done(talk, 200, "before")
    site.done(site.asked(40002), 400, "refused")
    before, refused = trace(without(site.lab.seen(), **less))
    assert [hop.peer for hop in before.hops] == ["10.0.0.9:40001", "127.0.0.1:50001"]
    assert [hop.peer for hop in refused.hops] == ["10.0.0.9:40002"]
    assert not carried_on(refused)


def test_two_at_once_are_not_told_apart_by_guessing() -> None:
    site = Bytes()
    one, two = site.asked(40001), site.asked(40002)
    site.carried(50001)
    site.carried(50002)
    for talk, name in ((one, "one"), (two, "two")):
        talk.down(OK)
        site.lab.report(talk, 200, sent=ASKED, token="", name=name, started=one.begun - STEP)
    for route in trace(site.lab.seen()):
        assert [hop.container for hop in route.hops] == ["front"]
        assert len(route.open_questions) > 0


def test_what_is_begun_after_the_end_with_nobody_else_there_is_still_the_probe_s() -> None:
    site = Bytes()
    site.done(site.asked(40001), 400, "only")
    site.carried(50001)
    [route] = site.lab.routes()
    assert [hop.peer for hop in route.hops] == ["10.0.0.9:40001", "127.0.0.1:50001"]
