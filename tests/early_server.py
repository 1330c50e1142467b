"""A server that takes early data, as OpenSSL does: on memory buffers, by pyOpenSSL and the functions of OpenSSL beneath it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

if TYPE_CHECKING:
    import trustme

_OPENSSL = Binding()
MOST = 16384
NO_ANTI_REPLAY = 1 << 24
"""SSL_OP_NO_ANTI_REPLAY: a ticket is good for more than one connection, so the server need keep none (as nginx has it)."""
READ, FINISHED = 1, 2
"""SSL_READ_EARLY_DATA_SUCCESS and _FINISH."""


class EarlyServer:
    """What its connections share: a key of tickets, and whether early data are taken."""

    def __init__(self, leaf: trustme.LeafCert) -> None:
        self.context = SSL.Context(SSL.TLS_SERVER_METHOD)
        with leaf.private_key_and_cert_chain_pem.tempfile() as path:
            self.context.use_certificate_chain_file(path)
            self.context.use_privatekey_file(path)
        self.context.set_session_id(b"lab")
        self.context.set_options(NO_ANTI_REPLAY)
        self.take(MOST)

    def take(self, most: int) -> None:
        """Bytes of early data that are taken from now on; 0: none."""
        _OPENSSL.lib.SSL_CTX_set_max_early_data(self.context._context, most)

    def connection(self, *, early: bool = True) -> EarlyConnection:
        """`early`: it looks for early data; without it refuses them."""
        return EarlyConnection(SSL.Connection(self.context, None), early=early)


class EarlyConnection:
    """One connection: bytes of the wire in, bytes of the wire out."""

    def __init__(self, made: SSL.Connection, *, early: bool) -> None:
        made.set_accept_state()
        self.made, self.early = made, early
        self.got = bytearray()
        """What the client said, in clear."""
        self.got_early = b""
        """The part of it that came as early data."""

    def take(self, wire: bytes) -> bytes:
        """What came, and what goes back at once."""
        if wire:
            self.made.bio_write(wire)
        with suppress(SSL.WantReadError, SSL.ZeroReturnError):
            self._read()
        return self.out()

    def answer(self, data: bytes) -> bytes:
        """Also before the handshake is finished."""
        if self.early:
            size = _OPENSSL.ffi.new("size_t *")
            assert _OPENSSL.lib.SSL_write_early_data(self.made._ssl, data, len(data), size) == 1
        else:
            self.made.send(data)
        return self.out()

    def out(self) -> bytes:
        with suppress(SSL.WantReadError):
            return self.made.bio_read(1 << 16)
        return b""

    def _read(self) -> None:
        buffer, size = _OPENSSL.ffi.new(f"char[{MOST}]"), _OPENSSL.ffi.new("size_t *")
        while self.early:
            told = _OPENSSL.lib.SSL_read_early_data(self.made._ssl, buffer, MOST, size)
            if told == READ:
                self.got_early += _OPENSSL.ffi.buffer(buffer, size[0])[:]
                self.got[:] = self.got_early
            elif told == FINISHED:
                self.early = False
            else:
                return
        self.made.do_handshake()
        while True:
            self.got += self.made.recv(MOST)
