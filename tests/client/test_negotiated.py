"""Requests whose version is agreed on, against small servers on loopback."""

import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from client import main
from client.report import decode, encode
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from tests.client.test_client import ANSWER, answering, closing, server


@pytest.fixture
def client() -> Iterator[main.Client]:
    made = main.Client()
    yield made
    main.release(made, {})


AUTHORITY = trustme.CA()


def context(*alpn: str, demand: bool = False) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("shop.example").configure_cert(made)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if demand:
        made.verify_mode = ssl.CERT_REQUIRED
        AUTHORITY.configure_trust(made)
    return made


def probe(client: main.Client, target: tuple[str, int], url: str, **more: Any) -> dict[str, Any]:
    main.trust(client, {"ca": AUTHORITY.cert_pem.bytes().decode()})
    asked = {"probe": "trace", "token": "Y2FmZQ==", "connect": list(target), "url": url, "http": "auto", "timeout": 3.0} | more
    return main.probe(client, asked)


def speaking_two(heard: dict[str, Any]) -> Any:
    """A server of HTTP/2 that answers one request with 200 and `hello`."""

    def behave(taken: socket.socket) -> None:
        talk = H2Connection(H2Configuration(client_side=False))
        talk.initiate_connection()
        taken.sendall(talk.data_to_send())
        body = b""
        while data := taken.recv(65536):
            for event in talk.receive_data(data):
                if isinstance(event, RequestReceived):
                    heard["fields"] = [
                        tuple(part.decode() if isinstance(part, bytes) else part for part in f) for f in event.headers
                    ]
                elif isinstance(event, DataReceived):
                    body += event.data
                    talk.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    heard["body"] = body
                    talk.send_headers(event.stream_id, [(":status", "200"), ("x-a", "1")])
                    talk.send_data(event.stream_id, b"hello", end_stream=True)
            taken.sendall(talk.data_to_send())

    return behave


def test_http2_is_spoken_where_both_sides_offer_it(client: main.Client) -> None:
    heard: dict[str, Any] = {}
    with server(speaking_two(heard), context("h2", "http/1.1")) as target:
        told = probe(client, target, "https://shop.example/orders?page=2", headers=[["X-B", "2"]])
        main.release(client, {})
    assert (told["status"], told["http_version"], told["tls"]["alpn"], told["error"]) == (200, "2", "h2", None)
    assert decode(told["body"]) == b"hello"
    assert dict(heard["fields"]) | {"user-agent": ""} == {
        ":method": "GET", ":scheme": "https", ":authority": "shop.example", ":path": "/orders?page=2",
        "lab-probe": "cafe", "x-b": "2", "accept": "*/*", "user-agent": "",
    }  # fmt: skip
    assert decode(told["sent"]).startswith(b"GET /orders?page=2 HTTP/1.1\r\nHost: shop.example\r\n")


def test_a_body_larger_than_the_window_gets_through(client: main.Client) -> None:
    heard: dict[str, Any] = {}
    with server(speaking_two(heard), context("h2")) as target:
        told = probe(client, target, "https://shop.example/", method="POST", body=encode(b"x" * 200_000))
        main.release(client, {})
    assert told["status"] == 200
    assert len(heard["body"]) == 200_000


@pytest.mark.parametrize(("offers", "http"), [(("http/1.1",), "auto"), ((), "auto"), (("h2", "http/1.1"), "1.1")])
def test_http1_is_spoken_where_one_side_does_not_offer_more(client: main.Client, offers: tuple[str, ...], http: str) -> None:
    heard = bytearray()
    with server(answering(ANSWER, heard), context(*offers)) as target:
        told = probe(client, target, "https://shop.example/", http=http)
        main.release(client, {})
    assert (told["status"], told["http_version"], told["error"]) == (200, "1.1", None)
    assert heard.startswith(b"GET / HTTP/1.1\r\nHost: shop.example\r\n")
    assert b"lab-probe: cafe\r\n" in heard.lower()


