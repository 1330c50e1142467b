"""Early data of the client, before a server on loopback that takes them, or does not."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from client import main
from client.report import decode, encode

from tests.early_server import EarlyServer

if TYPE_CHECKING:
    from collections.abc import Iterator

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NAME = "shop.example"


class Place:
    """A port that serves one connection after the other."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        self.server = EarlyServer(self.authority.issue_cert(NAME))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)

    @contextmanager
    def once(self, *, early: bool = True) -> Iterator[list[bytes]]:
        """One connection: what came of it early, and in all."""
        heard: list[bytes] = []
        thread = threading.Thread(target=self._serve, args=(heard, early))
        thread.start()
        yield heard
        thread.join(10)
        assert not thread.is_alive()

    def _serve(self, heard: list[bytes], early: bool) -> None:
        taken, _ = self.listener.accept()
        far, answered = self.server.connection(early=early), False
        with taken, suppress(ConnectionError):  # of a client that leaves tickets unread, and is gone
            taken.settimeout(10)
            while data := taken.recv(65536):
                taken.sendall(far.take(data))
                if bytes(far.got) == GET and not answered:
                    answered = True
                    taken.sendall(far.answer(ANSWER))
        heard += [bytes(far.got_early), bytes(far.got)]


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.listener.close()


@pytest.fixture
def client(place: Place) -> Iterator[main.Client]:
    made = main.Client(ca=place.authority.cert_pem.bytes().decode())
    yield made
    main.release(made, {})


def do(client: main.Client, verb: str, **fields: Any) -> dict[str, Any]:
    return main.step(client, {"do": verb, **fields})


def asked(place: Place, tls: dict[str, Any], send: bytes) -> dict[str, Any]:
    return {
        "probe": "order", "token": "", "connect": list(place.listener.getsockname()), "send": encode(send), "timeout": 5.0,
        "tls": {"sni": NAME, "version": "1.3", **tls},
    }  # fmt: skip


def first(client: main.Client, place: Place) -> None:
    """A connection that leaves a session behind."""
    with place.once():
        assert main.probe(client, {"probe": asked(place, {}, GET)})["status"] == 200
        main.release(client, {})


def again(client: main.Client, place: Place, *, early: bool) -> tuple[dict[str, Any], list[bytes]]:
    with place.once(early=early) as heard:
        told = main.probe(client, {"probe": asked(place, {"resume": True, "early": encode(GET)}, b"")})
        main.release(client, {})
    return told, heard


def test_a_request_goes_out_behind_the_hello_and_is_taken(client: main.Client, place: Place) -> None:
    first(client, place)
    told, heard = again(client, place, early=True)
    assert (told["status"], told["error"], told["tls"]["early"]) == (200, None, "taken")
    assert heard == [GET, GET]
    assert decode(told["sent"]) == GET
    assert "CLIENT_EARLY_TRAFFIC_SECRET" in told["keys"]


def test_what_is_refused_is_sent_again_and_told_once(client: main.Client, place: Place) -> None:
    first(client, place)
    told, heard = again(client, place, early=False)
    assert (told["status"], told["tls"]["early"]) == (200, "refused")
    assert heard == [b"", GET]
    assert decode(told["sent"]) == GET


def test_what_the_session_does_not_allow_waits_for_the_handshake(client: main.Client, place: Place) -> None:
    place.server.take(0)
    first(client, place)
    told, heard = again(client, place, early=True)
    assert (told["status"], told["tls"]["early"]) == (200, "none")
    assert heard == [b"", GET]
    assert decode(told["sent"]) == GET


def test_without_a_session_there_is_no_early_data(client: main.Client, place: Place) -> None:
    told, heard = again(client, place, early=True)
    assert (told["status"], told["tls"]["early"], heard) == (200, "none", [b"", GET])


def test_in_steps_the_handshake_waits_behind_early_data(client: main.Client, place: Place) -> None:
    first(client, place)
    with place.once() as heard:
        main.begin(client, {"probe": "order", "token": "", "connect": list(place.listener.getsockname())})
        do(client, "connect", connect=list(place.listener.getsockname()))
        tls = {"sni": NAME, "version": "1.3", "resume": True, "early": encode(GET)}
        assert do(client, "tls", tls=tls)["error"] is None
        held = do(client, "report")
        assert (decode(held["sent"]), held["tls"]) == (GET, None)
        assert do(client, "tls", tls=None)["error"] is None
        assert do(client, "receive", answers=1)["error"] is None
        assert do(client, "report")["status"] == 200
        do(client, "end", how="close")
    assert heard[0] == GET
