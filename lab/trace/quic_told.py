"""A QUIC connection in words: its packets, its ids and addresses, how far its handshake got.

Rule: only what stands in the captured datagrams; of what is encrypted its kind and its length. Weak spot: a datagram that
offloading put together from several is one datagram here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import About, Stage
from lab.trace import cite
from lab.trace.listeners import written
from lab.trace.quic_packets import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.observations import ClientReport
    from lab.model.routes import Evidence
    from lab.trace.account import Account
    from lab.trace.flows import Flow
    from lab.trace.index import Index
    from lab.trace.quic_flows import Quic

QUIC = "quic"
SHOWN = 8
"""Bytes of a connection id that are shown."""


def over_quic(index: Index, report: ClientReport) -> bool:
    """Whether what a client sent was a QUIC connection."""
    ends = report.local, report.peer
    return any(
        view.quic and (view.client, view.server) == ends
        for connection in index.connections for view in connection.views if view.namespace == report.namespace
    )  # fmt: skip


def datagram_words(view: Flow, quic: Quic) -> Iterator[str]:
    """A name for each datagram of a view, in order."""
    kinds = dict(quic.said)
    moved = {(packet.file, packet.number) for packet in quic.moved}
    for packet in view.packets:
        place = packet.file, packet.number
        if packet.transport == "icmp":
            yield "port unreachable"
        else:
            new = ", from a new address" if place in moved else ""
            yield f"QUIC {' + '.join(dict.fromkeys(kinds.get(place, ()))) or 'datagram'}{new}"


def evidence(flow: Flow, quic: Quic) -> Iterator[Evidence]:
    """What tells the connection, and how far its handshake got."""
    version = NAMES[quic.version]
    begun = f"QUIC version {version} begins with an Initial packet to id {_id(quic.original)}"
    ends = f"from {written(flow.client)} to {written(flow.server)}"
    yield cite.packet(flow.packets[0], f"{begun}, {ends}", About.CONNECTION)
    if flow.refused:
        yield cite.packet(flow.refused, "port unreachable: no socket takes it", About.CONNECTION)
    if flow.accepted:
        server = ", ".join(map(_id, quic.server_ids[1:])) or "none"
        client = ", ".join(map(_id, quic.client_ids))
        yield cite.packet(flow.accepted, f"the server answered; its ids: {server}; the client's: {client}", About.CONNECTION)
    if quic.first_sent:
        amounts = f"{quic.sent} bytes in 1-RTT packets there, {quic.came} back"
        yield cite.packet(quic.first_sent, f"the client's handshake is done: its first 1-RTT packet; in all {amounts}")
    for packet, before in zip(quic.moved, quic.addresses, strict=False):
        change = f"from {written(before)} to {written(packet.source)}"
        yield cite.packet(packet, f"the client's address changed {change}: the same connection, by its id")


def _id(value: bytes) -> str:
    return f"{value[:SHOWN].hex()}{'…' if len(value) > SHOWN else ''}" if value else "empty"


def unanswered(here: Account, stage: Stage) -> str:
    """Why a connection that nobody answered got no further."""
    flow = here.leg.flow
    first = f"a QUIC Initial packet ({cite.place(flow.packets[0])})"
    if stage is Stage.REFUSED and flow.refused:
        return f"{first} was answered with port unreachable ({cite.place(flow.refused)})"
    if stage is Stage.READABLE and here.leg.receiver.row:
        return f"{first} lies unread (sockets.jsonl:{here.leg.receiver.row.line})"
    return f"{first} was never answered"
