"""HTTP/2 taken step by step: what each step sends, which stream an answer belongs to, and what the key log has."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from client import main
from client.report import decode, encode
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset

from tests.client.test_negotiated import AUTHORITY, context
from tests.client.test_staged import do, serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


@pytest.fixture
def client() -> Iterator[main.Client]:
    made = main.Client()
    yield made
    main.release(made, {})


class Server:
    """Answers each request that has ended with 200 and its own path; notes what came."""

    def __init__(self, secure: ssl.SSLContext | None = None) -> None:
        self.secure, self.heard, self.reads = secure, list[tuple[str, int]](), list[bytes]()
        self.paths: dict[int, str] = {}

    def __call__(self, taken: socket.socket) -> None:
        if self.secure:
            taken = self.secure.wrap_socket(taken, server_side=True)
        talk = H2Connection(H2Configuration(client_side=False))
        talk.initiate_connection()
        while data := taken.recv(65536):
            self.reads.append(data)
            for event in talk.receive_data(data):
                self.take(talk, event)
            taken.sendall(talk.data_to_send())

    def take(self, talk: H2Connection, event: Any) -> None:
        names = {RequestReceived: "opened", DataReceived: "data", StreamEnded: "ended", StreamReset: "reset"}
        if type(event) in names:
            self.heard.append((names[type(event)], event.stream_id))
        if isinstance(event, RequestReceived):
            fields = {str(name, "ascii"): str(value, "ascii") for name, value in event.headers}
            self.paths[event.stream_id] = f"{fields[':path']} {fields['lab-probe']}"
        elif isinstance(event, StreamEnded):
            talk.send_headers(event.stream_id, [(":status", "200")])
            talk.send_data(event.stream_id, self.paths[event.stream_id].encode(), end_stream=True)


def stream(name: str, **more: Any) -> dict[str, Any]:
    token = f"{ord(name[0]):016x}"
    return {"name": name, "token": token, "method": "GET", "path": f"/{name}", "authority": "shop", "headers": []} | more


def connected(client: main.Client, where: tuple[str, int], timeout: float = 5.0) -> None:
    do(client, "begin", probe="p", token="", timeout=timeout)
    assert do(client, "connect", connect=list(where))["error"] is None


def by_name(client: main.Client) -> dict[str, Any]:
    return {each["name"]: each for each in do(client, "report")["streams"]}


def test_streams_opened_together_go_out_in_one_write_and_each_gets_its_own_answer(client: main.Client) -> None:
    server = Server()
    with serving(server) as where:
        connected(client, where)
        do(client, "streams", streams=[stream("a"), stream("b", method="POST", body=encode(b"two"))])
        assert do(client, "receive", answers=2)["error"] is None
        told = do(client, "report")
        main.release(client, {})
    first = b"".join(server.reads)
    assert first.startswith(b"PRI * HTTP/2.0")
    assert server.heard == [("opened", 1), ("ended", 1), ("opened", 3), ("data", 3), ("ended", 3)]
    assert [(each["stream"], each["name"], each["answered"]) for each in told["streams"]] == [(1, "a", True), (3, "b", True)]
    assert {decode(each["body"]) for each in told["streams"]} == {f"/{n} {ord(n):016x}".encode() for n in "ab"}
    assert (told["answers"], told["status"], told["http_version"], told["token"]) == (2, 200, "2", "")
    assert decode(told["streams"][1]["sent"]).startswith(b"POST /b HTTP/1.1\r\nHost: shop\r\nLab-Probe: ")


def test_a_stream_that_is_held_gets_no_answer_while_another_does(client: main.Client) -> None:
    server = Server()
    with serving(server) as where:
        connected(client, where)
        do(client, "streams", streams=[stream("a", method="POST", body=encode(b"on"), end=False)])
        do(client, "streams", streams=[stream("b")])
        assert do(client, "receive", answers=1)["error"] is None
        assert {name: each["answered"] for name, each in by_name(client).items()} == {"a": False, "b": True}
        assert ("ended", 1) not in server.heard
        do(client, "data", stream="a", body=encode(b"e"), end=True)
        do(client, "receive", answers=1)
        told = by_name(client)["a"]
        main.release(client, {})
    assert told["answered"]
    assert decode(told["sent"]).endswith(b"\r\n\r\none")


def test_a_stream_that_was_reset_is_waited_for_no_more(client: main.Client) -> None:
    server = Server()
    with serving(server) as where:
        connected(client, where)
        do(client, "streams", streams=[stream("a", end=False)])
        do(client, "reset-stream", stream="a")
        told = do(client, "receive", answers=1)
        assert told["error"]["kind"] == "closed"
        assert "no stream is open" in told["error"]["text"]
        assert by_name(client)["a"]["reset"] == "client"
        do(client, "streams", streams=[stream("b")])
        assert do(client, "receive", answers=1)["error"] is None
        main.release(client, {})
    assert server.heard == [("opened", 1), ("reset", 1), ("opened", 3), ("ended", 3)]


@pytest.mark.parametrize(
    ("verb", "more", "says"),
    [
        ("data", {"stream": "x"}, "no stream x"),
        ("reset-stream", {"stream": "x"}, "no stream x"),
        ("streams", {"streams": [stream("a"), stream("a")]}, "a stream a already"),
    ],
)
def test_what_makes_no_sense_is_refused(client: main.Client, verb: str, more: dict[str, Any], says: str) -> None:
    with serving(lambda _: None) as where:
        connected(client, where)
        with pytest.raises(ValueError, match=says):
            do(client, verb, **more)


def test_without_a_connection_streams_do_nothing(client: main.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        where = closed.getsockname()
    do(client, "begin", probe="p", token="", timeout=1.0)
    do(client, "connect", connect=list(where))
    assert do(client, "streams", streams=[stream("a")])["error"]["kind"] == "refused"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_report_takes_the_secrets_of_its_session_along_once(client: main.Client, version: str) -> None:
    main.trust(client, {"ca": AUTHORITY.cert_pem.bytes().decode()})
    with serving(Server(context("h2"))) as where:
        connected(client, where)
        do(client, "tls", tls={"sni": "shop.example", "alpn": ["h2"], "version": version})
        do(client, "streams", streams=[stream("a")])
        assert do(client, "receive", answers=1)["error"] is None
        keys = do(client, "report")["keys"]
        assert do(client, "report")["keys"] == ""
        main.release(client, {})
    labels = {line.split()[0] for line in keys.splitlines()}
    expected = {"CLIENT_RANDOM"} if version == "1.2" else {"CLIENT_TRAFFIC_SECRET_0", "SERVER_HANDSHAKE_TRAFFIC_SECRET"}
    assert expected <= labels
    assert all(len(line.split()) == 3 and not line.startswith("#") for line in keys.splitlines())


def test_what_is_offered_alone_is_never_spoken_as_something_else(client: main.Client) -> None:
    main.trust(client, {"ca": AUTHORITY.cert_pem.bytes().decode()})
    asked = {"probe": "p", "token": "Y2FmZQ==", "url": "https://shop.example/", "http": "2", "timeout": 3.0}
    with serving(secured) as where:
        told = main.probe(client, {**asked, "connect": list(where)})
        main.release(client, {})
    assert (told["status"], told["error"]["during"]) == (None, "tls")
    assert "h2 alone was offered by ALPN, and the server chose no protocol" in told["error"]["text"]


def secured(taken: socket.socket) -> None:
    """TLS without ALPN."""
    with context().wrap_socket(taken, server_side=True) as secure:
        secure.recv(1)
