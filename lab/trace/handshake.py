"""Whether both sides finished a TLS handshake, without its keys.

Sources: RFC 8446, sections 2 and 4.4.4 (the server is done when it took the client's Finished), 6 (alerts); RFC 5246,
section 7.3. Rule: the client is done when it sent a record as long as a Finished; the server when it speaks after it, or is
known to have read it. Only an alert behind the client's Finished says that the server refused it, unless it came so late
that it ended an idle connection. Weak spot: under TLS 1.3 an alert is told from its length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.trace.sealed import FINISHED, behind_handshake, behind_hello
from lab.trace.streams import packet_at
from lab.trace.talk import TLS
from lab.trace.tls_records import APPLICATION, CHANGE_CIPHER, HANDSHAKE, clear_alerts

if TYPE_CHECKING:
    from lab.model.observations import AppEvent, ClientReport
    from lab.trace.bonds import Leg
    from lab.trace.taken import Taken
    from lab.trace.talk import Talk
    from lab.trace.tls_records import Record

ALERT_MOST = 24
"""Bytes of the longest record that is still an alert: two bytes, a type and a tag, with TLS 1.2's nonce left out."""
PADDED_ALERT = 35
"""Of one that Java's TLS 1.3 sends, which it pads by 16 bytes. The shortest answer (`HTTP/1.1 200 OK` and a blank line) has 36;
a request may be shorter. Source: OpenJDK, sun.security.ssl.OutputRecord, T13PaddingLength."""
AT_ONCE_NS = 200 * 10**6
"""A server refuses a handshake at once; an idle connection it ends after seconds."""


def finished(report: ClientReport, leg: Leg, counted: Taken, events: tuple[AppEvent, ...], *, outer: bool) -> bool | None:
    """Whether both sides finished; None without TLS, or where it is open."""
    said = leg.talk
    if said.protocol != TLS:
        return None
    if any(a.fatal for a in clear_alerts(said.up_records) + clear_alerts(said.down_records)):
        return False
    if any(event.event in ("tls", "parsed", "dispatched") for event in events):
        return True
    if not client_finished(said):
        return False if leg.flow.up.whole and leg.flow.down.whole else None
    if said.reply and said.reply.version != "TLSv1.3":
        return any(r.kind == CHANGE_CIPHER for r in said.down_records)
    return _server_finished(report, leg, counted, outer=outer)


def client_finished(said: Talk) -> bool:
    """Whether the client finished its part of the handshake."""
    if said.reply is None or said.reply.retry:
        return False
    if said.reply.version == "TLSv1.3":
        return last_of_handshake(said) is not None
    kinds = [r.kind for r in said.up_records]
    return CHANGE_CIPHER in kinds and HANDSHAKE in kinds[kinds.index(CHANGE_CIPHER) :]


def last_of_handshake(said: Talk) -> Record | None:
    """The client's Finished under TLS 1.3; where no record has its length, the first that may hide it."""
    data = behind_hello(said)
    exact = next((r for r in data if len(r.body) in FINISHED), None)
    if said.hello and said.hello.early and said.early is None:
        return exact  # a longer one may be early data
    return exact or next((r for r in data if len(r.body) > FINISHED[0]), None)


def _server_finished(report: ClientReport, leg: Leg, counted: Taken, *, outer: bool) -> bool | None:
    end = last_of_handshake(leg.talk)
    if end is None:
        return False
    after = packet_at(leg.flow.up, end.end - 1).time_ns
    if any(packet_at(leg.flow.down, r.offset).time_ns > after for r in server_data(leg.talk)):
        return True
    alerts = [t for r in leg.talk.down_records if (t := packet_at(leg.flow.down, r.offset).time_ns) > after]
    if alerts and (alerts[0] - after < AT_ONCE_NS or (outer and report.error is not None and report.error.kind == "alert")):
        return False
    if counted.at_least >= end.end:
        return True
    return False if counted.at_most is not None and counted.at_most < end.end else None


def server_data(said: Talk) -> tuple[Record, ...]:
    """Encrypted records of the server, alerts left out."""
    most = PADDED_ALERT if said.reply and said.reply.version == "TLSv1.3" else ALERT_MOST
    return tuple(r for r in said.down_records if r.kind == APPLICATION and len(r.body) > most)


def requests(said: Talk) -> tuple[Record, ...]:
    """Encrypted records of the client that carry what it has to say, as far as lengths tell."""
    return tuple(r for r in behind_handshake(said) if len(r.body) > ALERT_MOST)
