"""One accepted connection: each read and the end of the TLS handshake is reported, whoever asks for bytes."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app_proxy_line import ProxyLineError, read_line

if TYPE_CHECKING:
    from app_channel import Channel
    from app_report import Endpoint, Reporter

_LINGER_SECONDS = 1.0
"""For what the peer still sends: closing with bytes unread would reset the answer away (RFC 9112, section 9.6)."""
_SEND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wire:
    """One accepted connection as `app_http.Peer`."""

    socket: socket.socket
    channel: Channel
    reporter: Reporter
    read_ahead: bytearray = field(default_factory=bytearray)
    """Bytes that were read with a PROXY line and come after it."""

    def introduction(self, seconds: float) -> Endpoint | None:
        """Read a PROXY header: who the client is, if it says so. Raises `ProxyLineError` or `OSError`."""
        end, data = time.monotonic() + seconds, b""
        while (found := read_line(data)) is None:
            piece = self.read(end - time.monotonic())
            if not piece:
                raise ProxyLineError(f"the peer ended after {len(data)} bytes")
            data += piece
        self.read_ahead.extend(data[found.size :])
        return found.source

    def receive(self, seconds: float) -> bytes:
        """Some clear bytes; empty at the end. Raises `TimeoutError`, `ssl.SSLError` or another `OSError`."""
        end = time.monotonic() + seconds
        while not self.channel.ended():
            data = self._ahead() or self.read(end - time.monotonic())
            if not data:
                return b""
            if clear := self._take(data):
                return clear
        return b""

    def _ahead(self) -> bytes:
        data = bytes(self.read_ahead)
        self.read_ahead.clear()
        return data

    def read(self, seconds: float) -> bytes:
        """What one recv(2) gives, reported; empty at the end."""
        self.socket.settimeout(max(seconds, 0.001))
        data = self.socket.recv(65536)
        if data:
            self.reporter.say("read", str(len(data)))
        return data

    def _take(self, data: bytes) -> bytes:
        try:
            clear = self.channel.take(data)
        finally:
            self._put(self.channel.seal(b""))
        if agreed := self.channel.established():
            self.reporter.say("tls", agreed)
        return clear

    def send(self, data: bytes) -> None:
        """Write all of `data`."""
        self._put(self.channel.seal(data))

    def finish(self) -> None:
        """Say by TLS and by TCP that nothing more comes."""
        self._put(self.channel.finish())
        self.linger()

    def linger(self) -> None:
        """Say that nothing more comes, then take for a moment what the peer still sends."""
        self.socket.shutdown(socket.SHUT_WR)
        end = time.monotonic() + _LINGER_SECONDS
        while (left := end - time.monotonic()) > 0 and self.read(left):
            pass

    def _put(self, data: bytes) -> None:
        if data:
            self.socket.settimeout(_SEND_SECONDS)
            self.socket.sendall(data)
