"""The lab's application over loopback, fed byte by byte: what it reports, and in which order."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

import app_config
import pytest
import trustme
from app import start
from app_config import Config, ConfigError, Limits, Listener, parse_config
from app_report import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).parents[1] / "images" / "app" / "app.py"
HEAD = b"GET /orders HTTP/1.1\r\nHost: shop.example\r\nLab-Probe: abc123\r\n\r\n"
WAIT = 5.0


class Running:
    """The application with one listener on an ephemeral port, and its reports as they come."""

    def __init__(self, tls_folder: str = "", leaf: str | None = None, **limits: Any) -> None:
        self.lines: Queue[dict[str, Any]] = Queue()
        listener = Listener("127.0.0.1", 0, "ended" if leaf else "none", leaf)
        config = Config((listener,), tls_folder, Limits(**limits))
        (self.sock,) = start(config, lambda line: self.lines.put(json.loads(line)))
        self.address = self.sock.getsockname()
        assert self.next("listening")["local"] == list(self.address)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=WAIT)

    def take(self) -> dict[str, Any]:
        return self.lines.get(timeout=WAIT)

    def next(self, event: str) -> dict[str, Any]:
        line = self.take()
        assert line["event"] == event, line
        return line

    def until(self, event: str) -> list[dict[str, Any]]:
        lines = [self.take()]
        while lines[-1]["event"] != event:
            lines.append(self.take())
        return lines

    def silent(self) -> bool:
        try:
            self.lines.get(timeout=0.05)
        except Empty:
            return True
        return False

    def close(self) -> None:
        # close() alone would leave the accepting thread in accept(2) with the port held.
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


@pytest.fixture
def app() -> Iterator[Running]:
    running = Running()
    yield running
    running.close()


def answer(sock: socket.socket) -> bytes:
    """All until the end of the connection."""
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def words(lines: list[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in lines]


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
    assert json.loads(body) == {"app": "lab", "method": "POST", "target": "/x", "body_bytes": 5}


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
    app = Running(body_bytes=10)
    with app.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n")
        assert answer(sock).startswith(b"HTTP/1.1 413 ")
    app.close()


def test_an_unfinished_head_is_neither_rejected_nor_dispatched(app: Running) -> None:
    with app.connect() as sock:
        sock.sendall(HEAD[:-2])
        sock.shutdown(socket.SHUT_WR)
        assert answer(sock) == b""
    lines = app.until("closed")
    assert words(lines) == ["accepted", "read", "closed"]
    assert lines[-1]["detail"] == "in the middle of a head"


def test_a_head_that_takes_too_long_gets_408() -> None:
    app = Running(idle_seconds=0.05)
    with app.connect() as sock:
        sock.sendall(HEAD[:-2])
        assert answer(sock).startswith(b"HTTP/1.1 408 ")
    assert "rejected" in words(app.until("closed"))
    with app.connect() as sock:
        assert answer(sock) == b""
    assert words(app.until("closed")) == ["accepted", "closed"]
    app.close()


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


# TLS ended by the application itself.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA, tmp_path: Path) -> Iterator[Running]:
    leaf = authority.issue_cert("shop.example")
    leaf.private_key_pem.write_to_path(tmp_path / "8443.key")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "8443.crt")
    running = Running(str(tmp_path), "8443")
    yield running
    running.close()


def client(authority: trustme.CA, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(["http/1.1"])
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_is_ended_before_anything_is_parsed(secure: Running, authority: trustme.CA, version: ssl.TLSVersion) -> None:
    context = client(authority, version)
    with context.wrap_socket(secure.connect(), server_hostname="shop.example") as sock:
        sock.sendall(HEAD)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
        lines = secure.until("answered")
    seen = words(lines)
    assert seen.index("read") < seen.index("tls") < seen.index("parsed") < seen.index("dispatched")
    assert [line["detail"] for line in lines if line["event"] == "tls"] == [
        f"{version.name.replace('_', '.')} alpn=http/1.1 sni=shop.example"
    ]


def test_tls_fed_byte_by_byte(secure: Running, authority: trustme.CA) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client(authority, ssl.TLSVersion.TLSv1_3).wrap_bio(incoming, outgoing, server_hostname="shop.example")
    with secure.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        for one in outgoing.read():
            sock.sendall(bytes([one]))
        while True:
            incoming.write(sock.recv(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue
        tls.write(HEAD)
        for one in outgoing.read():
            sock.sendall(bytes([one]))
        lines = secure.until("answered")
    told = [word for word in words(lines) if word != "read"]
    # How many reads it takes, and whether the last of the handshake brings the request along, is the kernel's affair.
    assert told[-4:] == ["tls", "parsed", "dispatched", "answered"]
    assert words(lines).count("tls") == 1


@pytest.mark.parametrize("data", [HEAD, b"\x16\x03\x01\x00\x05junk!"])
def test_what_is_no_tls_ends_without_a_tls_event(secure: Running, data: bytes) -> None:
    with secure.connect() as sock:
        sock.sendall(data)
        answer(sock)
    lines = secure.until("closed")
    assert not {"tls", "parsed", "dispatched", "rejected"} & set(words(lines))
    assert lines[-1]["detail"].startswith("TLS failed: ")


def test_a_client_that_does_not_trust_is_told(secure: Running) -> None:
    with secure.connect() as raw, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(raw, server_hostname="shop.example")
    lines = secure.until("closed")
    assert "dispatched" not in words(lines)
    assert lines[-1]["detail"].startswith("TLS failed: ")


def test_the_end_of_tls_is_said(secure: Running, authority: trustme.CA) -> None:
    context = client(authority, ssl.TLSVersion.TLSv1_3)
    with context.wrap_socket(secure.connect(), server_hostname="shop.example", suppress_ragged_eofs=False) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer(sock).startswith(b"HTTP/1.1 200 ")


# Configuration and process.


def test_addresses_are_written_in_their_canonical_form() -> None:
    assert endpoint(("::ffff:10.0.1.25", 80, 0, 0)) == ("10.0.1.25", 80)
    assert endpoint(("fe80::1%eth0", 80, 0, 2)) == ("fe80::1", 80)


def test_a_good_configuration_is_read() -> None:
    value = {"listeners": [{"address": "::", "port": 3000, "tls": "none"}], "limits": {"idle_seconds": 2}}
    assert parse_config(value) == Config((Listener("::", 3000),), limits=Limits(idle_seconds=2))


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"listeners": []},
        {"listeners": [{"address": "nowhere", "port": 1}]},
        {"listeners": [{"address": "::", "port": 65536}]},
        {"listeners": [{"address": "::", "port": 1, "tls": "ended"}]},
        {"listeners": [{"address": "::", "port": 1, "colour": "red"}]},
        {"listeners": [{"address": "::", "port": 1}], "colour": "red"},
    ],
)
def test_a_configuration_out_of_order_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError):
        parse_config(value)


def test_a_leaf_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = Config((Listener("127.0.0.1", 0, "ended", "8443"),), str(tmp_path))
    with pytest.raises(ConfigError, match=r"8443\.crt"):
        app_config.tls_context(config, config.listeners[0])


def test_term_ends_the_process_at_once(tmp_path: Path) -> None:
    config = tmp_path / "app.json"
    config.write_text(json.dumps({"listeners": [{"address": "127.0.0.1", "port": 0}]}))
    command = [sys.executable, str(PROGRAM)]
    assert subprocess.run([*command, "--check", str(config)], check=False, timeout=WAIT).returncode == 0  # noqa: S603
    with subprocess.Popen([*command, str(config)], stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["local"][1]
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as sock:
            sock.sendall(HEAD[:-2])
            assert json.loads(process.stdout.readline())["event"] == "accepted"
            process.terminate()
            assert process.wait(WAIT) == 0


def test_a_broken_configuration_ends_the_check(tmp_path: Path) -> None:
    config = tmp_path / "app.json"
    config.write_text("{")
    command = [sys.executable, str(PROGRAM), "--check", str(config)]
    done = subprocess.run(command, check=False, timeout=WAIT, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 2
    assert done.stderr.startswith(f"app: {config}: ")
