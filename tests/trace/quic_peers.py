"""A genuine QUIC client and server (aioquic) whose datagrams go over the wire of a test.

`Talking` moves datagrams one by one between both, in memory: nothing is sent. `hops` says over which connections each of them
is seen, so a process that sends datagrams on is a second hop with the same bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import trustme
from aioquic.h3.connection import H3Connection
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import HandshakeCompleted, ProtocolNegotiated

from lab.model.observations import ClientReport, Secret, SeenTls
from tests.trace.wire import STEP, TOKEN, Lab, get

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aioquic.tls import SessionTicket

    from lab.model.observations import Endpoint
    from tests.trace.wire import Process

NAME = "shop.example"


@cache
def keys() -> tuple[trustme.CA, trustme.LeafCert]:
    authority = trustme.CA()
    return authority, authority.issue_cert(NAME)


@dataclass(frozen=True)
class Over:
    """One hop of a datagram: who sends it, from where, to whom."""

    source: str
    client: Endpoint
    target: str
    server: Endpoint
    reader: Process | None = None
    """Who is seen to read what comes to the server's end."""


@dataclass
class Talking:
    """Both ends, and every datagram that passed between them."""

    lab: Lab
    hops: tuple[Over, ...]
    server: bool = True
    keylog: io.StringIO = field(default_factory=io.StringIO)
    now: float = 0.0
    entered: set[int] = field(default_factory=set)
    tickets: dict[bytes, SessionTicket] | None = None
    """What the server remembers of earlier sessions; None: it gives no tickets."""
    ticket: SessionTicket | None = None
    """The client's: that of the session which it resumes, then the last one that it got."""

    def __post_init__(self) -> None:
        authority, leaf = keys()
        self.quic = QuicConnection(
            configuration=QuicConfiguration(
                is_client=True, alpn_protocols=["h3"], server_name=NAME, cadata=authority.cert_pem.bytes(),
                secrets_log_file=self.keylog, session_ticket=self.ticket,
            ),
            session_ticket_handler=self._keep,
        )  # fmt: skip
        mine = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        mine.certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
        mine.private_key = load_pem_private_key(leaf.private_key_pem.bytes(), None)  # type: ignore[assignment]
        self.far: QuicConnection | None = None
        self.mine = mine
        self.far_http: H3Connection | None = None
        self.quic.connect(("203.0.113.1", 443), self.now)
        self.http = H3Connection(self.quic)

    def _keep(self, ticket: SessionTicket) -> None:
        self.ticket = ticket

    def _remembers(self) -> dict[str, Any]:
        """The server's two ends of its tickets."""
        if self.tickets is None:
            return {}
        known = self.tickets
        return {
            "session_ticket_fetcher": known.get,
            "session_ticket_handler": lambda ticket: known.update({ticket.ticket: ticket}),
        }

    def run(self, rounds: int = 12) -> None:
        """Move datagrams until nobody has anything to say."""
        for _ in range(rounds):
            self.now += 0.03
            moved = self._up() | self._down()
            for each in filter(None, (self.quic, self.far)):
                if (timer := each.get_timer()) is not None and timer <= self.now:
                    each.handle_timer(self.now)
            if not moved:
                break

    def _up(self) -> bool:
        sent = [data for data, _ in self.quic.datagrams_to_send(self.now)]
        for data in sent:
            self.seen(data)
            if self.server:
                if self.far is None:
                    self.far = QuicConnection(
                        configuration=self.mine, original_destination_connection_id=data[6 : 6 + data[5]], **self._remembers()
                    )  # fmt: skip
                self.far.receive_datagram(data, ("203.0.113.9", 1), self.now)
                self._serve(self.far)
        return bool(sent)

    def _serve(self, far: QuicConnection) -> None:
        while (event := far.next_event()) is not None:
            if isinstance(event, ProtocolNegotiated):
                self.far_http = H3Connection(far)
            for told in self.far_http.handle_event(event) if self.far_http else ():
                stream = getattr(told, "stream_id", None)
                if stream is not None and stream not in self.entered and self.far_http:
                    self.entered.add(stream)
                    self.far_http.send_headers(stream, [(b":status", b"200"), (b"content-length", b"2")])
                    self.far_http.send_data(stream, b"ok", end_stream=True)

    def _down(self) -> bool:
        sent = [data for data, _ in self.far.datagrams_to_send(self.now)] if self.far else []
        for data in sent:
            for hop in reversed(self.hops):
                self.lab.udp(hop.source, hop.client, hop.target, hop.server, data, back=True)
            self.quic.receive_datagram(data, ("203.0.113.1", 443), self.now)
        while (event := self.quic.next_event()) is not None:
            if isinstance(event, HandshakeCompleted):
                continue
            self.http.handle_event(event)
        return bool(sent)

    def seen(self, data: bytes) -> None:
        """A datagram of the client passes each hop, and is read."""
        for hop in self.hops:
            self.lab.udp(hop.source, hop.client, hop.target, hop.server, data)
            if hop.reader:
                self.lab.event("read", hop.reader, hop.server[1], size=len(data), transport="udp")

    def ask(self, token: str = TOKEN) -> None:
        """One request on a stream of its own."""
        stream = self.quic.get_next_available_stream_id()
        fields = {":method": "GET", ":scheme": "https", ":authority": NAME, ":path": "/orders", "lab-probe": token}
        self.http.send_headers(stream, [(n.encode(), v.encode()) for n, v in fields.items()], end_stream=True)

    def secrets(self) -> tuple[Secret, ...]:
        """What the client wrote down of its keys."""
        lines = (line.split() for line in self.keylog.getvalue().splitlines())
        return tuple(Secret(label, bytes.fromhex(rand), bytes.fromhex(secret)) for label, rand, secret in lines)

    def move(self, hops: Iterable[Over]) -> None:
        """The client's port changes, and with it what is seen."""
        self.hops = tuple(hops)


def report(lab: Lab, talking: Talking, *, answered: bool = True, count: int = 1) -> None:
    """What the client tells of it."""
    first, begun, done = talking.hops[0], 1_700_000_000_000_000_000 - STEP, lab.tick()
    told = SeenTls("TLSv1.3", "AES_256_GCM_SHA384", "h3", (), verified=True) if answered else None
    lab.clients.append(
        ClientReport(
            lab.line("client"), "order", TOKEN, first.source, first.server, begun, done, first.client, first.server,
            get() * count, told, 200 if answered else None, "3" if answered else None, (), b"ok" if answered else b"", None,
            answers=count if answered else 0,
        )
    )  # fmt: skip
