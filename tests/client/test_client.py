"""The client against small servers on loopback that behave or misbehave in one way each."""

import base64
import hashlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme
from client import faults, main
from client.channel import Secured
from client.report import decode
from client.staged import Staged

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello"
Behave = Callable[[socket.socket], None]


@contextmanager
def server(behave: Behave, context: ssl.SSLContext | None = None) -> Iterator[tuple[str, int]]:
    """One connection on loopback, treated by `behave`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, behave, context))
        thread.start()
        yield listener.getsockname()
        thread.join(10)


def _serve(listener: socket.socket, behave: Behave, context: ssl.SSLContext | None) -> None:
    listener.settimeout(10)
    taken, _ = listener.accept()
    with taken:
        taken.settimeout(10)
        try:
            behave(context.wrap_socket(taken, server_side=True) if context else taken)
        except OSError:
            return  # the client left first: what it says of that is what is tested


def answering(answer: bytes, heard: bytearray | None = None) -> Behave:
    def behave(taken: socket.socket) -> None:
        data = taken.recv(65536)
        if heard is not None:
            heard.extend(data)
        taken.sendall(answer)
        while data := taken.recv(65536):  # until the client releases
            if heard is not None:
                heard.extend(data)

    return behave


def closing(answer: bytes = b"") -> Behave:
    def behave(taken: socket.socket) -> None:
        taken.recv(65536)
        taken.sendall(answer)

    return behave


def resetting(taken: socket.socket) -> None:
    taken.recv(65536)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    taken.close()


def silent(taken: socket.socket) -> None:
    while taken.recv(65536):
        pass


@pytest.fixture
def client() -> Iterator[main.Client]:
    made = main.Client()
    yield made
    main.release(made, {})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context_of(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_alpn_protocols(["http/1.1"])
    authority.issue_cert(*names).configure_cert(made)
    return made


def trusting(client: main.Client, authority: trustme.CA) -> None:
    main.trust(client, {"ca": authority.cert_pem.bytes().decode()})


def ask(client: main.Client, where: tuple[str, int], **probe: Any) -> dict[str, Any]:
    request = {"id": 1, "do": "probe", "probe": "p", "connect": list(where), "timeout": 5.0, **probe}
    answer = main.answered(client, json.dumps(request).encode())
    report: dict[str, Any] = json.loads(json.dumps(answer))["ok"]
    return report


def exact(client: main.Client, where: tuple[str, int], send: bytes = b"GET / HTTP/1.1\r\n\r\n", **more: Any) -> Any:
    return ask(client, where, send=base64.urlsafe_b64encode(send).decode(), **more)


def test_exact_bytes_arrive_as_they_are_and_the_answer_is_read(client: main.Client) -> None:
    heard = bytearray()
    sent = b"get  /\xff HTTP/1.1\nHost:: x\r\n\r\n"
    with server(answering(ANSWER, heard)) as where:
        report = exact(client, where, sent)
        main.release(client, {})
    assert bytes(heard) == sent == decode(report["sent"])
    assert (report["status"], report["http_version"], decode(report["body"])) == (200, "1.1", b"hello")
    assert report["headers"] == [["Content-Length", "5"], ["X-A", "1"], ["X-A", "2"]]
    assert report["peer"] == list(where)
    assert report["local"][0] == "127.0.0.1"
    assert report["error"] is None
    assert report["started_ns"] < report["finished_ns"]


def test_the_connection_stays_open_until_release(client: main.Client) -> None:
    closed = threading.Event()

    def behave(taken: socket.socket) -> None:
        taken.recv(65536)
        taken.sendall(ANSWER)
        taken.recv(1)
        closed.set()

    for probe in ({"send": ""}, {"url": "http://shop.example/"}):
        closed.clear()
        with server(behave) as where:
            if "send" in probe:
                exact(client, where)
            else:
                ask(client, where, **probe)
            assert not closed.wait(0.05)
            main.release(client, {})
            assert closed.wait(5)


def test_chunks_and_an_answer_byte_by_byte_are_put_together(client: main.Client) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

    def behave(taken: socket.socket) -> None:
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        taken.recv(65536)
        for byte in answer:
            taken.sendall(bytes([byte]))
        taken.recv(1)

    with server(behave) as where:
        report = exact(client, where)
        main.release(client, {})
    assert (report["status"], decode(report["body"]), report["error"]) == (200, b"hello", None)


def test_a_head_has_no_body_whatever_its_length_says(client: main.Client) -> None:
    with server(answering(ANSWER[:-5])) as where:
        report = exact(client, where, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        main.release(client, {})
    assert (report["status"], report["body"], report["error"]) == (200, "", None)


@pytest.mark.parametrize("answer", [b"\x15\x03\x03\x00\x02\x02\x28", b"hello, no HTTP", b"HTTQ"])
def test_an_answer_that_is_no_http_is_given_raw(client: main.Client, answer: bytes) -> None:
    with server(closing(answer)) as where:
        report = exact(client, where)
    assert (report["status"], decode(report["body"]), report["error"]) == (None, answer, None)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [(b"", None, b""), (b"HTTP/1.1 20", None, b"HTTP/1.1 20"), (ANSWER[:-2], 200, b"hel")],
)
def test_an_answer_cut_short_is_closed(client: main.Client, answer: bytes, status: int | None, body: bytes) -> None:
    with server(closing(answer)) as where:
        report = exact(client, where)
    assert (report["status"], decode(report["body"])) == (status, body)
    assert (report["error"]["during"], report["error"]["kind"]) == ("receive", "closed")


@pytest.mark.parametrize("probe", [{"send": "QQ=="}, {"url": "http://shop.example/"}])
@pytest.mark.parametrize(
    ("behave", "kind"),
    [(silent, "timeout"), (resetting, "reset"), (closing(), "closed")],
    ids=["silent", "resetting", "closing"],
)
def test_a_missing_answer_is_told_by_how_it_is_missing(
    client: main.Client, probe: dict[str, Any], behave: Behave, kind: str
) -> None:
    with server(behave) as where:
        report = ask(client, where, **probe, timeout=0.2)
        main.release(client, {})
    assert (report["error"]["during"], report["error"]["kind"]) == ("receive", kind)
    assert report["local"] is not None
    assert report["sent"]
    assert report["status"] is None


@pytest.mark.parametrize("probe", [{"send": "QQ=="}, {"url": "http://shop.example/"}])
def test_a_refused_connection_has_a_local_address(client: main.Client, probe: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = listener.getsockname()
    report = ask(client, where, **probe)
    assert (report["error"]["during"], report["error"]["kind"]) == ("connect", "refused")
    assert report["local"][0] == "127.0.0.1"
    assert report["local"][1] > 0
    assert report["peer"] == list(where)
    assert report["sent"] == ""


@pytest.mark.parametrize("probe", [{"send": "QQ=="}, {"url": "http://shop.example/"}])
def test_an_unanswered_connection_has_a_local_address(client: main.Client, probe: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as first:
        first.connect(listener.getsockname())  # fills the accept queue (backlog + 1); the next SYN is dropped
        report = ask(client, listener.getsockname(), **probe, timeout=0.2)
    assert (report["error"]["during"], report["error"]["kind"]) == ("connect", "timeout")
    assert report["local"][1] > 0


def test_a_name_that_nobody_knows_is_told(client: main.Client) -> None:
    report = exact(client, ("no-such-name.invalid", 80))
    assert (report["error"]["during"], report["error"]["kind"]) == ("resolve", "unreachable")
    assert report["local"] is report["peer"] is None


def test_an_ordinary_request_goes_where_it_is_told_with_its_own_names(client: main.Client) -> None:
    heard = bytearray()
    with server(answering(ANSWER, heard)) as where:
        report = ask(
            client,
            where,
            url="http://shop.example:1234/orders?a=1",
            method="POST",
            token="YWJjMTIz",  # noqa: S106 - the probe's token, no secret
            headers=[["X-Lab", "7"]],
            body=base64.urlsafe_b64encode(b"body").decode(),
        )
        main.release(client, {})
    head, _, body = bytes(heard).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /orders?a=1 HTTP/1.1"
    fields = {b"Host: shop.example:1234", b"Lab-Probe: abc123", b"User-Agent: lab-client", b"X-Lab: 7"}
    assert fields | {b"Accept-Encoding: identity"} <= set(lines)
    assert decode(report["sent"]) == bytes(heard)
    assert body == b"body"
    assert (report["status"], report["http_version"], decode(report["body"])) == (200, "1.1", b"hello")
    assert ["X-A", "1"] in report["headers"]
    assert ["X-A", "2"] in report["headers"]


def test_no_redirect_is_followed_and_nothing_is_decompressed(client: main.Client) -> None:
    answer = (
        b"HTTP/1.1 302 Found\r\nLocation: http://shop.example/else\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    )
    with server(answering(answer)) as where:
        report = ask(client, where, url="http://shop.example/")
        main.release(client, {})
    assert (report["status"], decode(report["body"]), report["error"]) == (302, b"abc", None)


def test_no_proxy_of_the_environment_is_asked(client: main.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with server(answering(ANSWER)) as where:
        report = ask(client, where, url="http://shop.example/")
        main.release(client, {})
    assert report["status"] == 200


def test_a_body_cut_short_keeps_what_came(client: main.Client) -> None:
    with server(closing(ANSWER[:-2])) as where:
        report = ask(client, where, url="http://shop.example/")
    assert (report["status"], decode(report["body"])) == (200, b"hel")
    assert (report["error"]["during"], report["error"]["kind"]) == ("receive", "closed")


@pytest.mark.parametrize(
    "probe",
    [
        {"url": "https://shop.example/", "tls": {"sni": None, "alpn": [], "verify": True}},
        {"send": "R0VUIC8gSFRUUC8xLjENCg0K", "tls": {"sni": "shop.example", "alpn": ["http/1.1"], "verify": True}},
    ],
    ids=["ordinary", "exact"],
)
class TestTls:
    def test_the_session_is_reported(self, client: main.Client, authority: trustme.CA, probe: dict[str, Any]) -> None:
        trusting(client, authority)
        names: list[str | None] = []
        context = context_of(authority, "shop.example")
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        with server(answering(ANSWER), context) as where:
            report = ask(client, where, **probe)
            leaf = _leaf(client)
            main.release(client, {})
        assert report["error"] is None
        assert report["status"] == 200
        assert names == ["shop.example"]
        seen = report["tls"]
        assert (seen["version"], seen["alpn"], seen["verified"]) == ("TLSv1.3", "http/1.1", True)
        assert seen["chain_sha256"][0] == hashlib.sha256(leaf).hexdigest()

    def test_an_authority_that_is_not_trusted_is_told(self, client: main.Client, probe: dict[str, Any]) -> None:
        trusting(client, trustme.CA())
        with server(answering(ANSWER), context_of(trustme.CA(), "shop.example")) as where:
            report = ask(client, where, **probe)
        assert (report["error"]["during"], report["error"]["kind"]) == ("tls", "certificate")
        assert (report["status"], report["sent"], report["tls"]) == (None, "", None)

    def test_another_name_is_told(self, client: main.Client, authority: trustme.CA, probe: dict[str, Any]) -> None:
        trusting(client, authority)
        with server(answering(ANSWER), context_of(authority, "else.example")) as where:
            report = ask(client, where, **probe)
        assert (report["error"]["during"], report["error"]["kind"]) == ("tls", "certificate")

    @pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
    def test_without_verification_it_is_reported_as_unverified(
        self, client: main.Client, authority: trustme.CA, probe: dict[str, Any]
    ) -> None:
        unverified = {**probe, "tls": {**probe["tls"], "verify": False}}
        with server(answering(ANSWER), context_of(authority, "else.example")) as where:
            report = ask(client, where, **unverified)
            main.release(client, {})
        assert (report["status"], report["tls"]["verified"]) == (200, False)

    def test_an_alert_is_told(self, client: main.Client, authority: trustme.CA, probe: dict[str, Any]) -> None:
        trusting(client, authority)
        context = context_of(authority, "shop.example")
        context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        with server(answering(ANSWER), context) as where:
            report = ask(client, where, **probe)
        assert (report["error"]["during"], report["error"]["kind"]) == ("tls", "alert")

    def test_a_peer_without_tls_is_told(self, client: main.Client, probe: dict[str, Any]) -> None:
        with server(closing(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as where:
            report = ask(client, where, **probe)
        assert report["error"]["during"] == "tls"
        assert report["status"] is None


def _leaf(client: main.Client) -> bytes:
    """The leaf from the open connection, by another way than the report's where there is one."""
    opened: Any = client.open
    if isinstance(opened, Staged):
        assert isinstance(opened.channel, Secured)
        return opened.channel.tls.getpeercert(binary_form=True) or b""
    pool = opened.get_adapter("https://").poolmanager.pools
    connection = pool[next(iter(pool.keys()))].pool.queue[-1]
    return connection.sock.getpeercert(binary_form=True) or b""


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"{", "no JSON"),
        (b"7", "a request is a JSON object"),
        (b'{"id": 1, "do": "dance"}', "known are trust, probe, release"),
        (b'{"id": 1, "do": "trust"}', "ca"),
        (b'{"id": 1, "do": "probe", "probe": "x", "connect": ["127.0.0.1", 1], "send": "%%"}', "base64"),
    ],
)
def test_a_bad_request_is_an_error_answer(client: main.Client, line: bytes, text: str) -> None:
    answer = main.answered(client, line)
    assert answer["error"]["kind"] == "bad request"
    assert text in answer["error"]["text"]


def test_control_an_unknown_exception_is_other() -> None:
    assert faults.fault("send", OSError(5, "Input/output error"))["kind"] == "other"
    assert faults.fault("send", RuntimeError())["text"] == "RuntimeError"
