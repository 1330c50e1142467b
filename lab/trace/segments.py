"""Segments as they came to an interface: how many, which brought nothing new, which came before bytes that precede theirs.

Source: RFC 9293, section 3.4: sequence numbers count modulo 2^32. Rule: only the receiver's interface counts; what was lost
behind it and sent again is there twice. Weak spot: offloading hands on several segments as one, and then they are counted
as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.streams import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.model.observations import Packet
    from lab.trace.flows import Flow


REPEATED, EARLY, NEXT = "retransmission", "before what precedes it", ""


@dataclass(frozen=True, slots=True)
class Segments:
    """Those with payload, in order of arrival."""

    all: tuple[Packet, ...] = ()
    repeated: tuple[Packet, ...] = ()
    """All of whose bytes had come before."""
    disordered: tuple[Packet, ...] = ()
    """That came before bytes that precede theirs."""


def segments(flow: Flow) -> Segments:
    """What the client of a connection sent, as its receiver's interface saw it."""
    every = list(placed(flow.up.base, [p for p in flow.packets if p.source == flow.client and p.payload]))
    return Segments(
        tuple(packet for packet, _, _ in every),
        tuple(packet for packet, _, kind in every if kind == REPEATED),
        tuple(packet for packet, _, kind in every if kind == EARLY),
    )


def placed(base: int, packets: Iterable[Packet]) -> Iterator[tuple[Packet, int, str]]:
    """Segments of one direction, each with its offset in the stream and what its place says: `REPEATED`, `EARLY` or `NEXT`."""
    came: list[tuple[int, int]] = []
    for packet in packets:
        furthest = max((end for _, end in came), default=0)
        begin = nearest(base, furthest, packet.seq + (1 if "S" in packet.flags else 0))
        end = begin + len(packet.payload)
        known = any(b <= begin and end <= e for b, e in came)
        yield packet, begin, REPEATED if known else EARLY if begin > _in_order(came) else NEXT
        came = _joined([*came, (begin, end)])


def _in_order(came: list[tuple[int, int]]) -> int:
    """Offset up to which nothing is missing."""
    return came[0][1] if came and came[0][0] <= 0 else 0


def _joined(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Parts of the stream that touch each other as one."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(parts):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined
