"""Bytes from the wire to bytes in clear and back, without any I/O: in clear, or with TLS ended here.

Rule: TLS runs on memory buffers, so that the caller makes every read of the socket itself and can report each one.
Weak spot: no renegotiation.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Protocol
from weakref import WeakKeyDictionary


class Channel(Protocol):
    """What stands between a socket and HTTP."""

    def take(self, data: bytes) -> bytes:
        """The clear bytes that `data` from the wire made readable; may be empty. Raises `ssl.SSLError`."""

    def seal(self, data: bytes) -> bytes:
        """The bytes to put on the wire for `data`, which may be empty, after all that is due before it."""

    def established(self) -> str | None:
        """Once, when TLS has just been agreed: version, ALPN and SNI in words. Else None."""

    def ended(self) -> bool:
        """Whether the peer said by TLS that it sends no more."""

    def finish(self) -> bytes:
        """The last bytes for the wire."""


class Clear:
    """No TLS."""

    def take(self, data: bytes) -> bytes:
        return data

    def seal(self, data: bytes) -> bytes:
        return data

    def established(self) -> str | None:
        return None

    def ended(self) -> bool:
        return False

    def finish(self) -> bytes:
        return b""


class Tls:
    """TLS is ended here."""

    def __init__(self, context: ssl.SSLContext, names: WeakKeyDictionary[ssl.SSLObject, str]) -> None:
        """Take a server's context and the table that its SNI callback fills (`watch_names`)."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._names = names
        self._agreed = self._told = self._ended = False

    def take(self, data: bytes) -> bytes:
        self._incoming.write(data)
        try:
            if not self._agreed:
                self._tls.do_handshake()
                self._agreed = True
            return self._readable()
        except ssl.SSLWantReadError:
            return b""

    def _readable(self) -> bytes:
        clear = b""
        try:
            while piece := self._tls.read(65536):
                clear += piece
            self._ended = True
        except ssl.SSLZeroReturnError:
            self._ended = True
        except ssl.SSLWantReadError:
            pass
        return clear

    def seal(self, data: bytes) -> bytes:
        if data:
            self._tls.write(data)
        return self._outgoing.read()

    def established(self) -> str | None:
        if self._told or not self._agreed:
            return None
        self._told = True
        sni = self._names.get(self._tls, "-")
        return f"{self._tls.version()} alpn={self._tls.selected_alpn_protocol() or '-'} sni={sni}"

    def ended(self) -> bool:
        return self._ended

    def finish(self) -> bytes:
        if self._agreed:
            # The peer's own close_notify is not waited for (RFC 8446, section 6.1).
            with suppress(ssl.SSLError):
                self._tls.unwrap()
        return self._outgoing.read()


def watch_names(context: ssl.SSLContext, known: tuple[str, ...] | None = None) -> WeakKeyDictionary[ssl.SSLObject, str]:
    """A table of the SNI of each connection made with `context`, filled as they come.

    With `known`, any other name, or none at all, ends the handshake with the alert unrecognized_name (RFC 6066, section 3).
    """
    names: WeakKeyDictionary[ssl.SSLObject, str] = WeakKeyDictionary()

    def note(tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        if name is not None:
            names[tls] = name
        return None if known is None or name in known else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = note
    return names
