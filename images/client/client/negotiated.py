"""A request as a browser or curl sends it: HTTP/2 where both sides agree, else HTTP/1.1; through a CONNECT proxy if asked.

Rule: nothing is followed, retried or decompressed; `http` says which versions are offered (`auto`: both over TLS, 1.1 in
clear; `1.1`; `2`, also in clear by prior knowledge). For HTTP/2 `sent` is the request in the form of HTTP/1.1, for what
goes over the wire is compressed. Sources: RFC 9112, RFC 9113, RFC 7301, RFC 9110, section 9.3.6 (CONNECT). Weak spot: one
request on a connection, and no trailers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import h11

from client import tls
from client.connecting import connect
from client.faults import kind
from client.ordinary import TOKEN_HEADER
from client.report import LIMIT, decode, token

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator

    from client.connecting import Progress
    from client.report import Received

CHUNK = 65536
OFFERED = {"auto": ("h2", "http/1.1"), "1.1": ("http/1.1",), "2": ("h2",)}
DEFAULTS = (("User-Agent", "lab-client"), ("Accept", "*/*"))
CONNECTED = range(200, 300)
MOST_HEAD = 65536
"""Bytes of a CONNECT proxy's answer."""


class ProxyRefusedError(OSError):
    """The CONNECT proxy did not open the tunnel."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request, decided to the last header field."""

    method: str
    scheme: str
    authority: str
    target: str
    headers: tuple[tuple[str, str], ...]
    """Without Host."""
    body: bytes


def send(probe: dict[str, Any], ca: str, progress: Progress, received: Received) -> socket.socket | None:
    """Send the probe and read the answer. Gives the open connection; a failure is noted in `progress.error`."""
    opened: socket.socket | None = None
    request = asked(probe)
    try:
        opened = connect(tuple(probe.get("proxy") or probe["connect"]), probe.get("timeout", 5.0), progress)
        two = probe["http"] == "2"
        if probe.get("proxy") and request.scheme == "https":
            _tunnel(opened, probe["connect"], progress)
        if request.scheme == "https":
            opened = _secured(opened, probe, ca, progress)
            two = _two_chosen(progress, probe["http"])
        progress.during = "send"
        exchange = _two if two else _one
        exchange(opened, request, progress, received, absolute=bool(probe.get("proxy")) and request.scheme == "http")
    except (OSError, EOFError, h11.ProtocolError) as error:
        progress.error = error
    return opened


def asked(probe: dict[str, Any]) -> Asked:
    """The request that a probe asks for. A header given with an empty value takes a default away, as with curl."""
    url, body = urlsplit(probe["url"]), decode(probe.get("body"))
    given = [(str(name), str(value)) for name, value in probe.get("headers") or []]
    named = {name.lower() for name, _ in given}
    headers = [each for each in _defaults(probe, body) if each[0].lower() not in named]
    headers += [(name, value) for name, value in given if value and name.lower() != "host"]
    authority = next((value for name, value in given if name.lower() == "host" and value), url.netloc.rpartition("@")[2])
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return Asked(probe.get("method") or "GET", url.scheme, authority, target, tuple(headers), body)


def _defaults(probe: dict[str, Any], body: bytes) -> Iterator[tuple[str, str]]:
    yield from DEFAULTS
    if probe.get("token"):
        yield TOKEN_HEADER, token(probe)
    if body:
        yield "Content-Type", "application/x-www-form-urlencoded"
        yield "Content-Length", str(len(body))


def _tunnel(opened: socket.socket, target: list[Any], progress: Progress) -> None:
    """Ask the proxy for a tunnel. Raises ProxyRefusedError."""
    progress.during = "connect"
    end = f"{target[0]}:{target[1]}"
    opened.sendall(f"CONNECT {end} HTTP/1.1\r\nHost: {end}\r\nUser-Agent: lab-client\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        piece = opened.recv(1)
        if not piece or len(head) > MOST_HEAD:
            raise EOFError("the proxy closed before it answered CONNECT")
        head += piece
    line = head.partition(b"\r\n")[0].decode("latin-1")
    status = line.split(" ")[1] if line.count(" ") else ""
    if not status.isdigit() or int(status) not in CONNECTED:
        raise ProxyRefusedError(f"the proxy answered CONNECT with {line!r}")


def _two_chosen(progress: Progress, http: str) -> bool:
    """Whether the server chose HTTP/2. Raises ConnectionError where nothing else was offered and it did not: what is asked for
    alone is never spoken as something else."""
    chosen = (progress.tls or {}).get("alpn")
    if http == "2" and chosen != "h2":
        raise ConnectionError(f"h2 alone was offered by ALPN, and the server chose {chosen or 'no protocol'}")
    return chosen == "h2"


def _secured(opened: socket.socket, probe: dict[str, Any], ca: str, progress: Progress) -> ssl.SSLSocket:
    progress.during = "tls"
    name = urlsplit(probe["url"]).hostname
    context = tls.context(ca, {"sni": name, "alpn": OFFERED[probe["http"]]} | (probe.get("tls") or {}))
    try:
        secured = context.wrap_socket(opened, server_hostname=name)
    except OSError:
        opened.close()
        raise
    progress.tls = tls.seen(secured)
    return secured


def _one(opened: socket.socket, request: Asked, progress: Progress, received: Received, *, absolute: bool) -> None:
    """HTTP/1.1. Raises OSError, EOFError, h11.ProtocolError."""
    target = f"{request.scheme}://{request.authority}{request.target}" if absolute else request.target
    talk = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=1 << 20)
    headers = [("Host", request.authority), *request.headers]
    data = talk.send(h11.Request(method=request.method, target=target, headers=headers)) or b""
    data += talk.send(h11.Data(data=request.body)) or b"" if request.body else b""
    data += talk.send(h11.EndOfMessage()) or b""
    unsent = _write(opened, data)
    progress.sent += b"" if unsent else data
    progress.during = "send" if unsent else "receive"
    try:
        _answer(talk, opened, received)
    except (OSError, EOFError) as error:
        raise (unsent if unsent and kind(error) != "alert" else error) from None


