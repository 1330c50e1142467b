"""What a packet brings, in the field's words: SYN, ClientHello, request head, retransmission.

Rule: bytes are named by their place in the stream, so the second half of a head is still the head. A segment all of whose
bytes had come before is a retransmission. Weak spot: inside TLS there are only records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.trace.quic_told import datagram_words
from lab.trace.segments import placed
from lab.trace.talk import POSTGRES, TLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.observations import Packet
    from lab.trace.flows import Flow
    from lab.trace.talk import Talk

SHOWN = 40
"""Characters of a statement."""
RECORDS = {20: "ChangeCipherSpec", 21: "alert", 22: "handshake", 23: "encrypted"}


def packet_words(view: Flow, said: Talk) -> Iterator[str]:
    """A name for each packet of a view, in order; empty for an acknowledgment that says nothing else."""
    if view.quic:
        yield from datagram_words(view, view.quic)
        return
    bytes_of = {
        (packet.file, packet.number): _payload(said, packet, begin, kind, up=stream is view.up)
        for stream, source in ((view.up, view.client), (view.down, view.server))
        for packet, begin, kind in placed(stream.base, [p for p in view.packets if p.source == source and p.payload])
    }
    for packet in view.packets:
        yield _words(packet, view, bytes_of.get((packet.file, packet.number), ""))


def _words(packet: Packet, view: Flow, payload: str) -> str:
    if "S" in packet.flags:
        again = " again" if packet in view.syns[1:] or ("A" in packet.flags and packet is not view.accepted) else ""
        return ("SYN-ACK" if "A" in packet.flags else "SYN") + again
    if "R" in packet.flags:
        return "RST"
    ended = "FIN" if "F" in packet.flags else ""
    if packet is view.confirmed and not payload and not ended:
        return "ACK: handshake done"
    return ", ".join(filter(None, (payload, ended)))


def _payload(said: Talk, packet: Packet, begin: int, kind: str, *, up: bool) -> str:
    what = _named(said, begin, begin + len(packet.payload), up=up)
    return f"{what}, {kind}" if kind else what


def _named(said: Talk, begin: int, end: int, *, up: bool) -> str:
    if said.protocol == POSTGRES:
        return _session(said, begin, end) if up else "PostgreSQL answer"
    if said.protocol == TLS:
        return _records(said, begin, end, up=up)
    parts = list(_requests(said, begin, end)) if up else list(_answers(said, begin, end))
    header = up and said.proxied is not None and begin < said.proxied.size
    named = [*(["PROXY header"] if header else []), *parts]
    return " + ".join(named) or "bytes"


def _session(said: Talk, begin: int, end: int) -> str:
    """Of what a client of PostgreSQL sends."""
    asked = [query.statement[:SHOWN] for query in said.queries if begin < query.end <= end]
    return " + ".join(f"query {statement}".rstrip() for statement in asked) or "PostgreSQL message"


def _requests(said: Talk, begin: int, end: int) -> Iterator[str]:
    """Parts of requests that lie between two offsets."""
    for message in said.messages:
        size = message.head.size if message.head else end - message.offset
        line = f" {message.head.method} {message.head.target}" if message.head else ""
        if begin < message.offset + size and message.offset < end:
            whole = message.head is not None and message.head.complete
            last = whole and end >= message.offset + size
            yield f"{'head' if begin <= message.offset and last else 'end of head' if last else 'part of head'}{line}"
        behind = message.offset + size
        more = message.head is not None and message.head.complete and message.end != behind
        if more and behind < end and begin < (message.end or end):
            yield "body"


def _answers(said: Talk, begin: int, end: int) -> Iterator[str]:
    for answer in said.answers:
        if begin <= answer.offset < end:
            yield f"answer {answer.status.code}"
    if not any(begin <= answer.offset < end for answer in said.answers) and said.messages:
        inside = any(answer.offset < begin < (answer.end or end) for answer in said.answers)
        yield "rest of answer" if inside else "interim response"


def _records(said: Talk, begin: int, end: int, *, up: bool) -> str:
    hello = said.hello if up else said.reply
    records = said.up_records if up else said.down_records
    first = said.begin if up else 0
    if hello is None and begin < first + 5 and up:
        return "part of ClientHello"
    if hello and begin < first + hello.end:
        name = "ClientHello" if up else "ServerHello"
        whole = begin <= first and end >= first + hello.end
        rest = end > first + hello.end
        return f"{name if whole else f'part of {name}'}{' and more' if rest else ''}"
    kinds = dict.fromkeys(RECORDS[r.kind] for r in records if r.offset < end and r.end > begin)
    return f"TLS: {', '.join(kinds)}" if kinds else "part of a TLS record"
