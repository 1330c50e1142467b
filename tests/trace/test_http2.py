"""HTTP/2 in clear as real libraries write it: a token in packed headers, the stream that has it, the status of its answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from lab.model.routes import Stage
from lab.trace import http2
from tests.trace.wire import Lab

TOKEN = "5f3a9c01deadbeef"  # noqa: S105 - a probe's token
OTHER = "0123456789abcdef"


@given(st.text("0123456789abcdef", min_size=1, max_size=40))
def test_a_token_is_packed_as_every_library_packs_it(token: str) -> None:
    assert http2.packed(token) == HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(token.encode())


@pytest.mark.parametrize("token", ["", "CAFE", "0x"])
def test_control_what_is_no_hex_digits_is_not_packed(token: str) -> None:
    assert http2.packed(token) == b""


class Session:
    """Both sides of one connection, and the bytes that each put on the wire."""

    def __init__(self) -> None:
        self.client, self.server = H2Connection(), H2Connection(H2Configuration(client_side=False))
        self.up, self.down = bytearray(), bytearray()
        self.client.initiate_connection()
        self.server.initiate_connection()
        self.flow()

    def flow(self) -> None:
        while any(passed := (self.client.data_to_send(), self.server.data_to_send())):
            self.up += passed[0]
            self.down += passed[1]
            self.server.receive_data(passed[0])
            self.client.receive_data(passed[1])

    def ask(self, stream: int, token: str, target: str = "/orders") -> None:
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", "shop"), (":path", target), ("lab-probe", token)]
        self.client.send_headers(stream, fields, end_stream=True)
        self.flow()

    def answer(self, stream: int, status: int, body: bytes = b"ok") -> None:
        self.server.send_headers(stream, [(":status", str(status))])
        self.server.send_data(stream, body, end_stream=True)
        self.flow()


def mine(data: bytes) -> bool:
    return http2.packed(TOKEN) in data


@pytest.mark.parametrize("status", [200, 204, 206, 301, 304, 400, 404, 418, 500, 502, 503])
def test_a_request_and_its_status_are_told_among_others(status: int) -> None:
    talk = Session()
    talk.ask(1, OTHER)
    talk.ask(3, TOKEN)
    talk.ask(5, OTHER)
    talk.answer(1, 403)
    talk.answer(5, 429)
    before = len(talk.down)
    talk.answer(3, status)
    block = http2.asked(bytes(talk.up), 0, mine)
    assert block is not None
    assert block.stream == 3
    assert http2.answered(bytes(talk.down), 3) == (before, status)


def test_a_status_that_only_the_table_has_is_not_known() -> None:
    talk = Session()
    talk.ask(1, OTHER)
    talk.ask(3, TOKEN)
    talk.answer(1, 418)
    talk.answer(3, 418)
    assert http2.answered(bytes(talk.down), 3) == (len(talk.down) - 9 - 2 - 9 - 1, None)


def test_no_answer_yet_is_none() -> None:
    talk = Session()
    talk.ask(1, TOKEN)
    assert http2.answered(bytes(talk.down), 1) is None


def test_cut_anywhere_it_never_raises_and_never_invents() -> None:
    talk = Session()
    talk.ask(1, TOKEN)
    talk.answer(1, 200)
    for size in range(len(talk.up)):
        assert http2.asked(bytes(talk.up[:size]), 0, mine) is None
    for size in range(len(talk.down)):
        assert http2.answered(bytes(talk.down[:size]), 1) in (None, http2.answered(bytes(talk.down), 1))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_a_fault(data: bytes) -> None:
    list(http2.blocks(data))
    http2.goes_on(data)
    http2.status(data)


OTHERS = {
    "http": b"GET / HTTP/1.1\r\n\r\n", "redis": b"*1\r\n$4\r\nPING\r\n", "tls": b"\x16\x03\x01\x02\x00\x01",
    "postgresql": b"Q\x00\x00\x00\x0dselect 1\x00", "fastcgi": b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01",
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_control_other_protocols_are_not_taken_for_its_middle(name: str) -> None:
    assert not http2.goes_on(OTHERS[name])


@pytest.mark.parametrize("pooled", [False, True])
def test_a_route_goes_on_over_http2_in_clear(pooled: bool) -> None:
    lab = Lab(client="10.0.0.1", edge="10.0.0.2", app="10.0.0.3")
    edge, app = lab.container("edge", "edge", 1000), lab.container("app", "app", 2000)
    first = lab.tcp("client", ("10.0.0.1", 40000), "edge", ("10.0.0.2", 80), reader=edge)
    second = lab.tcp("edge", ("10.0.0.2", 50000), "app", ("10.0.0.3", 8080), reader=app, writer=edge)
    talk = Session()
    talk.ask(1, OTHER)
    talk.answer(1, 500)
    sizes = len(talk.up), len(talk.down)
    if not pooled:
        second.open().up(bytes(talk.up)).down(bytes(talk.down))
    get = f"GET /orders HTTP/1.1\r\nHost: shop\r\nLab-Probe: {TOKEN}\r\n\r\n".encode()
    first.open().up(get)
    talk.ask(3, TOKEN)
    second.up(bytes(talk.up[sizes[0] :]))
    talk.answer(3, 200)
    second.down(bytes(talk.down[sizes[1] :]))
    first.down(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    lab.row("app", "ESTAB", ("10.0.0.3", 8080), ("10.0.0.2", 50000), (app.pid,))
    lab.report(first)
    route = lab.route()
    assert [(hop.container, hop.protocol, hop.joined_by) for hop in route.hops][1] == ("app", "h2", "token in clear")
    assert (route.answered_by, route.stage, route.hops[1].stage) == ("app", Stage.ANSWERED, Stage.ANSWERED)


@pytest.mark.parametrize(("page", "maker"), [(b"sorry\n", None), (b"gone\n", "app")])
@pytest.mark.parametrize("padded", [False, True])
def test_a_page_of_the_proxys_own_in_place_of_one_over_http2_is_not_said_to_be_the_applications(
    page: bytes, maker: str | None, padded: bool
) -> None:
    lab = Lab(client="10.0.0.1", edge="10.0.0.2", app="10.0.0.3")
    edge, app = lab.container("edge", "edge", 1000), lab.container("app", "app", 2000)
    first = lab.tcp("client", ("10.0.0.1", 40000), "edge", ("10.0.0.2", 80), reader=edge)
    second = lab.tcp("edge", ("10.0.0.2", 50000), "app", ("10.0.0.3", 8080), reader=app, writer=edge)
    talk = Session()
    talk.ask(1, TOKEN)
    talk.server.send_headers(1, [(":status", "404")])
    talk.server.send_data(1, b"gone\n", end_stream=True, pad_length=3 if padded else None)
    talk.flow()
    first.open().up(f"GET /orders HTTP/1.1\r\nHost: shop\r\nLab-Probe: {TOKEN}\r\n\r\n".encode())
    second.open().up(bytes(talk.up)).down(bytes(talk.down))
    first.down(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))
    lab.report(first, 404)
    [report] = lab.clients
    lab.clients = [replace(report, body=page)]
    assert lab.route().answered_by == maker