def _write(opened: socket.socket, data: bytes) -> OSError | None:
    """Why it could not be written: the peer may have answered early, or refused by an alert that is still to be read."""
    try:
        opened.sendall(data)
    except OSError as error:
        return error
    return None


def _answer(talk: h11.Connection, opened: socket.socket, received: Received) -> None:
    while not isinstance(event := talk.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            _feed(talk, opened, received)
        elif isinstance(event, h11.Response):
            received.status, received.http_version = event.status_code, event.http_version.decode()
            received.headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers.raw_items()]
        elif isinstance(event, h11.Data):
            _keep(received, event.data)


def _feed(talk: h11.Connection, opened: socket.socket, received: Received) -> None:
    """The next bytes. Raises EOFError at the end of the connection, unless that is the end of the body too."""
    data = opened.recv(CHUNK)
    if not data and received.status is None:
        raise EOFError("the peer closed without an answer")
    talk.receive_data(data)
    if not data and talk.their_state is h11.SEND_BODY and _counted(received):
        raise EOFError("the peer closed before the answer was whole")


def _counted(received: Received) -> bool:
    """Whether the answer says how long its body is (RFC 9112, section 6.3)."""
    return any(name.lower() in ("content-length", "transfer-encoding") for name, _ in received.headers)


def _keep(received: Received, data: bytes) -> None:
    received.body += data[: max(0, LIMIT - len(received.body))]


def _two(opened: socket.socket, request: Asked, progress: Progress, received: Received, *, absolute: bool) -> None:
    """HTTP/2, one stream. Raises OSError, EOFError."""
    from h2.connection import H2Connection
    from h2.exceptions import ProtocolError

    assert not absolute  # noqa: S101 - a proxy in clear is spoken to in HTTP/1.1
    talk = H2Connection()
    talk.initiate_connection()
    talk.send_headers(1, _fields(request), end_stream=not request.body)
    opened.sendall(talk.data_to_send())
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {request.authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    progress.sent += "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body
    progress.during = "receive"
    body = _Body(request.body)
    try:
        while not _step(talk, opened, body, received):
            pass
    except ProtocolError as error:
        raise EOFError(f"the peer broke HTTP/2: {error}") from error


def _fields(request: Asked) -> list[tuple[str, str]]:
    pseudo = {":method": request.method, ":scheme": request.scheme, ":authority": request.authority, ":path": request.target}
    return [*pseudo.items(), *((name.lower(), value) for name, value in request.headers)]


@dataclass(slots=True)
class _Body:
    """What of the request's body is still to be sent."""

    left: bytes


def _step(talk: Any, opened: socket.socket, body: _Body, received: Received) -> bool:
    """Send what the window lets through, take what came; whether the answer is whole."""
    while body.left and (room := min(talk.local_flow_control_window(1), talk.max_outbound_frame_size)):
        piece, body.left = body.left[:room], body.left[room:]
        talk.send_data(1, piece, end_stream=not body.left)
    opened.sendall(talk.data_to_send())
    data = opened.recv(CHUNK)
    if not data:
        raise EOFError("the peer closed without an answer" if received.status is None else "the peer closed too early")
    told = [_event(talk, event, received) for event in talk.receive_data(data)]
    opened.sendall(talk.data_to_send())
    return True in told


def _event(talk: Any, event: Any, received: Received) -> bool:
    from h2 import events

    if isinstance(event, events.ResponseReceived):
        fields = [(_text(name), _text(value)) for name, value in event.headers or ()]
        received.status, received.http_version = int(dict(fields)[":status"]), "2"
        received.headers = [each for each in fields if not each[0].startswith(":")]
    elif isinstance(event, events.DataReceived):
        _keep(received, event.data or b"")
        talk.acknowledge_received_data(event.flow_controlled_length, 1)
    elif isinstance(event, (events.StreamReset, events.ConnectionTerminated)):
        raise ConnectionResetError(f"the peer ended the stream: {event}")
    return isinstance(event, events.StreamEnded)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
