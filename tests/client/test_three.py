"""The client over HTTP/3, before a real server on loopback (aioquic's own)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trustme
from aioquic.asyncio import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.events import ProtocolNegotiated
from client.alternatives import Alternatives
from client.main import Client, probe
from client.report import decode, encode

from tests.client.quic_serving import NAME, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aioquic.quic.events import QuicEvent

TOKEN = "5f3a9c01deadbeef"  # noqa: S105 - a probe's token


class Answering(QuicConnectionProtocol):
    """Answers each request with its own token."""

    seen: tuple[list[tuple[str, Any]], ...] = ()
    http: H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        for told in self.http.handle_event(event) if self.http else ():
            if isinstance(told, HeadersReceived) and self.http:
                token = dict(told.headers).get(b"lab-probe", b"none")
                SEEN.append((token.decode(), self._quic._network_paths[0].addr[1]))
                self.http.send_headers(told.stream_id, [(b":status", b"200"), (b"alt-svc", b'h3=":1"; ma=60')])
                self.http.send_data(told.stream_id, token, end_stream=True)
                self.transmit()


SEEN: list[tuple[str, int]] = []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """CA, and the port on 127.0.0.1."""
    with serving(Answering, tmp_path_factory.mktemp("keys")) as made:
        yield made


def sent(server: tuple[str, int], **more: Any) -> dict[str, Any]:
    asked = {
        "probe": "order", "token": encode(TOKEN.encode()), "connect": ["127.0.0.1", server[1]], "http": "3",
        "url": f"https://{NAME}/orders", "tls": {"verify": True}, "timeout": 5.0,
    }  # fmt: skip
    client = Client(ca=server[0])
    try:
        SEEN.clear()
        return probe(client, {"probe": asked | more})
    finally:
        if client.open:
            client.open.close()


def test_a_request_is_answered_and_told_in_the_form_of_http_1(server: tuple[str, int]) -> None:
    told = sent(server)
    assert (told["status"], told["http_version"], told["answers"], told["error"]) == (200, "3", 1, None)
    assert decode(told["body"]).decode() == TOKEN
    assert decode(told["sent"]).startswith(b"GET /orders HTTP/1.1\r\nHost: shop.example\r\n")
    assert (told["tls"]["version"], told["tls"]["alpn"], told["tls"]["verified"]) == ("TLSv1.3", "h3", True)
    assert len(told["tls"]["chain_sha256"][0]) == 64
    assert "CLIENT_TRAFFIC_SECRET_0" in told["keys"]


def test_several_streams_have_a_token_each_on_one_connection(server: tuple[str, int]) -> None:
    told = sent(server, streams=3)
    assert [each["stream"] for each in told["streams"]] == [0, 4, 8]
    assert all(each["answered"] and decode(each["body"]).decode() == each["token"] for each in told["streams"])
    assert len({each["token"] for each in told["streams"]}) == 3
    assert len({port for _, port in SEEN}) == 1
    assert told["answers"] == 3


def test_the_port_changes_after_the_first_answer_and_nothing_else_does(server: tuple[str, int]) -> None:
    told = sent(server, streams=2, new_port=True)
    assert told["error"] is None
    assert [each["answered"] for each in told["streams"]] == [True, True]
    assert len({port for _, port in SEEN}) == 2
    assert told["local"][1] == SEEN[0][1]


def test_a_certificate_of_nobody_known_is_an_error_of_tls(server: tuple[str, int]) -> None:
    stranger = trustme.CA().cert_pem.bytes().decode()
    told = sent((stranger, server[1]))
    assert (told["error"]["during"], told["error"]["kind"]) == ("tls", "certificate")
    assert sent((stranger, server[1]), tls={"verify": False})["status"] == 200


def test_where_nobody_listens_it_is_refused() -> None:
    assert sent(("", 1), timeout=2.0)["error"]["kind"] == "refused"


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ('h3=":8443"; ma=3600', ("", 8443)), ('h2=":1", h3="alt.example:443"', ("alt.example", 443)), ("clear", None),
        ('h2=":8443"', None), ('h3-29=":8443"', None), ("h3=8443", None), ("", None),
    ],
)  # fmt: skip
def test_an_alternative_is_taken_if_it_is_http_3(field: str, found: tuple[str, int] | None) -> None:
    known, asked = Alternatives(), {"url": "https://shop.example:8443/", "connect": ["10.0.0.2", 8443]}
    known.heard(asked, [("Alt-Svc", field)])
    taken = known.taken(asked)
    if found is None:
        assert taken == asked
    else:
        assert (taken["http"], taken["connect"]) == ("3", [found[0] or "10.0.0.2", found[1]])
    assert known.taken({"url": "https://other.example/", "connect": ["10.0.0.2", 443]}).get("http") is None
