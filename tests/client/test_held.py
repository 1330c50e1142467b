"""HTTP/3 step by step, before a real server on loopback (aioquic's own): what is asked goes out, and QUIC goes on between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aioquic.asyncio import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.events import ProtocolNegotiated, StreamReset
from client import main
from client.report import decode, encode

from tests.client.quic_serving import NAME, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aioquic.quic.events import QuicEvent

HEARD: list[tuple[str, bytes]] = []
"""Path and what came on its stream, once that had ended or was reset."""


class Answering(QuicConnectionProtocol):
    """Answers a stream when it has ended, with what came on it; `/never` is reset."""

    http: H3Connection | None = None
    came: dict[int, tuple[str, bytes]]

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self.http, self.came = H3Connection(self._quic), {}
        if isinstance(event, StreamReset):
            HEARD.append((self.came[event.stream_id][0], b"reset"))
        for told in self.http.handle_event(event) if self.http else ():
            self._told(told)

    def _told(self, told: Any) -> None:
        if isinstance(told, HeadersReceived):
            self.came[told.stream_id] = dict(told.headers)[b":path"].decode(), b""
        elif isinstance(told, DataReceived):
            path, data = self.came[told.stream_id]
            self.came[told.stream_id] = path, data + told.data
        if getattr(told, "stream_ended", False) and self.http:
            path, data = self.came[told.stream_id]
            HEARD.append((path, data))
            if path == "/never":
                self._quic.reset_stream(told.stream_id, 0x102)
            else:
                self.http.send_headers(told.stream_id, [(b":status", b"200")])
                self.http.send_data(told.stream_id, data or b"nothing", end_stream=True)
            self.transmit()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """CA, and the port on 127.0.0.1."""
    with serving(Answering, tmp_path_factory.mktemp("keys")) as made:
        yield made


@pytest.fixture
def client(server: tuple[str, int]) -> Iterator[main.Client]:
    HEARD.clear()
    made = main.Client(ca=server[0])
    main.begin(made, {"probe": "order", "token": "", "connect": ["127.0.0.1", server[1]], "timeout": 3.0})
    yield made
    main.release(made, {})


def do(client: main.Client, verb: str, **fields: Any) -> dict[str, Any]:
    return main.step(client, {"do": verb, **fields})


def ready(client: main.Client, port: int) -> None:
    assert do(client, "connect", connect=["127.0.0.1", port], transport="udp")["error"] is None
    assert do(client, "tls", tls={"sni": NAME, "alpn": ["h3"], "verify": True})["error"] is None


def stream(name: str, path: str, body: bytes = b"", *, end: bool = True) -> dict[str, Any]:
    asked = {"name": name, "token": f"{len(name):016x}", "method": "POST" if body else "GET", "path": path}
    return {**asked, "authority": NAME, "headers": [], "body": encode(body), "end": end}


def told(client: main.Client) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in do(client, "report")["streams"]}


def test_a_stream_is_held_while_another_is_answered_and_goes_on_later(client: main.Client, server: tuple[str, int]) -> None:
    ready(client, server[1])
    do(client, "streams", streams=[stream("held", "/orders", b"one ", end=False)])
    do(client, "streams", streams=[stream("other", "/menu")])
    assert do(client, "receive", answers=1)["error"] is None
    assert HEARD == [("/menu", b"")]
    assert [(name, one["answered"]) for name, one in told(client).items()] == [("held", False), ("other", True)]
    do(client, "data", stream="held", body=encode(b"coffee"), end=True)
    assert do(client, "receive", answers=1)["error"] is None
    assert HEARD[1:] == [("/orders", b"one coffee")]
    held = told(client)["held"]
    assert (decode(held["body"]), held["status"]) == (b"one coffee", 200)
    assert decode(held["sent"]).startswith(b"POST /orders HTTP/1.1\r\nHost: shop.example\r\n")
    assert decode(held["sent"]).endswith(b"\r\n\r\none coffee")


def test_a_reset_stream_is_told_by_whom(client: main.Client, server: tuple[str, int]) -> None:
    ready(client, server[1])
    do(client, "streams", streams=[stream("gone", "/orders", b"one ", end=False), stream("never", "/never")])
    do(client, "reset-stream", stream="gone")
    do(client, "streams", streams=[stream("next", "/menu")])
    assert do(client, "receive", answers=1)["error"] is None
    found = told(client)
    assert (found["gone"]["reset"], found["never"]["reset"], found["next"]["reset"]) == ("client", "peer", "")
    assert ("/orders", b"reset") in HEARD
    assert do(client, "receive", answers=1)["error"]["kind"] == "closed"


def test_answers_are_waited_for_one_by_one_though_they_came_together(client: main.Client, server: tuple[str, int]) -> None:
    ready(client, server[1])
    do(client, "streams", streams=[stream(name, "/menu") for name in ("a", "b", "c")])
    for _ in range(3):
        assert do(client, "receive", answers=1)["error"] is None
    assert do(client, "report")["answers"] == 3
    assert do(client, "receive", answers=1)["error"]["kind"] == "closed"


def test_what_does_not_answer_in_time_is_told(client: main.Client, server: tuple[str, int]) -> None:
    ready(client, server[1])
    do(client, "streams", streams=[stream("held", "/orders", b"x", end=False)])
    assert do(client, "receive", answers=1, timeout=0.2)["error"]["kind"] == "timeout"
    do(client, "end", how="close")
    assert told(client)["held"]["answered"] is False
    assert do(client, "streams", streams=[stream("late", "/menu")])["error"]["kind"] == "timeout"


def test_names_that_make_no_sense_are_refused(client: main.Client, server: tuple[str, int]) -> None:
    ready(client, server[1])
    do(client, "streams", streams=[stream("one", "/menu")])
    with pytest.raises(ValueError, match="a stream one already"):
        do(client, "streams", streams=[stream("one", "/menu")])
    with pytest.raises(ValueError, match="no stream two"):
        do(client, "data", stream="two", body="", end=True)


def test_where_nobody_listens_the_handshake_fails(client: main.Client) -> None:
    assert do(client, "connect", connect=["127.0.0.1", 1], transport="udp")["error"] is None
    assert do(client, "tls", tls={"sni": NAME, "alpn": ["h3"]})["error"]["kind"] == "refused"
    assert do(client, "streams", streams=[stream("one", "/menu")])["error"]["kind"] == "refused"