def test_without_a_token_no_header_is_sent_and_a_header_of_ones_own_replaces_a_default(client: main.Client) -> None:
    heard = bytearray()
    with server(answering(ANSWER, heard)) as target:
        probe(client, target, "http://a/", token="", headers=[["Host", "other"], ["User-Agent", ""], ["Accept", "text/html"]])
        main.release(client, {})
    assert heard.lower() == b"get / http/1.1\r\nhost: other\r\naccept: text/html\r\n\r\n"


def test_in_clear_http2_is_spoken_by_prior_knowledge_only(client: main.Client) -> None:
    heard: dict[str, Any] = {}
    with server(speaking_two(heard)) as target:
        assert probe(client, target, "http://a/", http="2")["http_version"] == "2"
        main.release(client, {})


def test_a_client_certificate_is_shown(client: main.Client) -> None:
    leaf = AUTHORITY.issue_cert("friend@example.org")
    shown = {"certificate": leaf.private_key_and_cert_chain_pem.bytes().decode()}
    with server(answering(ANSWER), context(demand=True)) as target:
        assert probe(client, target, "https://shop.example/", tls=shown)["status"] == 200
        main.release(client, {})


def test_control_without_it_the_server_that_demands_one_refuses(client: main.Client) -> None:
    with server(answering(ANSWER), context(demand=True)) as target:
        told = probe(client, target, "https://shop.example/")
    assert (told["status"], told["error"]["kind"]) == (None, "alert")


@pytest.mark.parametrize(("verify", "kind"), [(True, "certificate"), (False, None)])
def test_a_name_that_the_certificate_lacks_is_refused_unless_that_was_not_wanted(
    client: main.Client, verify: bool, kind: str | None
) -> None:
    with server(answering(ANSWER), context()) as target:
        told = probe(client, target, "https://other.example/", tls={"verify": verify})
        main.release(client, {})
    assert (told["error"] or {}).get("kind") == kind


def tunnelling(answer: bytes, heard: bytearray) -> Any:
    """A proxy that answers CONNECT, and the server behind it in one."""

    def behave(taken: socket.socket) -> None:
        while not heard.endswith(b"\r\n\r\n"):
            heard.extend(taken.recv(1))
        taken.sendall(answer)
        if b" 200 " in answer:
            answering(ANSWER)(context().wrap_socket(taken, server_side=True))

    return behave


def test_through_a_proxy_that_connects(client: main.Client) -> None:
    heard = bytearray()
    with server(tunnelling(b"HTTP/1.1 200 OK\r\n\r\n", heard)) as proxy:
        told = probe(client, ("shop.example", 443), "https://shop.example/", proxy=list(proxy))
        main.release(client, {})
    assert heard.startswith(b"CONNECT shop.example:443 HTTP/1.1\r\n")
    assert (told["status"], told["asked"], tuple(told["peer"])) == (200, ["shop.example", 443], proxy)


def test_a_proxy_that_does_not_connect_is_told_as_such(client: main.Client) -> None:
    with server(tunnelling(b"HTTP/1.1 403 No\r\n\r\n", bytearray())) as proxy:
        told = probe(client, ("shop.example", 443), "https://shop.example/", proxy=list(proxy))
    assert told["error"]["during"] == "connect"
    assert "403 No" in told["error"]["text"]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"])
def test_an_answer_that_is_cut_short_is_an_error(client: main.Client, answer: bytes) -> None:
    with server(closing(answer)) as target:
        told = probe(client, target, "http://a/")
    assert told["error"]["during"] == "receive"
    assert told["error"]["kind"] == "closed"


def test_http2_that_is_none_is_an_error_and_no_crash(client: main.Client) -> None:
    def garbage(taken: socket.socket) -> None:
        taken.sendall(struct.pack(">I", 77) * 40)
        while taken.recv(65536):
            pass

    with server(garbage) as target:
        told = probe(client, target, "http://a/", http="2")
        main.release(client, {})
    assert told["error"]["during"] == "receive"
