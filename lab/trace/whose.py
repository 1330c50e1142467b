"""Whether the last answer on a connection may be for what was sent behind the request that it stands for by its place.

Source: RFC 9112, section 9.3.2: answers come in the order of the requests. But a parser that meets a fault in what was
pipelined behind a request refuses at once, while the handler of that request is still at work, and closes (Node.js, uvicorn).
Rule: it is open where such a refusal is the last answer, the receiver ended the connection, more had come behind a request in
which nothing is wrong, and its application does not say that it answered. Weak spot: what is wrong with a request is told by
`lab.trace.http`, not by the receiver's parser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.http import flaws
from lab.trace.messages import answers
from lab.trace.reported import ENDS, exchanges, on_connection
from lab.trace.streams import packet_at
from lab.trace.talk import TLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.model.observations import ClientReport, Packet
    from lab.trace.asked import Asked
    from lab.trace.bonds import Leg
    from lab.trace.messages import Answer, Message
    from lab.trace.owners import World

PARSERS = (400, 411, 413, 414, 417, 431, 501, 505)
"""What parsers refuse with (RFC 9110, section 15.5; RFC 6585, section 5)."""


@dataclass(frozen=True, slots=True)
class _Dialogue:
    """What was asked and answered on a connection, in clear or in the client's own session."""

    data: bytes
    asked: Sequence[Message]
    got: Sequence[Answer]
    number: int
    """Of the request that is meant."""
    back: Packet
    """The packet with which the last answer began."""


def doubt(world: World, report: ClientReport, leg: Leg, meant: Asked) -> str:
    """Why it is open whether the last answer is for the request that is meant; empty: it is clear."""
    told = _dialogue(report, leg, meant)
    if told is None or not _early(told, leg) or _said_so(world, leg, len(told.got) - 1):
        return ""
    place, code = len(told.got), told.got[-1].status.code
    return f"whether the answer {code} is for request {place} of the connection or for what was sent right behind it"


def _dialogue(report: ClientReport, leg: Leg, meant: Asked) -> _Dialogue | None:
    said, down = leg.talk, leg.flow.down
    if said.protocol != TLS and said.messages and said.answers:
        back = packet_at(down, said.answers[-1].offset)
        return _Dialogue(leg.flow.up.data, said.messages, said.answers, said.number, back)
    if said.inside is None or not meant.messages:
        return None
    clear = said.inside[1]
    got = answers(clear.data, [each.head.method for each in meant.messages if each.head])
    if not got:
        return None
    return _Dialogue(report.sent, meant.messages, got, meant.number, packet_at(down, clear.begins(got[-1].offset)))


def _early(told: _Dialogue, leg: Leg) -> bool:
    """Whether it is a parser's last word, and more had come behind a request that is as it should be."""
    place = len(told.got) - 1
    if told.number < place or place >= len(told.asked) or told.got[place].status.code not in PARSERS:
        return False
    own = told.asked[place]
    rest = told.data[own.end :].strip() if own.end is not None else b""
    ended = leg.flow.down.fin or leg.flow.down.reset
    return bool(rest and ended) and not flaws(told.data[own.offset : own.end]) and not _came_later(leg, own, told.back)


def _came_later(leg: Leg, own: Message, back: Packet) -> bool:
    """Whether what is behind the request came when the answer was on its way; inside TLS nothing tells."""
    return leg.talk.protocol != TLS and own.end is not None and packet_at(leg.flow.up, own.end).time_ns > back.time_ns


def _said_so(world: World, leg: Leg, place: int) -> bool:
    """Whether the application says that it answered the request itself."""
    found = exchanges(on_connection(world, leg))
    return any(event.event in ENDS for event in (found[place] if place < len(found) else ()))
