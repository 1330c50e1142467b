"""What came back on a connection for one request: whether an answer did, its status, and where it began.

Rule: in clear the answer is read; inside the client's own session the client is asked; inside another's session only the
number and length of the records tell an answer from session tickets, and where they do not the answer is open. An interim
response (1xx) is no answer, and neither is one that came to a closed socket, or that the client's kernel never took. Weak
spot: a server that sends more tickets than usual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.trace.handshake import last_of_handshake, requests, server_data
from lab.trace.lives import reads, writes
from lab.trace.messages import answers
from lab.trace.streams import acknowledged, nearest, packet_at
from lab.trace.talk import TLS

if TYPE_CHECKING:
    from lab.model.observations import AppEvent, ClientReport, Packet, SocketRow
    from lab.trace.asked import Asked
    from lab.trace.bonds import Leg
    from lab.trace.h2_streams import Stream

TICKET = 300
"""Bytes up to which a server's record may be a session ticket and no answer."""
TICKETS = 2
"""Session tickets that a server sends after the handshake, as OpenSSL does by default."""

Back = tuple["int | None", "bool | None", "Packet | None"]
"""Status, whether there was an answer, the packet with which it began."""


def came_back(report: ClientReport, leg: Leg, events: tuple[AppEvent, ...], meant: Asked, *, outer: bool) -> Back:
    """What came back for the request that is meant."""
    said = leg.talk
    if said.stream:
        return _on_stream(report, leg, said.stream, outer=outer)
    if said.status or said.protocol != TLS:
        return _in_clear(report, leg)
    late = after_request(leg)
    if outer and (read := _decrypted(report, leg, meant)):
        return read
    told = _by_client(report, meant) if outer else None
    if told:
        return report.status, True, late[-1] if late else None
    found = answered(leg, events)
    if outer and (report.line or not leg.flow.quic):
        return None, _unread(report, found), late[-1] if found and late else None
    return None, found, late[-1] if late else None


def _on_stream(report: ClientReport, leg: Leg, stream: Stream, *, outer: bool) -> Back:
    """By its frames; a status that is packed in a table the client has read."""
    if stream.answer is None:
        return None, False if leg.flow.down.whole else None, None
    return stream.status or (report.status if outer else None), True, packet_at(leg.flow.down, stream.answer)


def unreceived(report: ClientReport, leg: Leg, answer: Packet, number: int) -> bool:
    """Whether the client tells of no such answer, and its kernel did not take it: it came to a socket that was closed before,
    which resets it (RFC 9293, section 3.10.7.1; behind a half-close it is taken), or was lost behind the interface, for it was
    never acknowledged. `number`: of the answer on its connection, from 0."""
    got = max(report.answers, int(report.status is not None or bool(report.body)))
    if got > number:
        return False
    up = leg.flow.up
    if up.reset is not None:
        return min(end.time_ns for end in (up.fin, up.reset) if end) < answer.time_ns
    return not _taken(leg, answer)


def _taken(leg: Leg, answer: Packet) -> bool:
    """Whether the kernel of who asked says that it has the first of an answer: by an acknowledgement, or by more that lies
    unread than can have come before it."""
    down = leg.flow.down
    before = nearest(down.base, len(down.data), answer.seq)
    if leg.flow.quic is not None or acknowledged(down, leg.flow.packets) > before:
        return True
    rows = (row for row in leg.sender.rows if row.time_ns >= answer.time_ns)
    return any(row.recv_q > before - _read(leg, row, before) for row in rows)


def _read(leg: Leg, row: SocketRow, most: int) -> int:
    """Bytes that who asked had read at a look; without the kernel's timeline as many as it can be."""
    taken = reads(leg.sender.life) if leg.sender.life else ()
    return sum(e.size for e in taken if e.time_ns <= row.time_ns) if taken else most


def _in_clear(report: ClientReport, leg: Leg) -> Back:
    """What can be read."""
    said, down = leg.talk, leg.flow.down
    if said.status is None:
        return _without_status(leg)
    answer = packet_at(down, said.answer + said.status.offset)
    return (None, False, None) if unreceived(report, leg, answer, said.number) else (said.status.code, True, answer)


def _without_status(leg: Leg) -> Back:
    """Bytes are an answer to bytes, and none to HTTP of which only the beginning came."""
    down, begin = leg.flow.down, leg.talk.answer
    data = down.data[begin:]
    if not data:
        return None, False if down.whole else None, None
    if data[:5] == b"HTTP/"[: len(data)] and leg.talk.message:
        return None, False if down.whole else None, None
    return None, True, packet_at(down, begin)


def _unread(report: ClientReport, found: bool | None) -> bool | None:
    """What was long enough to be an answer is one to a request that only passed; of a client that tells of none it is open."""
    if not found or report.error:
        return False
    return None if report.line else True


def _decrypted(report: ClientReport, leg: Leg, meant: Asked) -> Back | None:
    """Of the client's own session that its secrets open; None: they do not, or no HTTP/1.x came back in it."""
    if leg.talk.inside is None or not leg.flow.down.whole or not meant.messages:
        return None
    down = leg.talk.inside[1]
    found = answers(down.data, [each.head.method for each in meant.messages if each.head])
    if meant.number >= len(found):
        return None if down.data and not found else (None, False, None)
    own = found[meant.number]
    answer = packet_at(leg.flow.down, down.begins(own.offset))
    return (None, False, None) if unreceived(report, leg, answer, meant.number) else (own.status.code, True, answer)


def _by_client(report: ClientReport, meant: Asked) -> bool:
    """Whether the client got the answer to the request that is meant."""
    got = max(report.answers, int(report.status is not None))
    return got > meant.number if meant.messages else got > 0 or bool(report.body)


def after_request(leg: Leg) -> list[Packet]:
    """Packets of the server's encrypted records behind the first record of the client's request."""
    begun = _begun(leg)
    if begun is None:
        return []
    packets = [packet_at(leg.flow.down, r.offset) for r in server_data(leg.talk)]
    return [packet for packet in packets if packet.time_ns >= begun]


def _begun(leg: Leg) -> int | None:
    """When the first record of the client's request came."""
    asked = (r for r in requests(leg.talk) if packet_at(leg.flow.up, r.offset).time_ns >= leg.since_ns)
    return next((packet_at(leg.flow.up, r.offset).time_ns for r in asked), None)


def answered(leg: Leg, events: tuple[AppEvent, ...]) -> bool | None:
    """Whether more came back than session tickets."""
    if any(event.event in ("answered", "rejected") for event in events):
        return True
    said, late = leg.talk, after_request(leg)
    if leg.flow.quic:
        return None if late or not leg.flow.down.whole else False  # packets of QUIC have no lengths that tell
    if not late or (said.reply and said.reply.version != "TLSv1.3"):
        return bool(late) if late or leg.flow.down.whole else None
    records = [r for r in server_data(said) if packet_at(leg.flow.down, r.offset).time_ns >= late[0].time_ns]
    if len(records) > TICKETS or any(len(r.body) > TICKET for r in records) or _tickets_came_before(leg):
        return True
    return True if _wrote_twice(leg) else None


def _tickets_came_before(leg: Leg) -> bool:
    """Whether the server had spoken between the client's Finished and this request, and so had sent its tickets."""
    end, begun = last_of_handshake(leg.talk), _begun(leg)
    if end is None or begun is None:
        return False
    since = packet_at(leg.flow.up, end.end - 1).time_ns
    return any(since < packet_at(leg.flow.down, r.offset).time_ns < begun for r in server_data(leg.talk))


def _wrote_twice(leg: Leg) -> bool:
    """Whether the server wrote more than once after its last read: tickets, then an answer."""
    life = leg.receiver.life
    taken = reads(life) if life else ()
    return life is not None and bool(taken) and sum(e.time_ns > taken[-1].time_ns for e in writes(life)) > 1
