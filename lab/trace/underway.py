"""What was sent on a connection and has not come to the other end, by the kernels' own socket tables.

Source: tcp(7), net/ipv4/tcp_diag.c: the send queue of a connection is what its peer has not acknowledged, a FIN counted as one.
Rule: bytes that are not acknowledged, while the other end has nothing unread, are on the way or lost, and then what waits for
them is not to blame; where something lies unread at the other end, that end does not take it. Weak spot: a row is as old as its
look; one after which the connection went on says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.streams import acknowledged
from lab.trace.taken import unread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.model.observations import SocketRow
    from lab.trace.bonds import Leg
    from lab.trace.flows import Flow
    from lab.trace.streams import Stream

ENDING = ("FIN-WAIT-1", "CLOSING", "LAST-ACK")
"""States in which the FIN may be what is not acknowledged."""
BEGUN = ("SYN-SENT", "SYN-RECV")


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Bytes of one end."""

    size: int
    row: SocketRow
    """Of the socket that sent them."""
    back: bool
    """Whether they are the receiver's."""


def under_way(leg: Leg) -> UnderWay | None:
    """What is on the way on a leg: of its sender first."""
    flow = leg.flow
    ends = ((leg.sender.rows, leg.receiver.rows, flow.up, False), (leg.receiver.rows, leg.sender.rows, flow.down, True))
    return next((found for near, far, stream, back in ends if (found := _of(near, far, flow, stream, back=back))), None)


def _of(near: Sequence[SocketRow], far: Sequence[SocketRow], flow: Flow, stream: Stream, *, back: bool) -> UnderWay | None:
    row = near[-1] if near else None
    if row is None or row.state in BEGUN or _went_on(flow, stream, row):
        return None
    size = row.send_q - (row.state in ENDING)
    closed = any(unread(each) for each in far[-1:])
    return UnderWay(size, row, back) if size > 0 and not closed else None


def _went_on(flow: Flow, stream: Stream, row: SocketRow) -> bool:
    """Whether the connection went on after the row: more was acknowledged, or an end ended it."""
    if any(p.time_ns > row.time_ns and set(p.flags) & set("FR") for p in flow.packets):
        return True
    return acknowledged(stream, flow.packets) > acknowledged(stream, flow.packets, row.time_ns)
