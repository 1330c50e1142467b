"""The request in clear, as far as it came and as far as a process is known to have taken it.

Rule: in clear the wire is read; inside the client's own TLS session what the client sent is, as far as the records that
carry it were taken. Inside another's session there is nothing to read. Weak spot: where the lengths of records do not add
up, all or nothing of the request is known to be taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace import bonds
from lab.trace.handshake import client_finished
from lab.trace.index import SLACK_NS
from lab.trace.sealed import behind_handshake, opened
from lab.trace.talk import TLS

if TYPE_CHECKING:
    from lab.model.observations import ClientReport
    from lab.trace.asked import Asked
    from lab.trace.bonds import Leg
    from lab.trace.h2_streams import Stream
    from lab.trace.http import Head
    from lab.trace.taken import Taken


@dataclass(frozen=True, slots=True)
class Inside:
    """One request on one leg."""

    came: int
    """Bytes of it, on the wire, that arrived."""
    taken: bool | None
    """Whether a process read any of them."""
    request: bytes
    """In clear, as far as a process is known to have taken it."""
    head: Head | None


@dataclass(frozen=True, slots=True)
class Where:
    """The leg that is looked into, and how."""

    report: ClientReport
    meant: Asked
    leg: Leg
    counted: Taken
    outer: bool
    """It carries the client's own bytes or the client's own TLS session."""
    onward: bool
    """Its receiver sent something on."""


def inside(here: Where, *, answered: bool) -> Inside:
    """What is known of the request on a leg."""
    came = _came(here)
    return Inside(came, _taken(here, came, answered=answered), _request(here), _head(here))


def _came(here: Where) -> int:
    if here.leg.talk.stream:
        stream = here.leg.talk.stream
        return max(0, min(stream.last, here.counted.arrived) - stream.begin)
    begin = here.leg.talk.begin
    end = begin + len(_said(here))
    return max(0, min(end, here.counted.arrived) - begin) if here.leg.connection.receiver else end - begin


def _said(here: Where) -> bytes:
    return bonds.said(here.leg, here.report.finished_ns + SLACK_NS)


def _taken(here: Where, came: int, *, answered: bool) -> bool | None:
    stream, counted = here.leg.talk.stream, here.counted
    begin = stream.begin if stream else here.leg.talk.begin
    if here.onward or answered or counted.at_least > begin or _spoke(here):
        return True
    if not came or (counted.at_most is not None and counted.at_most <= begin):
        return False
    return None


def _spoke(here: Where) -> bool:
    """Under TLS the client speaks first (RFC 8446, section 2): a receiver that sent a record has read its hello."""
    return _protected(here) and here.leg.talk.stream is None and bool(here.leg.talk.down_records)


def _request(here: Where) -> bytes:
    """Of what was carried on the head was taken, and no witness need say so."""
    if here.leg.talk.stream:
        return here.meant.data[: _of_stream(here, here.leg.talk.stream)]
    if _protected(here) and not here.outer:
        return b""
    data = here.meant.data if _protected(here) else _said(here)
    head = _head(here)
    sure = head.size if head and here.onward else 0
    return data[: max(sure, _clear(here))]


def _of_stream(here: Where, stream: Stream) -> int:
    """Bytes of the request that are known to be taken: all that was sent of it, its head, or nothing."""
    at_least, head = here.counted.at_least, _head(here)
    if at_least >= stream.last:
        return len(here.meant.data)
    taken = stream.head_end is not None and (here.onward or at_least >= stream.head_end)
    return head.size if head and taken else 0


def _clear(here: Where) -> int:
    """Bytes of the request in clear that the bytes taken from the wire amount to."""
    leg, counted, meant = here.leg, here.counted, here.meant
    if not _protected(here):
        return max(0, counted.at_least - leg.talk.begin)
    early = leg.talk.early is not None and bool(leg.talk.early.taken)
    if not (client_finished(leg.talk) or early) or not behind_handshake(leg.talk):
        return 0
    if counted.at_least >= len(leg.flow.up.data) and leg.flow.up.whole:
        return len(meant.data)
    return max(0, (opened(leg.talk, here.report.sent, counted.at_least) or 0) - meant.offset)


def _head(here: Where) -> Head | None:
    if here.leg.talk.stream:
        return here.meant.messages[0].head if here.meant.messages and here.leg.talk.stream.head_end is not None else None
    if _protected(here):
        return here.meant.messages[here.meant.number].head if here.outer and here.meant.messages else None
    return here.leg.talk.head


def _protected(here: Where) -> bool:
    return here.leg.talk.protocol == TLS
