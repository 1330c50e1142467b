"""The lab's application over loopback, fed byte by byte: what it reports, and in which order."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from app_config import Limits
from app_report import endpoint

from tests.app.running import HEAD, WAIT, Running, answer, value, words


def test_dispatch_comes_only_after_the_blank_line(app: Running) -> None:
    with app.connect() as sock:
        app.next("accepted")
        for number in range(len(HEAD) - 1):
            sock.sendall(HEAD[number : number + 1])
            assert app.next("read")["detail"] == "1"
        assert app.silent()
        sock.sendall(HEAD[-1:])
        lines = app.until("answered")
    assert words(lines) == ["read", "parsed", "dispatched", "answered"]
    assert {(line["token"], line["method"], line["target"]) for line in lines[1:]} == {("abc123", "GET", "/orders")}


def test_a_report_has_all_fields(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(HEAD)
        line = app.until("dispatched")[-1]
        assert line["peer"] == list(sock.getsockname())
    assert line["lab"] == "app/1"
    assert line["local"] == list(app.address)
    assert set(line) == {
        "lab", "time_ns", "event", "local", "peer", "token", "method", "target", "detail", "pid",
    }  # fmt: skip


def test_reports_never_go_back_in_time(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(HEAD)
        lines = app.until("answered")
    assert [line["time_ns"] for line in lines] == sorted(line["time_ns"] for line in lines)


def test_the_answer_says_what_was_asked(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        head, _, body = answer(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(body) == {
        "app": "lab", "method": "POST", "target": "/x", "body_bytes": 5, "body_sha256": hashlib.sha256(b"hello").hexdigest(),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
    ],
)
def test_a_faulty_head_is_rejected_without_dispatch(app: Running, data: bytes, status: int) -> None:
    with app.connect() as sock:
        sock.sendall(data)
        said = answer(sock)
    lines = app.until("closed")
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert "dispatched" not in words(lines)
    assert [line["detail"].split()[0] for line in lines if line["event"] == "rejected"] == [str(status)]


def test_a_faulty_body_is_rejected_after_dispatch(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        assert answer(sock).startswith(b"HTTP/1.1 400 ")
    seen = words(app.until("closed"))
    assert seen.index("dispatched") < seen.index("rejected")
    assert "answered" not in seen


def test_a_body_grown_too_long_is_rejected_after_dispatch() -> None:
    with Running(limits=Limits(body_bytes=10)) as app, app.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n")
        assert answer(sock).startswith(b"HTTP/1.1 413 ")


def test_an_unfinished_head_is_neither_rejected_nor_dispatched(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(HEAD[:-2])
        sock.shutdown(socket.SHUT_WR)
        assert answer(sock) == b""
    lines = app.until("closed")
    assert words(lines) == ["accepted", "read", "closed"]
    assert lines[-1]["detail"] == "in the middle of a head"


def test_a_head_that_takes_too_long_gets_408() -> None:
    with Running(limits=Limits(head_seconds=0.05)) as app:
        with app.connect() as sock:
            sock.sendall(HEAD[:-2])
            assert answer(sock).startswith(b"HTTP/1.1 408 ")
        assert "rejected" in words(app.until("closed"))
        with app.connect() as sock:
            assert answer(sock) == b""
        assert words(app.until("closed")) == ["accepted", "closed"]


def test_a_body_that_takes_too_long_gets_408_after_dispatch() -> None:
    with Running(limits=Limits(body_seconds=0.05)) as app, app.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
        assert answer(sock).startswith(b"HTTP/1.1 408 ")
        seen = words(app.until("closed"))
        assert seen.index("dispatched") < seen.index("rejected")


def test_requests_sent_together_are_answered_in_order(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(HEAD.replace(b"/orders", b"/1") + HEAD.replace(b"/orders", b"/2"))
        sock.shutdown(socket.SHUT_WR)
        said = answer(sock)
    lines = app.until("closed")
    assert said.index(b'"/1"') < said.index(b'"/2"')
    assert [line["target"] for line in lines if line["event"] == "dispatched"] == ["/1", "/2"]
    assert words(lines).count("read") == 1


def test_one_connection_carries_hundreds_of_requests(app: Running) -> None:
    with app.connect() as sock, sock.makefile("rb") as file:
        for _ in range(300):
            sock.sendall(HEAD)
            lines = list(iter(file.readline, b"\r\n"))
            size = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length"))
            assert json.loads(file.read(size))["target"] == "/orders"


def test_fifty_connections_at_a_time(app: Running) -> None:
    barrier = threading.Barrier(50)

    def ask(number: int) -> bool:
        with app.connect() as sock:
            barrier.wait(WAIT)
            sock.sendall(HEAD.replace(b"/orders", b"/%d" % number).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            return b'"/%d"' % number in answer(sock)

    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(ask, range(50)))


def test_a_head_request_gets_no_body(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        head, _, body = answer(sock).partition(b"\r\n\r\n")
    assert b"Content-Length" in head
    assert body == b""


def test_a_client_that_waits_for_100_gets_it(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"ok")
        assert answer(sock).startswith(b"HTTP/1.1 200 ")


def test_a_reset_ends_the_connection_and_is_told(app: Running) -> None:
    sock = app.connect()
    app.next("accepted")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()
    assert "ConnectionResetError" in app.next("closed")["detail"]


def test_addresses_are_written_in_their_canonical_form() -> None:
    assert endpoint(("::ffff:10.0.1.25", 80, 0, 0)) == ("10.0.1.25", 80)
    assert endpoint(("fe80::1%eth0", 80, 0, 2)) == ("fe80::1", 80)


def test_a_report_is_one_line_that_a_pipe_takes_whole(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(HEAD.replace(b"/orders", b"/" + b"x" * 9000).replace(b"abc123", b"\xe9" * 9000))
        sock.shutdown(socket.SHUT_WR)
        lines = app.until("closed")
    assert "parsed" in words(lines)
    assert all(len(json.dumps(line)) < 4096 for line in lines)


# Routes.


def ask(app: Running, head: bytes) -> tuple[bytes, list[dict[str, Any]]]:
    with app.connect() as sock:
        sock.sendall(head)
        sock.shutdown(socket.SHUT_WR)
        return answer(sock), app.until("closed")


def get(target: bytes, *fields: bytes) -> bytes:
    return b"".join(b"%s\r\n" % line for line in (b"GET %s HTTP/1.1" % target, b"Host: a.example", *fields)) + b"\r\n"


def test_what_no_route_fits_is_parsed_and_never_dispatched(app: Running) -> None:
    said, lines = ask(app, get(b"/missing/x?y"))
    assert said.startswith(b"HTTP/1.1 404 ")
    assert words(lines) == ["accepted", "read", "parsed", "rejected", "closed"]
    said, lines = ask(app, get(b"/missinglink"))
    assert said.startswith(b"HTTP/1.1 200 ")
    assert "dispatched" in words(lines)


def test_a_connection_goes_on_after_what_no_route_fits(app: Running) -> None:
    said, lines = ask(app, get(b"/missing") + get(b"/x"))
    assert said.count(b"HTTP/1.1 404 ") == said.count(b"HTTP/1.1 200 ") == 1
    assert [line["target"] for line in lines if line["event"] == "dispatched"] == ["/x"]


def test_a_connection_ends_after_a_refusal_whose_body_is_still_to_come(app: Running) -> None:
    said, _ = ask(app, b"POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get(b"/x"))
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in said


def test_an_echo_has_the_headers_as_they_came_and_believes_them(app: Running) -> None:
    said, _ = ask(app, get(b"/echo", b"X-Forwarded-For: 203.0.113.9, 10.0.0.1", b"X-Forwarded-Proto: https"))
    found = value(said)
    assert ["X-Forwarded-Proto", "https"] in found["headers"]
    assert found["believes"] == {"client": "203.0.113.9", "scheme": "https", "host": "a.example"}


def test_without_such_headers_an_echo_believes_the_connection(app: Running) -> None:
    said, _ = ask(app, get(b"/echo"))
    assert value(said)["believes"] == {"client": "127.0.0.1", "scheme": "http", "host": "a.example"}


def test_a_query_without_a_database_is_dispatched_and_fails(app: Running) -> None:
    said, lines = ask(app, get(b"/query"))
    assert said.startswith(b"HTTP/1.1 503 ")
    assert "dispatched" in words(lines)
    assert "queried" not in words(lines)
