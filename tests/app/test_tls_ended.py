"""TLS ended by the application itself."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.app.running import HEAD, Running, answer, words

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDED = {"tls": "ended", "leaf": "8443"}


@pytest.fixture
def secure(keys: str) -> Iterator[Running]:
    with Running(keys, **ENDED) as running:
        yield running


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


# A certificate of the client's, and names that are known.


@pytest.fixture
def strict(keys: str) -> Iterator[Running]:
    with Running(keys, **ENDED, client_certificate=True, known_names=("shop.example",)) as running:
        yield running


def outcome(app: Running, context: ssl.SSLContext, name: str | None) -> tuple[bytes, list[dict[str, Any]]]:
    """What the client gets, an alert in words, and what the application reports until the connection is closed."""
    context.check_hostname = False
    try:
        with context.wrap_socket(app.connect(), server_hostname=name) as sock:
            sock.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            got = answer(sock)
    except ssl.SSLError as error:
        got = (error.reason or str(error)).encode()
    return got, app.until("closed")


def shown(authority: trustme.CA, by: trustme.CA | None, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that trusts `authority` and shows a certificate issued by `by`."""
    context = client(authority, version)
    if by is not None:
        by.issue_cert("client.example").configure_cert(context)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_with_a_good_certificate_is_served(strict: Running, authority: trustme.CA, version: ssl.TLSVersion) -> None:
    got, lines = outcome(strict, shown(authority, authority, version), "shop.example")
    assert got.startswith(b"HTTP/1.1 200 ")
    assert "dispatched" in words(lines)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("stranger", "alert"),
    [(False, b"CERTIFICATE_REQUIRED HANDSHAKE_FAILURE"), (True, b"UNKNOWN_CA")],
)
def test_a_client_without_a_good_certificate_gets_an_alert(
    strict: Running, authority: trustme.CA, version: ssl.TLSVersion, stranger: bool, alert: bytes
) -> None:
    got, lines = outcome(strict, shown(authority, trustme.CA() if stranger else None, version), "shop.example")
    assert any(word in got for word in alert.split())
    assert not {"parsed", "dispatched", "rejected"} & set(words(lines))
    assert lines[-1]["detail"].startswith("TLS failed: ")


@pytest.mark.parametrize("name", ["other.example", None])
def test_an_unknown_name_gets_an_alert(strict: Running, authority: trustme.CA, name: str | None) -> None:
    got, lines = outcome(strict, shown(authority, authority, ssl.TLSVersion.TLSv1_3), name)
    assert b"UNRECOGNIZED_NAME" in got
    assert not {"tls", "parsed", "dispatched"} & set(words(lines))


def test_without_known_names_any_name_is_served(secure: Running, authority: trustme.CA) -> None:
    got, _ = outcome(secure, shown(authority, None, ssl.TLSVersion.TLSv1_3), "other.example")
    assert got.startswith(b"HTTP/1.1 200 ")


def test_a_name_in_sni_and_another_in_host_are_served(strict: Running, authority: trustme.CA) -> None:
    context = shown(authority, authority, ssl.TLSVersion.TLSv1_3)
    with context.wrap_socket(strict.connect(), server_hostname="shop.example") as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n")
        assert answer(sock).startswith(b"HTTP/1.1 200 ")
