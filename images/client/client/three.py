"""Requests over HTTP/3: one QUIC connection, one stream or several, and a client whose port may change.

Rule: aioquic makes the packets and we carry them, so each datagram is seen when it goes and comes, and the socket is ours to
change: the connection goes on from a new port with the ids that it has, as behind a NAT that forgot (RFC 9000, section 9). For
HTTP/3 `sent` is each request in the form of HTTP/1.1, for what goes over the wire is compressed. Nothing is imported before a
probe asks for it. Sources: RFC 9114, RFC 9000. Weak spot: what was seen of TLS is read from attributes of aioquic that are
private by name.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from client import early, keylog, negotiated
from client.channel import Deadline
from client.connecting import datagrams
from client.faults import AlertError, CertificateRefusedError
from client.report import LIMIT, Received, encode, token

if TYPE_CHECKING:
    from io import TextIOBase

    from client.connecting import Endpoint, Progress

DATAGRAM = 65536
CRYPTO_ERROR = 0x100
"""And behind it the number of an alert of TLS: RFC 9001, section 4.8."""
OF_CERTIFICATE = (42, 43, 44, 45, 46, 48)
"""Alerts that speak of a certificate, RFC 8446, section 6."""
_LEFT: dict[tuple[object, ...], Any] = {}
"""Peer and name -> the session ticket that the last connection there got."""
QUIET = 0.03
"""Seconds in which acknowledgments that are due go out (RFC 9000, section 18.2, max_ack_delay: 25 ms)."""


@dataclass(slots=True)
class Asked:
    """One request on a stream of its own, and what came back."""

    token: str
    """Its text."""
    sent: bytes
    got: Received = field(default_factory=Received)


@dataclass(slots=True)
class Exchange:
    """One connection and what came back on it."""

    socket: socket.socket
    keys: TextIOBase
    quic: Any
    peer: Endpoint
    http: Any = None
    ticket: Any = None
    """Of the session that it resumes, if any."""
    streams: dict[int, Asked] = field(default_factory=dict)
    done: bool = False
    """The handshake."""
    ended: set[int] = field(default_factory=set)

    def close(self) -> None:
        """Say so, and close."""
        self.quic.close()
        with suppress(OSError):
            self.flush()
        self.socket.close()
        self.keys.close()

    def flush(self) -> None:
        """Send what is to be sent."""
        for data, _ in self.quic.datagrams_to_send(time.monotonic()):
            self.socket.send(data)


def send(probe: dict[str, Any], ca: str, progress: Progress, received: Received) -> Exchange | None:
    """Send the probe's requests and read the answers. Gives the open connection; a failure is noted in `progress.error`."""
    exchange: Exchange | None = None
    try:
        exchange = _open(probe, ca, progress)
        if probe.get("early_data"):
            _ask(exchange, probe, _count(probe), progress)
        _handshake(exchange, probe, progress)
        _requests(exchange, probe, progress, received)
    except (OSError, EOFError) as error:
        progress.error = error
    return exchange


def streams(exchange: Exchange) -> list[dict[str, Any]]:
    """The report's `streams`, in the order in which they were opened."""
    return [
        {
            "stream": number, "name": str(place), "token": each.token, "sent": encode(each.sent), "status": each.got.status,
            "body": encode(bytes(each.got.body)), "answered": number in exchange.ended, "reset": "",
        }
        for place, (number, each) in enumerate(exchange.streams.items(), 1)
    ]  # fmt: skip


def _open(probe: dict[str, Any], ca: str, progress: Progress) -> Exchange:
    asked = {"sni": urlsplit(probe["url"]).hostname, **{k: v for k, v in (probe.get("tls") or {}).items() if v is not None}}
    opened = datagrams(tuple(probe["connect"]), progress)
    more = {name: bool(probe.get(name)) for name in ("early_data", "tickets")}
    return begun(opened, ca, asked | more, progress)


