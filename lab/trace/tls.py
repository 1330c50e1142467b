"""What a TLS handshake says in clear: ClientHello, ServerHello, and the certificates of TLS 1.2.

Sources: RFC 8446, section 4; RFC 5246, section 7.4; RFC 6066, section 3 (SNI); RFC 7301 (ALPN). One contract for all
readers, that of h11: a value, None for "need more bytes", `NotTls` for "wrong, more will not help". Messages may be
split over records and records over segments; feed the stream. Weak spot: with Encrypted Client Hello the outer name is all
that can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.tls_records import CHANGE_CIPHER, HANDSHAKE, NotTls, records

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
ENCRYPTED_EXTENSIONS = 8
SERVER_NAME, ALPN, PRE_SHARED_KEY, EARLY_DATA, SUPPORTED_VERSIONS = 0, 16, 41, 42, 43
LARGEST = 1 << 17
"""Bytes of a hello that is still believed; real ones have some thousands."""
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""Random of a HelloRetryRequest, RFC 8446, section 4.1.3."""
VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client offers."""

    random: bytes
    session_id: bytes
    sni: str | None
    alpn: tuple[str, ...]
    """Offered, in the client's order."""
    versions: tuple[str, ...]
    """Offered, in the client's order; without the extension the one that the hello names."""
    end: int
    """Offset in the stream behind the record that completes it."""
    early: bool = False
    """Early data come behind it (RFC 8446, section 4.2.10)."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What a server chose."""

    random: bytes
    session_id: bytes
    version: str
    alpn: str | None
    """Under TLS 1.3 it is encrypted and never here."""
    retry: bool
    """A HelloRetryRequest: the client says hello again, with the same random."""
    end: int
    cipher: int = 0
    """The cipher suite (RFC 8446, appendix B.4)."""
    resumed: bool | None = None
    """TLS 1.3: whether it chose a key that the client offered (RFC 8446, section 4.2.11). Before: None; it shows in what
    follows."""


def client_hello(data: bytes) -> ClientHello | None:
    """The ClientHello with which a stream begins."""
    body, end = _first(data, CLIENT_HELLO)
    return None if body is None else _client_hello(body, end)


def server_hello(data: bytes) -> ServerHello | None:
    """The ServerHello with which the other direction begins."""
    body, end = _first(data, SERVER_HELLO)
    return None if body is None else _server_hello(body, end)


def certificates(data: bytes) -> tuple[bytes, ...] | None:
    """The chain that a server sends under TLS 1.2, leaf first, DER. None: it has not come, or it is encrypted."""
    for kind, body, _ in _messages(data):
        if kind == CERTIFICATE:
            return tuple(_vectors(_Reader(body).vector(3), 3))
    return None


def takes_early(messages: bytes) -> bool | None:
    """Whether a server's decrypted handshake messages say that it takes early data (RFC 8446, section 4.2.10); None: its
    EncryptedExtensions, which come first, are not whole, or are none."""
    if len(messages) < 4 or messages[0] != ENCRYPTED_EXTENSIONS or len(messages) < 4 + int.from_bytes(messages[1:4]):
        return None
    try:
        return EARLY_DATA in _extensions(_Reader(messages[4 : 4 + int.from_bytes(messages[1:4])]))
    except NotTls:
        return None


def _first(data: bytes, wanted: int) -> tuple[bytes | None, int]:
    if data and data[0] != HANDSHAKE:
        raise NotTls(f"it begins with byte {data[0]:#04x}, not with a handshake record")
    for kind, body, end in _messages(data, wanted):
        if kind != wanted:
            raise NotTls(f"handshake message {kind} where {wanted} was looked for")
        return body, end
    return None, 0


def _messages(data: bytes, first: int | None = None) -> Iterator[tuple[int, bytes, int]]:
    """Handshake messages in clear: type, body, end of the record that completes it."""
    pending = b""
    for record in records(data):
        if record.kind == CHANGE_CIPHER:
            return
        if record.kind != HANDSHAKE:
            if pending or first is not None:
                raise NotTls(f"a record of type {record.kind} inside a handshake message")
            return
        pending += record.body
        while len(pending) >= 4:
            size = int.from_bytes(pending[1:4])
            if size > LARGEST or (first is not None and pending[0] != first):
                raise NotTls(f"handshake message {pending[0]} of {size} bytes")
            if len(pending) < 4 + size:
                break
            yield pending[0], pending[4 : 4 + size], record.end
            pending = pending[4 + size :]


def _client_hello(body: bytes, end: int) -> ClientHello:
    read = _Reader(body)
    version, random, session = read.number(2), read.take(32), read.vector(1)
    read.vector(2)  # cipher suites
    read.vector(1)  # compression methods
    extensions = _extensions(read)
    offered = extensions.get(SUPPORTED_VERSIONS)
    versions = _pairs(_Reader(offered).vector(1)) if offered else (version,)
    return ClientHello(
        random, session, _server_name(extensions.get(SERVER_NAME)), _alpn(extensions.get(ALPN)),
        tuple(_version(v) for v in versions if not _grease(v)), end, EARLY_DATA in extensions,
    )  # fmt: skip


def _server_hello(body: bytes, end: int) -> ServerHello:
    read = _Reader(body)
    version, random, session = read.number(2), read.take(32), read.vector(1)
    cipher = read.number(2)
    read.take(1)  # compression method
    extensions = _extensions(read)
    if SUPPORTED_VERSIONS in extensions:
        version = _Reader(extensions[SUPPORTED_VERSIONS]).number(2)
    alpn = _alpn(extensions.get(ALPN))
    resumed = PRE_SHARED_KEY in extensions if version == 0x0304 else None
    return ServerHello(random, session, _version(version), alpn[0] if alpn else None, random == RETRY, end, cipher, resumed)


def _extensions(read: _Reader) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if not read.left:
        return found
    inside = _Reader(read.vector(2))
    while inside.left:
        kind = inside.number(2)
        found.setdefault(kind, inside.vector(2))
    return found


def _server_name(data: bytes | None) -> str | None:
    if not data:
        return None
    names = _Reader(_Reader(data).vector(2))
    while names.left:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return _text(name)
    return None


def _alpn(data: bytes | None) -> tuple[str, ...]:
    return tuple(_text(each) for each in _vectors(_Reader(data).vector(2), 1)) if data else ()


def _text(name: bytes) -> str:
    """ASCII as it is; every other byte, control characters too, escaped."""
    return "".join(chr(byte) if 32 < byte < 127 else f"\\x{byte:02x}" for byte in name)


def _vectors(data: bytes, size: int) -> Iterator[bytes]:
    read = _Reader(data)
    while read.left:
        yield read.vector(size)


def _pairs(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 2]) for at in range(0, len(data) - 1, 2))


def _version(number: int) -> str:
    return VERSIONS.get(number, f"{number:#06x}")


def _grease(number: int) -> bool:
    """Values that mean nothing, RFC 8701."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


class _Reader:
    """Fields of a message, one after the other. Raises `NotTls` where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        if self.left < size:
            raise NotTls(f"{size} bytes were promised, {self.left} are there")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))
