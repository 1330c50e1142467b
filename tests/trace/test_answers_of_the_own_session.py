"""What came back inside the client's own TLS session, and whose status it is where bytes that are no request got an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.model.observations import Secret
from lab.model.routes import Route, Stage
from lab.trace import trace
from tests.trace.wire import OK, Lab, Tls, answer, passed, speak

if TYPE_CHECKING:
    from pathlib import Path

WEB, EDGE, CLIENT = ("10.0.0.3", 8443), ("10.0.0.2", 443), ("10.0.0.9", 40000)
HALF = b"POST /orders HTTP/1.1\r\nHost: shop.ex"
ASKED = b"GET /orders HTTP/1.1\r\nHost: shop.example\r\n\r\n"
JUNK = b"no request\r\n\r\n"
LONG_TICKETS = b"x" * 460
"""Two session tickets of BoringSSL come in one record, longer than an answer may be."""


def secrets(keys: Path) -> tuple[Secret, ...]:
    lines = [line.split() for line in keys.read_text().splitlines() if not line.startswith("#")]
    return tuple(Secret(a, bytes.fromhex(b), bytes.fromhex(c)) for a, b, c in lines)


def through_an_edge(keys: Path, request: bytes, came: bytes, status: int | None, answers: int) -> Route:
    """TLS from the client through an edge that passes it on; the client tells `status`, the last of `answers`."""
    lab, tls = Lab(client="10.0.0.9", mid="10.0.0.2", web="10.0.0.3"), Tls(keys=str(keys))
    edge, front = lab.container("edge", "mid"), lab.container("front", "web")
    lab.listen(EDGE, edge)
    lab.listen(WEB, front)
    first = lab.tcp("client", CLIENT, "mid", EDGE, reader=edge).open()
    second = lab.tcp("mid", ("10.0.0.2", 50000), "web", WEB, reader=front, writer=edge).open()
    passed(lab, first, second, tls, request, came)
    lab.report(first, status, sent=request, token="")
    lab.clients[-1] = replace(lab.clients[-1], answers=answers)
    [route] = trace(replace(lab.seen(), secrets=secrets(keys)))
    return route


def test_long_tickets_are_no_answer_to_a_client_that_got_none(tmp_path: Path) -> None:
    route = through_an_edge(tmp_path / "keys", HALF, LONG_TICKETS, None, 0)
    assert (route.stage, route.dispatched) == (Stage.HEAD_INCOMPLETE, False)


def test_control_a_refusal_that_the_client_did_not_wait_for_is_one(tmp_path: Path) -> None:
    route = through_an_edge(tmp_path / "keys", HALF, answer(400), None, 0)
    assert (route.stage, route.stopped_by, route.dispatched) == (Stage.REJECTED, "front", False)
    assert (route.answered_by, route.status) == ("front", None)


@pytest.mark.parametrize(("gone", "stage"), [(True, Stage.HEAD_INCOMPLETE), (False, Stage.REJECTED)])
def test_an_answer_to_a_closed_socket_is_none_in_tls_either(tmp_path: Path, gone: bool, stage: Stage) -> None:
    lab, tls, keys = Lab(client="10.0.0.9", web="10.0.0.3"), Tls(keys=str(tmp_path / "keys")), tmp_path / "keys"
    lab.listen(WEB, front := lab.container("front", "web"))
    talk = speak(lab.tcp("client", CLIENT, "web", WEB, reader=front).open(), tls, HALF)
    if gone:
        talk.packet("up", "FA")
    talk.down(tls.answer(answer(400)))
    if gone:
        talk.packet("up", "R")
    lab.report(talk, None, sent=HALF, token="")
    [route] = trace(replace(lab.seen(), secrets=secrets(keys)))
    assert route.stage is stage


@pytest.mark.parametrize(("sent", "status"), [(ASKED + JUNK, 200), (ASKED + ASKED, 400)])
def test_the_status_is_that_of_the_request_that_is_meant(tmp_path: Path, sent: bytes, status: int) -> None:
    assert through_an_edge(tmp_path / "keys", sent, OK + answer(400), 400, 2).status == status


@pytest.mark.parametrize(("sent", "status"), [(ASKED + JUNK, 200), (ASKED + ASKED, 400)])
def test_in_clear_too(sent: bytes, status: int) -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    lab.listen(WEB, front := lab.container("front", "web"))
    talk = lab.tcp("client", CLIENT, "web", WEB, reader=front).open().up(sent).down(OK).down(answer(400))
    lab.report(talk, 400, sent=sent, token="")
    lab.clients[-1] = replace(lab.clients[-1], answers=2)
    assert lab.route().status == status