def begun(opened: socket.socket, ca: str, asked: dict[str, Any], progress: Progress) -> Exchange:
    """A connection whose handshake begins with what is sent next. `asked`: `sni` and `verify` of a probe's `tls`; `early_data`:
    resume the session that was left here; `tickets`: ask for one to be left (without, servers send none)."""
    from aioquic.h3.connection import H3Connection
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection

    keys = open(keylog.PATH, "a", encoding="ascii")  # noqa: SIM115, PTH123
    made = QuicConfiguration(
        is_client=True, alpn_protocols=["h3"], server_name=asked.get("sni"), cadata=ca.encode() or None,
        verify_mode=ssl.CERT_REQUIRED if asked.get("verify", True) else ssl.CERT_NONE, secrets_log_file=keys,
    )  # fmt: skip
    assert progress.peer is not None  # noqa: S101 - the socket has one
    place = (*progress.peer, made.server_name)
    made.session_ticket = _LEFT.get(place) if asked.get("early_data") else None
    keep = (lambda ticket: _LEFT.update({place: ticket})) if asked.get("early_data") or asked.get("tickets") else None
    quic = QuicConnection(configuration=made, session_ticket_handler=keep)
    quic.connect(progress.peer, time.monotonic())
    return Exchange(opened, keys, quic, progress.peer, H3Connection(quic), made.session_ticket)


def _handshake(exchange: Exchange, probe: dict[str, Any], progress: Progress) -> None:
    handshake(exchange, probe.get("tls") or {}, progress, Deadline.after(float(probe.get("timeout") or 5.0)))
    if probe.get("early_data") and progress.tls is not None:
        progress.tls["early"] = _early(exchange)


def handshake(exchange: Exchange, asked: dict[str, Any], progress: Progress, deadline: Deadline) -> None:
    """To its end. Raises OSError, EOFError."""
    progress.during = "tls"
    while not exchange.done:
        _step(exchange, deadline)
    tls = exchange.quic.tls
    chain = [tls._peer_certificate, *tls._peer_certificate_chain]  # noqa: SLF001 - there is no public word for it
    progress.tls = {
        "version": "TLSv1.3",
        "cipher": tls.key_schedule.cipher_suite.name,
        "alpn": tls.alpn_negotiated,
        "chain_sha256": [hashlib.sha256(_der(each)).hexdigest() for each in chain if each is not None],
        "verified": bool(asked.get("verify", True)),
    }


def _early(exchange: Exchange) -> str:
    """What became of early data; a server that allows any in its ticket says so by the largest number."""
    if exchange.ticket is None or not exchange.ticket.max_early_data_size:
        return early.NOT_SENT
    return early.ACCEPTED if exchange.quic.tls.early_data_accepted else early.REJECTED


