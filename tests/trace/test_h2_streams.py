"""Streams of HTTP/2 as real libraries speak it, in clear and inside TLS: opened, held, reset, answered, dispatched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given
from hypothesis import strategies as st

from lab.model.observations import Secret, SentStream
from lab.model.routes import Stage
from lab.trace import trace
from lab.trace.decrypted import SUITES, Clear, decrypted
from lab.trace.h2_streams import streams
from lab.trace.talk import Talk
from lab.trace.tls import ClientHello, ServerHello
from lab.trace.tls_records import Record
from tests.trace.wire import OK, Lab, Tls, get, speak

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model.routes import Route
    from tests.trace.wire import Conversation

TOKENS = {"a": "aaaaaaaaaaaaaaaa", "b": "bbbbbbbbbbbbbbbb", "c": "cccccccccccccccc"}


class Two:
    """Both sides of one connection."""

    def __init__(self) -> None:
        self.client, self.server = H2Connection(), H2Connection(H2Configuration(client_side=False))
        self.client.initiate_connection()
        self.server.initiate_connection()
        self.up, self.down = b"", b""
        self.pass_on()

    def pass_on(self) -> None:
        """What each side says now."""
        up = self.client.data_to_send()
        self.server.receive_data(up)
        down = self.server.data_to_send()
        self.client.receive_data(down)
        self.up, self.down = self.up + up, self.down + down

    def ask(self, stream: int, token: str, *, end: bool = True) -> None:
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", "shop"), (":path", "/orders"), ("lab-probe", token)]
        self.client.send_headers(stream, fields, end_stream=end)

    def answer(self, stream: int, *, end: bool = True) -> None:
        self.server.send_headers(stream, [(":status", "200")])
        self.server.send_data(stream, b"ok", end_stream=end)


def whole() -> Two:
    """Three streams: one answered, one held, one reset."""
    two = Two()
    two.ask(1, TOKENS["a"])
    two.ask(3, TOKENS["b"], end=False)
    two.ask(5, TOKENS["c"], end=False)
    two.pass_on()
    two.client.reset_stream(5)
    two.answer(1)
    two.pass_on()
    two.pass_on()
    return two


def test_streams_are_told_by_their_frames() -> None:
    two = whole()
    found = streams(Clear(two.up), Clear(two.down))
    assert [(s.number, s.ended, s.reset is not None, s.answered, s.status) for s in found] == [
        (1, True, False, True, 200),
        (3, False, False, False, None),
        (5, False, True, False, None),
    ]


def test_fed_one_byte_at_a_time_nothing_is_told_before_it_has_come() -> None:
    two = whole()
    full = streams(Clear(two.up), Clear(two.down))
    for size in range(len(two.up)):
        for one in streams(Clear(two.up[:size]), Clear(b"")):
            final = next(each for each in full if each.number == one.number)
            assert one.begin == final.begin
            assert one.head_end is None or one.head_end == final.head_end <= size
            assert one.reset is None or one.reset == final.reset <= size
            assert one.last <= size
            assert not one.answered


def test_an_interim_answer_and_one_cut_short_are_no_whole_answers() -> None:
    two = Two()
    two.ask(1, TOKENS["a"])
    two.pass_on()
    two.server.send_headers(1, [(":status", "103")])
    two.pass_on()
    [interim] = streams(Clear(two.up), Clear(two.down))
    assert (interim.answer, interim.answered) == (None, False)
    two.answer(1, end=False)
    two.pass_on()
    [begun] = streams(Clear(two.up), Clear(two.down))
    assert begun.answer is not None
    assert not begun.answered


class Shop:
    """A proxy that ends TLS and HTTP/2, and an application behind it that speaks HTTP/1.1."""

    def __init__(self, keys: Path) -> None:
        self.lab = Lab(client="10.0.0.9", web="10.0.0.2")
        self.proxy, self.app = self.lab.container("proxy", "web", 7), self.lab.container("app", "web", 8)
        self.tls, self.two = Tls(alpn=("h2",), keys=str(keys)), Two()
        self.keys = keys
        self.talk = self.lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8443), reader=self.proxy).open()
        speak(self.talk, self.tls)
        self.port, self.said = 50000, (0, 0)

    def turn(self) -> None:
        self.two.pass_on()
        up, down = self.two.up[self.said[0] :], self.two.down[self.said[1] :]
        if up:
            self.talk.up(self.tls.request(up))
        if down:
            self.talk.down(self.tls.answer(down))
        self.said = len(self.two.up), len(self.two.down)

    def behind(self, token: str, *, dispatch: bool = True) -> Conversation:
        """The request of a stream goes on, on a connection of its own."""
        self.port += 1
        talk = self.lab.tcp(
            "web", ("127.0.0.1", self.port), "web", ("127.0.0.1", 3000), reader=self.app, writer=self.proxy
        ).open()
        talk.up(get(token))
        if dispatch:
            self.lab.app("dispatched", self.app, talk, token)
            talk.down(OK)
            self.lab.app("answered", self.app, talk, token)
        return talk

    def route(self, **streams: SentStream) -> Route:
        self.lab.report(self.talk, 200, sent=b"", token="")
        [report] = self.lab.clients
        self.lab.clients[0] = replace(report, streams=tuple(streams.values()))
        lines = [line.split() for line in self.keys.read_text().splitlines() if not line.startswith("#")]
        secrets = tuple(Secret(a, bytes.fromhex(b), bytes.fromhex(c)) for a, b, c in lines)
        [route] = trace(replace(self.lab.seen(), secrets=secrets))
        return route


def sent(name: str, number: int, *, answered: bool = False, reset: str = "") -> SentStream:
    return SentStream(
        number, name, TOKENS[name], get(TOKENS[name]), 200 if answered else None, b"ok" if answered else b"", answered, reset
    )


def test_one_stream_is_held_and_one_reset_while_another_is_dispatched(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "keys")
    shop.two.ask(1, TOKENS["a"], end=False)
    shop.turn()
    shop.two.ask(3, TOKENS["b"])
    shop.two.ask(5, TOKENS["c"], end=False)
    shop.turn()
    shop.two.client.reset_stream(5)
    shop.turn()
    shop.behind(TOKENS["b"])
    shop.two.answer(3)
    shop.turn()
    shop.turn()
    route = shop.route(a=sent("a", 1), b=sent("b", 3, answered=True), c=sent("c", 5, reset="client"))
    counts = route.counts
    assert (counts.connections, counts.streams, counts.requests, counts.resets) == (1, 3, 3, 1)
    assert (counts.dispatches, counts.answers, counts.upstreams) == (1, 1, 1)
    assert [(each.name, each.stage) for each in route.streams] == [
        ("a", Stage.PARSED), ("b", Stage.ANSWERED), ("c", Stage.PARSED),
    ]  # fmt: skip
    assert [each.dispatched for each in route.streams] == [False, True, False]


def test_streams_at_once_are_counted_apart_from_what_goes_on(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "keys")
    for number, name in ((1, "a"), (3, "b"), (5, "c")):
        shop.two.ask(number, TOKENS[name])
    shop.turn()
    shop.behind(TOKENS["a"])
    shop.behind(TOKENS["c"])
    shop.behind(TOKENS["b"], dispatch=False)
    shop.two.answer(1)
    shop.two.answer(5)
    shop.turn()
    shop.turn()
    route = shop.route(a=sent("a", 1, answered=True), b=sent("b", 3), c=sent("c", 5, answered=True))
    assert (route.counts.streams, route.counts.dispatches, route.counts.answers, route.counts.upstreams) == (3, 2, 2, 3)
    assert {each.name: each.stage for each in route.streams}["b"] is Stage.ROUTED


def test_without_the_secrets_streams_are_not_told_and_not_zero(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "keys")
    shop.two.ask(1, TOKENS["a"])
    shop.turn()
    shop.behind(TOKENS["a"])
    shop.two.answer(1)
    shop.turn()
    (tmp_path / "keys").write_text("")
    route = shop.route(a=sent("a", 1, answered=True))
    assert (route.counts.streams, route.counts.resets) == (None, None)
    assert route.counts.dispatches == 1


@pytest.mark.parametrize("known", [True, False])
def test_the_application_s_word_is_not_taken_for_a_stream(tmp_path: Path, known: bool) -> None:
    """A client that tells of a stream which never went over the wire."""
    shop = Shop(tmp_path / "keys")
    shop.two.ask(1, TOKENS["a"])
    shop.turn()
    told = {"a": sent("a", 1)} | ({"b": sent("b", 3)} if known else {})
    assert shop.route(**told).counts.streams == 1


@given(st.binary(max_size=400), st.binary(max_size=400), st.integers(0, 400))
def test_whatever_comes_is_read_without_a_fault(up: bytes, down: bytes, cut: int) -> None:
    two = whole()
    for data in (up, two.up[:cut] + up, two.up + up):
        for one in streams(Clear(data), Clear(two.down[:cut] + down)):
            assert 0 <= one.begin < one.last <= len(data)
            assert one.head_end is None or one.head_end <= len(data)


@given(st.lists(st.binary(min_size=0, max_size=60), max_size=4), st.sampled_from(sorted(SUITES)), st.booleans())
def test_records_that_are_none_of_the_session_s_open_nothing_and_break_nothing(
    bodies: list[bytes], cipher: int, old: bool
) -> None:
    records = tuple(Record(23, 10 * n, body) for n, body in enumerate(bodies))
    reply = ServerHello(b"r" * 32, b"", "TLSv1.2" if old else "TLSv1.3", None, False, 0, cipher)
    hello = ClientHello(b"c" * 32, b"", None, (), (), 0)
    before = (Record(20, 0, b"\1"),) if old else ()
    said = Talk(protocol="tls", hello=hello, reply=reply, up_records=before + records, down_records=records)
    labels = ("CLIENT_RANDOM", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0")
    found = decrypted(said, [Secret(label, b"c" * 32, b"s" * 48) for label in labels])
    assert found is not None
    assert found[0].data == found[1].data == b""
