"""TCP connections as one namespace saw them.

Rule: a connection begins with a SYN whose sequence number is new; a repeated SYN begins nothing. The client is who sent the
SYN. Weak spot: of a connection older than the capture the side with the higher port is held to be the client.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.streams import Stream, reassemble

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.model.observations import Endpoint, Packet
    from lab.trace.lives import Life
    from lab.trace.moments import Memo
    from lab.trace.quic_flows import Quic


@dataclass(frozen=True, slots=True)
class Flow:
    """One TCP connection in one namespace."""

    namespace: str
    client: Endpoint
    server: Endpoint
    packets: tuple[Packet, ...]
    """Both directions, in order of time."""
    syns: tuple[Packet, ...]
    """The SYN and its repetitions; empty: the connection is older than the capture."""
    accepted: Packet | None
    """SYN-ACK."""
    confirmed: Packet | None
    """First packet of the client that acknowledges the SYN-ACK."""
    refused: Packet | None
    """Reset in answer to the SYN."""
    up: Stream
    """Client to server."""
    down: Stream
    quic: Quic | None = None
    """Of a connection over QUIC (`lab.trace.quic_flows`); None: over TCP."""
    attempt: Life | None = None
    """Of a connection of which no packet went out (`lab.trace.attempts`): its socket, for there are no packets."""

    @property
    def transport(self) -> str:
        return "udp" if self.quic else "tcp"

    @property
    def begun_ns(self) -> int:
        return self.attempt.begun_ns if self.attempt else self.packets[0].time_ns

    @property
    def ended_ns(self) -> int:
        return self.attempt.ended_ns if self.attempt else self.packets[-1].time_ns

    @property
    def isn(self) -> int | None:
        """The client's initial sequence number."""
        return self.syns[0].seq if self.syns else None

    @property
    def server_isn(self) -> int | None:
        return self.accepted.seq if self.accepted else None


def flows(packets: Iterable[Packet], memo: Memo) -> tuple[Flow, ...]:
    """All TCP connections, by namespace, in the order in which they were first seen."""
    together: dict[tuple[str, frozenset[Endpoint]], list[Packet]] = defaultdict(list)
    for packet in sorted(packets, key=_moment):
        if packet.transport == "tcp":
            together[packet.namespace, frozenset((packet.source, packet.destination))].append(packet)
    found = [_remembered(part, memo) for every in together.values() for part in _incarnations(every)]
    return tuple(sorted(found, key=lambda flow: (flow.begun_ns, flow.namespace)))


def _moment(packet: Packet) -> tuple[int, str, int]:
    return packet.time_ns, packet.file, packet.number


def _incarnations(packets: list[Packet]) -> Iterator[list[Packet]]:
    """The same two endpoints may meet again: each new SYN begins a connection."""
    current: list[Packet] = []
    isn: tuple[Endpoint, int] | None = None
    for packet in packets:
        if _is_syn(packet) and (packet.source, packet.seq) != isn:
            if current:
                yield current
            current, isn = [], (packet.source, packet.seq)
        current.append(packet)
    yield current


def _is_syn(packet: Packet) -> bool:
    return "S" in packet.flags and "A" not in packet.flags


def _remembered(packets: list[Packet], memo: Memo) -> Flow:
    key = packets[0].file, packets[0].number, packets[-1].number, len(packets)
    if key not in memo.flows:
        memo.flows[key] = _flow(packets)
    return memo.flows[key]


def _flow(packets: list[Packet]) -> Flow:
    client, server = _ends(packets)
    up = [p for p in packets if p.source == client]
    down = [p for p in packets if p.source != client]
    accepted = next((p for p in down if "S" in p.flags), None)
    confirmed = accepted and next((p for p in up if _confirms(p, accepted)), None)
    refused = None if accepted else next((p for p in down if "R" in p.flags), None)
    syns = tuple(p for p in up if _is_syn(p))
    return Flow(
        packets[0].namespace, client, server, tuple(packets), syns, accepted, confirmed, refused if syns else None,
        reassemble(up, down), reassemble(down, up),
    )  # fmt: skip


def _confirms(packet: Packet, accepted: Packet) -> bool:
    return "A" in packet.flags and "R" not in packet.flags and packet.time_ns >= accepted.time_ns


def _ends(packets: list[Packet]) -> tuple[Endpoint, Endpoint]:
    for packet in packets:
        if _is_syn(packet):
            return packet.source, packet.destination
        if "S" in packet.flags:
            return packet.destination, packet.source
    first = packets[0]
    ends = sorted((first.source, first.destination), key=lambda end: end[1])
    return ends[1], ends[0]
