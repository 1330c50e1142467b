"""What goes over a connection: bytes as they are, or TLS on memory buffers, so that every write is ours.

Rule: what TLS has to say is written in one call, when it says it; a ClientHello can be stopped after any of its bytes and
continued. Weak spot: with the key of a TLS 1.3 session the server may reject the client after the client is done; that
shows at the first read.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from client import early

CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends RST (socket(7), tcp(7))."""


@dataclass(slots=True)
class Deadline:
    """Seconds that are left of a step."""

    ends: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    def apply(self, opened: socket.socket) -> None:
        """The next call on the socket may take what is left. Raises TimeoutError when nothing is."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        opened.settimeout(left)


class Channel(Protocol):
    """Clear bytes, whatever goes over the wire."""

    socket: socket.socket

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all, in one call. Raises OSError."""

    def read(self, deadline: Deadline) -> bytes:
        """Some bytes; none at the end. Raises OSError, TimeoutError."""

    def finish(self, deadline: Deadline) -> None:
        """Say that no more will be written, as far as there are words for it."""


class Plain:
    """No TLS."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened

    def write(self, data: bytes, deadline: Deadline) -> None:
        deadline.apply(self.socket)
        self.socket.sendall(data)

    def read(self, deadline: Deadline) -> bytes:
        deadline.apply(self.socket)
        return self.socket.recv(CHUNK)

    def finish(self, deadline: Deadline) -> None:
        """TCP alone has no words for it."""


class Secured:
    """TLS. Made before its handshake, which may be taken in parts."""

    def __init__(
        self, opened: socket.socket, context: ssl.SSLContext, name: str | None, session: ssl.SSLSession | None = None
    ) -> None:
        """`session`: one of the same context, to be resumed."""
        self.socket = opened
        self.done = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name, session=session)
        self._held = b""
        self.early = b""
        """What is to be sent as early data, and behind the handshake if it is not taken."""

    def begin_early(self, data: bytes, deadline: Deadline) -> bool:
        """Write the ClientHello and early data behind it, in one call; whether the session allows any. If it does not, the
        data wait for the end of the handshake. Raises OSError."""
        self.early = data
        taken_along = early.allowed(self.tls) >= len(data)
        if taken_along:
            early.write(self.tls, data)
        else:
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
        self._flush(deadline)
        return taken_along

    def begin(self, stop_after: int, deadline: Deadline) -> None:
        """Write the first bytes of the ClientHello and hold the others back."""
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        hello = self._outgoing.read()
        self._held = hello[stop_after:]
        deadline.apply(self.socket)
        self.socket.sendall(hello[:stop_after])

    def handshake(self, deadline: Deadline) -> None:
        """From where it is to its end. Raises OSError; what TLS has to say of a failure is written before."""
        while not self.done:
            try:
                self.tls.do_handshake()
                self.done = True
            except ssl.SSLWantReadError:
                self._flush(deadline)
                self._fill(deadline)
            except ssl.SSLError:
                with suppress(OSError):
                    self._flush(deadline)
                raise
        self._flush(deadline)
        if self.early and early.status(self.tls) != early.ACCEPTED:
            self.write(self.early, deadline)

    def write(self, data: bytes, deadline: Deadline) -> None:
        if data:
            self.tls.write(data)
        self._flush(deadline)

    def read(self, deadline: Deadline) -> bytes:
        while True:
            try:
                return self.tls.read(CHUNK)
            except ssl.SSLWantReadError:
                self._flush(deadline)
                self._fill(deadline)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def finish(self, deadline: Deadline) -> None:
        """close_notify (RFC 8446, section 6.1); the peer's own is not waited for."""
        if self.done:
            with suppress(ssl.SSLError):
                self.tls.unwrap()
        self._flush(deadline)

    def _flush(self, deadline: Deadline) -> None:
        data, self._held = self._held + self._outgoing.read(), b""
        if data:
            deadline.apply(self.socket)
            self.socket.sendall(data)

    def _fill(self, deadline: Deadline) -> None:
        deadline.apply(self.socket)
        data = self.socket.recv(CHUNK)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()


def at_once(opened: socket.socket) -> None:
    """Small writes leave as they are, each in a segment of its own (tcp(7), TCP_NODELAY)."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def reset(opened: socket.socket) -> None:
    """Close by RST, whatever lies unsent or unread."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    opened.close()
