"""Exact bytes on a connection, and the answer read by h11.

Rule: what was asked is written as it is, never repaired; what comes back is HTTP if it begins like it, and raw bytes
otherwise. The connection stays open. Weak spot: after bytes that are not HTTP nothing tells the end but the peer's
close, so reading ends after `QUIET` seconds without more; of several pipelined answers only the first is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11

from client import tls
from client.connecting import connect
from client.report import LIMIT, decode

if TYPE_CHECKING:
    import socket
    import ssl

    from client.connecting import Progress
    from client.report import Received

CHUNK = 65536
QUIET = 0.25
"""Seconds; a local peer's next segment comes within a millisecond."""


def send(probe: dict[str, Any], ca: str, progress: Progress, received: Received) -> socket.socket | None:
    """Send the probe and read the answer. Gives the open connection; a failure is noted in `progress.error`.

    Raises ValueError for what is no base64.
    """
    opened: socket.socket | None = None
    data = decode(probe.get("send"))
    try:
        opened = connect(tuple(probe["connect"]), probe.get("timeout", 5.0), progress)
        if probe.get("tls") is not None:
            opened = _secured(opened, probe["tls"], ca, progress)
        progress.during = "send"
        opened.sendall(data)
        progress.sent += data
        progress.during = "receive"
        _receive(opened, data, received)
    except (OSError, EOFError) as error:
        progress.error = error
    return opened


def _secured(opened: socket.socket, asked: dict[str, Any], ca: str, progress: Progress) -> ssl.SSLSocket:
    progress.during = "tls"
    name, verify = asked.get("sni"), bool(asked.get("verify", True))
    context = tls.context(ca, asked.get("alpn") or (), verify=verify, name=name)
    try:
        secured = context.wrap_socket(opened, server_hostname=name)
    except OSError:
        opened.close()
        raise
    progress.tls = tls.seen(secured)
    return secured


def _receive(opened: socket.socket, request: bytes, received: Received) -> None:
    """Read one answer. Raises OSError, and EOFError when the peer closed before it was whole."""
    raw = bytearray()
    reader = _reader(request)
    while True:
        data = opened.recv(CHUNK)
        raw += data
        if not _like_http(raw):
            received.body[:] = raw
            if not data and not raw:
                raise EOFError("the peer closed without an answer")
            return _rest(opened, received)
        if _parse(reader, data, received):
            return None
        if received.status is None:
            received.body[:] = raw
        if not data:
            raise EOFError("the peer closed before the answer was whole")


def _like_http(raw: bytearray) -> bool:
    return bool(raw) and b"HTTP/".startswith(raw[:5])


def _reader(request: bytes) -> h11.Connection:
    """h11 needs the request's method to know where its answer ends; nothing that it would send is sent."""
    reader = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=1 << 20)
    method = request.split(b" ", 1)[0]
    known = method if method.isalpha() and method.isupper() and method != b"CONNECT" else b"GET"
    reader.send(h11.Request(method=known, target="/", headers=[("Host", "x")]))
    reader.send(h11.EndOfMessage())
    return reader


def _parse(reader: h11.Connection, data: bytes, received: Received) -> bool:
    """Feed the reader; whether the answer is whole or no answer that h11 understands."""
    try:
        reader.receive_data(data)
        while True:
            event = reader.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return False
            if isinstance(event, h11.EndOfMessage):
                return True
            _take(event, received)
    except h11.RemoteProtocolError:
        return bool(data)


def _take(event: Any, received: Received) -> None:
    if isinstance(event, h11.Response):
        received.status = event.status_code
        received.http_version = event.http_version.decode()
        received.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()]
        received.body.clear()
    elif isinstance(event, h11.Data) and len(received.body) < LIMIT:
        received.body += event.data


def _rest(opened: socket.socket, received: Received) -> None:
    opened.settimeout(QUIET)
    try:
        while len(received.body) < LIMIT and (data := opened.recv(CHUNK)):
            received.body += data
    except (TimeoutError, ConnectionResetError):
        return
