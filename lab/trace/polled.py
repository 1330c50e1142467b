"""A worker that listens nowhere and asks for its work: the request goes out to it in the answer to its own question.

Rule: such a connection came into the receiving container from another one, this probe's token stands in what went back on it
since the request was there, and not in what came in before. It is told the other way round: who opened it receives the
request. Source: the convention of function runtimes (`/runtime/invocation/next`, `/response`). Weak spot: in clear, and
with a token, alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lab.trace.bonds import Leg
from lab.trace.connections import joined
from lab.trace.streams import offset_since, packet_at, until
from lab.trace.talk import POLLED, Talk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.trace.asked import Asked
    from lab.trace.connections import Connection
    from lab.trace.flows import Flow
    from lab.trace.owners import World


def polled(world: World, leg: Leg, meant: Asked, until_ns: int) -> Iterator[Leg]:
    """Connections on which the receiver of `leg` gave the request to somebody who had asked for one."""
    container = leg.receiver.container
    if not meant.token or not container:
        return
    token = meant.token.encode()
    for connection in world.from_others.get((leg.receiver.namespace or "", container), ()):
        if token in connection.best.down.data and (found := _given(world, connection, leg, token, until_ns)):
            yield found


def _given(world: World, connection: Connection, leg: Leg, token: bytes, until_ns: int) -> Leg | None:
    flow = connection.best
    begin = offset_since(flow.down, leg.since_ns)
    if token not in flow.down.data[begin : until(flow.down, until_ns)]:
        return None
    begun = packet_at(flow.down, begin).time_ns
    if token in flow.up.data[: until(flow.up, begun)]:
        return None  # it brought the token itself: an ordinary request
    said = Talk(begin, offset_since(flow.up, begun), POLLED)
    return Leg(_turned(connection), said, world.receivers[connection.id], world.senders[connection.id], since_ns=begun)


def _turned(connection: Connection) -> Connection:
    """The same connection, seen from who accepted it."""
    ends = connection.receiver, connection.sender
    sender, receiver = (_turned_flow(flow) if flow else None for flow in ends)
    return joined(connection.id, tuple(map(_turned_flow, connection.views)), sender, receiver)


def _turned_flow(flow: Flow) -> Flow:
    """Nobody connected in this direction, so there is no handshake in it."""
    return replace(
        flow,
        client=flow.server,
        server=flow.client,
        up=flow.down,
        down=flow.up,
        syns=(),
        accepted=None,
        confirmed=None,
        refused=None,
    )