def _der(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    data: bytes = certificate.public_bytes(Encoding.DER)
    return data


def _requests(exchange: Exchange, probe: dict[str, Any], progress: Progress, received: Received) -> None:
    """All at once; with `new_port` the first alone, and the others from another port."""
    moves, seconds = bool(probe.get("new_port")), float(probe.get("timeout") or 5.0)
    if moves:
        _ask(exchange, probe, 1, progress)
        _answers(exchange, progress, received, seconds)
        _move(exchange)
    if not probe.get("early_data"):
        _ask(exchange, probe, _count(probe) - moves, progress)
    _answers(exchange, progress, received, seconds)
    _rest(exchange)


def _ask(exchange: Exchange, probe: dict[str, Any], count: int, progress: Progress) -> None:
    """So many requests in as few datagrams as they fit; of several each has a token of its own."""
    progress.during = "send"
    for _ in range(count):
        own = secrets.token_hex(8) if several(probe) else token(probe)
        asked = Asked(own, _opened(exchange, negotiated.asked({**probe, "token": encode(own.encode("ascii"))})))
        exchange.streams[max(exchange.streams, default=-4) + 4] = asked
        progress.sent += b"" if several(probe) else asked.sent
    exchange.flush()


def _count(probe: dict[str, Any]) -> int:
    return int(probe.get("streams") or 1)


def several(probe: dict[str, Any]) -> bool:
    """Whether its requests are told one by one."""
    return _count(probe) > 1


def _opened(exchange: Exchange, request: negotiated.Asked) -> bytes:
    """Open a stream with this request; gives it in the form of HTTP/1.1."""
    pseudo = {":method": request.method, ":scheme": request.scheme, ":authority": request.authority, ":path": request.target}
    fields = [*pseudo.items(), *((name.lower(), value) for name, value in request.headers)]
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {request.authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    stream = exchange.quic.get_next_available_stream_id()
    packed = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    exchange.http.send_headers(stream, packed, end_stream=not request.body)
    if request.body:
        exchange.http.send_data(stream, request.body, end_stream=True)
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body


def _answers(exchange: Exchange, progress: Progress, received: Received, seconds: float) -> None:
    """Read until every stream has ended. The report's answer is that of the last one asked."""
    progress.during = "receive"
    deadline = Deadline.after(seconds)
    try:
        while exchange.streams.keys() - exchange.ended:
            _step(exchange, deadline)
    finally:
        last = exchange.streams[max(exchange.streams)].got
        received.status, received.http_version, received.headers = last.status, last.http_version, last.headers
        received.body, received.answers = last.body, len(exchange.ended)


def _rest(exchange: Exchange) -> None:
    """Acknowledge what came, so that the peer does not send it again while the connection stays open."""
    ends = time.monotonic() + QUIET
    while (left := ends - time.monotonic()) > 0:
        exchange.socket.settimeout(left)
        try:
            take(exchange)
        except TimeoutError:
            exchange.quic.handle_timer(time.monotonic())
        exchange.flush()


def take(exchange: Exchange) -> None:
    """One datagram. Raises OSError, and EOFError for what aioquic cannot read."""
    data = exchange.socket.recv(DATAGRAM)
    try:
        exchange.quic.receive_datagram(data, exchange.peer, time.monotonic())
    except ValueError as error:
        raise EOFError(f"the peer broke QUIC: {error}") from error


def _move(exchange: Exchange) -> None:
    """Go on from another port; the connection's ids stay."""
    fresh = socket.socket(exchange.socket.family, socket.SOCK_DGRAM)
    fresh.connect(exchange.socket.getpeername())
    exchange.socket.close()
    exchange.socket = fresh


def _step(exchange: Exchange, deadline: Deadline) -> None:
    """Send what is due, wait for one datagram or the next timer, and take what it says. Raises OSError."""
    exchange.flush()
    deadline.apply(exchange.socket)
    timer = exchange.quic.get_timer()
    if timer is not None:
        exchange.socket.settimeout(max(0.001, min(exchange.socket.gettimeout() or 0.001, timer - time.monotonic())))
    try:
        take(exchange)
    except TimeoutError:
        exchange.quic.handle_timer(time.monotonic())
    while (event := exchange.quic.next_event()) is not None:
        heard(exchange, event)
    exchange.flush()


def heard(exchange: Exchange, event: Any) -> None:
    """Take what the connection tells. Raises OSError, EOFError for its end."""
    from aioquic.quic import events

    if isinstance(event, events.HandshakeCompleted):
        exchange.done = True
    elif isinstance(event, events.ConnectionTerminated):
        raise _ended(event)
    elif isinstance(event, events.StreamReset) and event.stream_id in exchange.streams:
        raise ConnectionResetError(f"the peer reset stream {event.stream_id}: error {event.error_code:#x}")
    for told in exchange.http.handle_event(event):
        _told(exchange, told)


def _ended(event: Any) -> OSError | EOFError:
    text = event.reason_phrase or f"error {event.error_code:#x}"
    alert = event.error_code - CRYPTO_ERROR
    if alert in OF_CERTIFICATE:
        return CertificateRefusedError(text)
    if 0 <= alert < CRYPTO_ERROR:
        return AlertError(f"alert {alert}: {text}")
    if text == "Idle timeout":
        return TimeoutError(text)
    return EOFError(f"the peer ended the connection: {text}")


def _told(exchange: Exchange, told: Any) -> None:
    from aioquic.h3.events import DataReceived, HeadersReceived

    asked = exchange.streams.get(getattr(told, "stream_id", -1))
    if asked is None:
        return
    got = asked.got
    if isinstance(told, HeadersReceived):
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in told.headers]
        status = dict(fields).get(":status")
        if status and got.status is None and not status.startswith("1"):
            got.status, got.http_version = int(status), "3"
            got.headers = [each for each in fields if not each[0].startswith(":")]
    elif isinstance(told, DataReceived):
        got.body += told.data[: max(0, LIMIT - len(got.body))]
    if told.stream_ended:
        exchange.ended.add(told.stream_id)
