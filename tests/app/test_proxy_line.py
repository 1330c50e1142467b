"""The PROXY header, whole and in pieces; and what is none."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from app_config import Limits
from app_proxy_line import Introduced, ProxyLineError, read_line
from hypothesis import given
from hypothesis import strategies as st

from tests.app.running import HEAD, Running, answer, value, words

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def binary(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes([0x20 | command, family]) + len(body).to_bytes(2) + body


def addresses(source: str, destination: str, port: int) -> bytes:
    return ip_address(source).packed + ip_address(destination).packed + port.to_bytes(2) + (443).to_bytes(2)


GOOD = {
    b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\r\n": ("203.0.113.9", 5000),
    b"PROXY TCP6 2001:db8::9 ::1 65535 443\r\n": ("2001:db8::9", 65535),
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n": None,
    binary(1, 0x11, addresses("203.0.113.9", "10.0.0.1", 5000)): ("203.0.113.9", 5000),
    binary(1, 0x21, addresses("2001:db8::9", "::1", 5000) + b"\x04\x00\x02hi"): ("2001:db8::9", 5000),
    binary(1, 0x31, b"x" * 216): None,
    binary(0, 0x00, b""): None,
}


@pytest.mark.parametrize(("header", "source"), GOOD.items())
def test_a_good_header_is_read_as_soon_as_it_is_whole(header: bytes, source: tuple[str, int] | None) -> None:
    assert [read_line(header[:size]) for size in range(len(header))] == [None] * len(header)
    assert read_line(header) == read_line(header + b"GET / HTTP/1.1\r\n") == Introduced(len(header), source)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 5000\r\n",
        b"PROXY TCP4 2001:db8::9 ::1 5000 443\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 70000 443\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\n",
        b"proxy TCP4 203.0.113.9 10.0.0.1 5000 443\r\n",
        b"PROXY " + b"x" * 101,
        b"PROXY UNKNOWN" + b"x" * 200 + b"\r\n",
        SIGNATURE + b"\x11\x11\x00\x00",
        SIGNATURE + b"\x22\x11\x00\x00",
        binary(1, 0x11, b"short"),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(ProxyLineError):
        read_line(data)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_value_or_more_or_an_error(data: bytes) -> None:
    for begin in (b"", b"PROXY ", SIGNATURE):
        try:
            found = read_line(begin + data)
        except ProxyLineError:
            continue
        assert found is None or found.size <= len(begin + data)


LINE = b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\r\n"


def test_the_request_may_come_together_with_the_line() -> None:
    with Running(proxy_protocol=True) as app, app.connect() as sock:
        sock.sendall(LINE + b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert value(answer(sock))["believes"]["client"] == "203.0.113.9"
        lines = app.until("closed")
        assert words(lines) == ["accepted", "read", "parsed", "dispatched", "answered", "closed"]
        assert {tuple(line["peer"]) for line in lines} == {sock.getsockname()}


def test_the_line_may_come_byte_by_byte() -> None:
    with Running(proxy_protocol=True) as app, app.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for one in LINE + HEAD:
            sock.sendall(bytes([one]))
        assert words(app.until("answered"))[-3:] == ["parsed", "dispatched", "answered"]


@pytest.mark.parametrize("data", [HEAD, LINE[:-2]])
def test_a_connection_without_a_line_is_closed_without_an_answer(data: bytes) -> None:
    with Running(proxy_protocol=True) as app, app.connect() as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        assert answer(sock) == b""
        lines = app.until("closed")
        assert words(lines) == ["accepted", "read", "closed"]
        assert lines[-1]["detail"].startswith("no PROXY line: ")


def test_a_line_that_does_not_come_is_not_waited_for_for_ever() -> None:
    with Running(proxy_protocol=True, limits=Limits(head_seconds=0.05)) as app, app.connect() as sock:
        assert answer(sock) == b""
        assert app.until("closed")[-1]["detail"].startswith("TimeoutError")


def test_a_line_that_nobody_asked_for_is_a_bad_request(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(LINE + HEAD)
        assert answer(sock).startswith(b"HTTP/1.1 400 ")
        assert "dispatched" not in words(app.until("closed"))
