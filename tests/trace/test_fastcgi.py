"""FastCGI on the wire: told from everything else, one byte at a time, and a status where one can be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.model.routes import Stage
from lab.trace.fastcgi import answer, asks, content
from lab.trace.http import Status
from tests.trace.wire import OK, TOKEN, Lab, get


def record(kind: int, content: bytes, padding: int = 0) -> bytes:
    """One record of request 1 (FastCGI Specification, section 3.3)."""
    return bytes([1, kind, 0, 1]) + len(content).to_bytes(2, "big") + bytes([padding, 0]) + content + bytes(padding)


def pair(name: bytes, value: bytes) -> bytes:
    return bytes([len(name), len(value)]) + name + value


BEGUN = record(1, bytes([0, 1, 0, 0, 0, 0, 0, 0]))
PARAMS = record(4, pair(b"REQUEST_URI", b"/orders") + pair(b"HTTP_LAB_PROBE", TOKEN.encode()), 3) + record(4, b"")
REQUEST = BEGUN + PARAMS + record(5, b"")
HEAD = b"Content-type: text/html\r\n\r\nhello"
ANSWER = record(6, HEAD, 5) + record(6, b"") + record(3, bytes(8))


def test_a_request_is_known_by_its_first_record_and_by_no_less() -> None:
    assert [asks(REQUEST[:n]) for n in range(12)] == [False] * 10 + [True] * 2
    assert not any(asks(other) for other in (get(), OK, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", PARAMS, ANSWER))
    assert not asks(record(1, bytes([0, 9, 0, 0, 0, 0, 0, 0])))
    assert not asks(BEGUN.replace(bytes([1, 1, 0, 1]), bytes([1, 1, 0, 0]), 1))


def test_an_answer_is_told_when_its_head_is_whole() -> None:
    told = [answer(ANSWER[:n]) for n in range(len(ANSWER) + 1)]
    whole = 8 + len(HEAD)
    assert told[:whole] == [None] * whole
    assert set(told[whole:]) == {Status(200, "fastcgi", 0)}


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"Status: 404 Not Found\r\nA: b\r\n\r\n", 404),
        (b"A: b\nstatus:503\n\n", 503),
        (b"X-Status: 404\r\n\r\n", 200),
        (b"A: b", 200),
    ],
)
def test_the_status_is_a_field_of_its_own_or_200(head: bytes, code: int) -> None:
    data = record(6, head[:5]) + record(7, b"Status: 500") + record(6, head[5:]) + record(3, bytes(8))
    assert answer(data) == Status(code, "fastcgi", 0)


def test_an_end_without_output_is_no_answer() -> None:
    assert answer(record(7, b"a warning") + record(3, bytes(8))) is None
    assert answer(b"HTTP/1.1 200 OK\r\n\r\n") is None


def test_a_route_over_fastcgi() -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, php = lab.container("proxy", "edge", 2007), lab.container("php", "web", 3001)
    lab.listen(("0.0.0.0", 80), proxy)
    lab.listen(("0.0.0.0", 9000), php)
    first = lab.tcp("client", ("10.0.0.9", 40000), "edge", ("10.0.0.2", 80), reader=proxy)
    second = lab.tcp("edge", ("10.0.0.2", 50000), "web", ("10.0.0.3", 9000), reader=php, writer=proxy)
    first.open().up(get())
    second.open().up(REQUEST)
    lab.app("dispatched", php, second)
    second.down(ANSWER).fin()
    first.down(OK)
    lab.report(first)
    route = lab.route()
    assert [(hop.container, hop.protocol, hop.clear) for hop in route.hops] == [
        ("proxy", "http/1.1", True),
        ("php", "fastcgi", True),
    ]
    assert (route.stage, route.dispatched, route.answered_by) == (Stage.ANSWERED, True, "php")


def test_the_content_is_told_when_the_answer_is_whole_and_the_only_one() -> None:
    assert [content(REQUEST, ANSWER[:n]) for n in (0, 20, len(ANSWER) - 1, len(ANSWER))] == [None, None, None, b"hello"]
    assert content(REQUEST + REQUEST, ANSWER) is None


@pytest.mark.parametrize(("page", "maker"), [(b"hello", "php"), (b"sorry", None)])
def test_a_page_of_the_web_servers_own_is_not_said_to_come_from_fastcgi(page: bytes, maker: str | None) -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, php = lab.container("proxy", "edge", 2007), lab.container("php", "web", 3001)
    first = lab.tcp("client", ("10.0.0.9", 40000), "edge", ("10.0.0.2", 80), reader=proxy)
    second = lab.tcp("edge", ("10.0.0.2", 50000), "web", ("10.0.0.3", 9000), reader=php, writer=proxy)
    first.open().up(get())
    second.open().up(REQUEST).down(ANSWER).fin()
    first.down(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + page)
    lab.report(first)
    lab.clients = [replace(lab.clients[0], body=page)]
    assert lab.route().answered_by == maker
