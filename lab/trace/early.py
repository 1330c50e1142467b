"""Early data (0-RTT): what a client sent behind its ClientHello, before its handshake, and whether the server took it.

Sources: RFC 8446, sections 2.3 and 4.2.10 (the server says so in its EncryptedExtensions) and 4.5; RFC 9001, section 4.6 (over
QUIC they stand in packets of a kind of their own, which everybody can tell). Rule: which records are early data is told by the
key that opens them, over QUIC by the packet's header; whether they were taken is told by the server's own words, opened with
the client's secrets. Weak spot: without secrets nothing is told but that a ClientHello offers some.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.decrypted import opened_early, server_messages
from lab.trace.quic_flows import Pieces
from lab.trace.quic_frames import CRYPTO, frames
from lab.trace.quic_keys import SIZES, opened, traffic
from lab.trace.quic_packets import HANDSHAKE, whole_packets
from lab.trace.tls import takes_early

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lab.model.observations import Secret
    from lab.trace.flows import Flow
    from lab.trace.quic_packets import QuicPacket
    from lab.trace.talk import Talk
    from lab.trace.tls_records import Record

CLIENT, SERVER = "CLIENT_EARLY_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"
"""Labels of the key log."""


@dataclass(frozen=True, slots=True)
class Early:
    """The early data of one session."""

    records: tuple[Record, ...]
    """All that the key of early data protects."""
    carrying: tuple[Record, ...]
    """Those among them that carry something of a request."""
    data: bytes
    """That, in clear; of QUIC it is told by stream, and empty here."""
    taken: bool | None
    """None: the server has not said, or its words cannot be read."""
    ends: tuple[int, ...] = ()
    """Offset in `data` behind what each carrying record carries."""


def in_records(said: Talk, secrets: Iterable[Secret]) -> Early | None:
    """Of TLS over TCP; None: none were offered, or the secrets are not known."""
    known = _known(said, secrets)
    if CLIENT not in known:
        return None
    found = opened_early(said.up_records, known[CLIENT])
    data, ends, carrying = bytearray(), list[int](), list["Record"]()
    for record, body in found:
        if body:
            data += body
            ends.append(len(data))
            carrying.append(record)
    taken = takes_early(server_messages(said, known[SERVER])) if SERVER in known else None
    return Early(tuple(record for record, _ in found), tuple(carrying), bytes(data), taken, tuple(ends))


def in_packets(said: Talk, flow: Flow, secrets: Iterable[Secret]) -> Early | None:
    """Of QUIC; None: none were offered."""
    if said.hello is None or not said.hello.early or flow.quic is None:
        return None
    offsets, known = set(flow.quic.early), _known(said, secrets)
    records = tuple(record for record in said.up_records if record.offset in offsets)
    taken = takes_early(_server_messages(said, flow, known[SERVER])) if SERVER in known else None
    return Early(records, records, b"", taken)


def _known(said: Talk, secrets: Iterable[Secret]) -> Mapping[str, bytes]:
    """Label -> secret of this session, if its ClientHello offers early data."""
    if said.hello is None or not said.hello.early:
        return {}
    return {one.label: one.secret for one in secrets if one.random == said.hello.random}


def _server_messages(said: Talk, flow: Flow, secret: bytes) -> bytes:
    """The server's handshake messages behind its ServerHello, as far as they came without a gap."""
    if said.reply is None or said.reply.cipher not in SIZES or flow.quic is None:
        return b""
    keys, pieces, expected, found = traffic(secret, said.reply.cipher, flow.quic.version), Pieces(), 0, bytearray()
    for payload, part in _handshake_packets(flow):
        packet = opened(keys, payload, part, expected)
        if packet is not None:
            expected = max(expected, packet.number + 1)
            for frame in frames(packet.payload):
                found += pieces.take(frame.offset, frame.data) if frame.kind == CRYPTO else b""
    return bytes(found)


def _handshake_packets(flow: Flow) -> Iterator[tuple[bytes, QuicPacket]]:
    """Of the server, each in its datagram."""
    for packet in flow.packets:
        if packet.source == flow.server and packet.transport == "udp":
            yield from ((packet.payload, part) for part in whole_packets(packet.payload) if part.kind == HANDSHAKE)
