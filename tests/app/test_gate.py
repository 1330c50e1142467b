"""What a listener refuses before a route is looked for."""

from __future__ import annotations

import re
import socket

import pytest
from app_config import Rate
from app_gate import Gate

from tests.app.running import HEAD, Running, answer, words


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("target", "refused"),
    [("/admin", True), ("/admin/x", True), ("/administrator", True), ("/adm", False)],
)
def test_a_denied_prefix(target: str, refused: bool) -> None:
    assert (Gate(("/admin",)).refusal(target, "a") == (403, "/admin is denied")) == refused


def test_so_many_requests_in_so_many_seconds_from_one_address() -> None:
    clock = Clock()
    gate = Gate(rate=Rate(2, 10), now=clock)
    assert [gate.refusal("/", "a") for _ in range(2)] == [None, None]
    assert gate.refusal("/", "a") == (429, "more than 2 requests in 10 s")
    assert gate.refusal("/", "b") is None
    clock.now += 9.9
    assert gate.refusal("/", "a") is not None
    clock.now += 0.1
    assert gate.refusal("/", "a") is None


def test_a_refused_request_counts_for_nothing() -> None:
    clock = Clock()
    gate = Gate(("/admin",), Rate(1, 10), clock)
    assert [gate.refusal("/admin", "a"), gate.refusal("/", "a")] == [(403, "/admin is denied"), None]


def test_what_is_refused_reaches_no_handler() -> None:
    with Running(deny=("/orders",)) as app, app.connect() as sock:
        sock.sendall(HEAD)
        sock.shutdown(socket.SHUT_WR)
        assert answer(sock).startswith(b"HTTP/1.1 403 ")
        assert words(app.until("closed")) == ["accepted", "read", "parsed", "rejected", "closed"]


def test_what_comes_too_fast_gets_429_and_the_first_does_not() -> None:
    with Running(rate=Rate(1, 60)) as app, app.connect() as sock:
        sock.sendall(HEAD + HEAD)
        sock.shutdown(socket.SHUT_WR)
        assert re.findall(rb"HTTP/1.1 (\d+) ", answer(sock)) == [b"200", b"429"]
        assert words(app.until("closed")).count("dispatched") == 1
