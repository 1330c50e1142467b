"""Requests and answers counted on the client's connection: in clear by their bytes, of streams by their frames, inside the
client's own TLS session by what its secrets open.

Rule: what was decrypted is read like what came in clear. Without secrets the client is asked what it sent and got, and the
records that came say how much of it arrived; of streams nothing is told then. Weak spot: secrets are the client's word, but a
wrong one opens nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.trace import cite
from lab.trace.back import unreceived
from lab.trace.count import UNKNOWN, Count
from lab.trace.handshake import client_finished
from lab.trace.index import gaps
from lab.trace.messages import answers as split_answers
from lab.trace.messages import interim as interim_of
from lab.trace.messages import requests as split
from lab.trace.sealed import opened
from lab.trace.streams import packet_at
from lab.trace.talk import BYTES, H2, TLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.model.observations import ClientReport
    from lab.model.routes import Evidence
    from lab.trace.account import Account, Story
    from lab.trace.decrypted import Clear


def requests(story: Story) -> Count:
    """Whole heads that arrived."""
    here = story.found[0]
    flow = here.leg.connection.receiver
    if flow is None or gaps(story.world.index, "packets", flow.namespace) or not here.leg.flow.up.whole:
        return Count(0, (_none_came(here),)) if here.leg.failed and here.had is False else UNKNOWN
    if here.leg.talk.streams is not None:
        return _heads(here)
    if here.leg.talk.protocol == H2 or here.leg.flow.quic:
        return UNKNOWN
    return _protected_requests(story) if here.leg.talk.protocol == TLS else _clear_requests(here)


def _heads(here: Account) -> Count:
    """Of streams: whole header blocks that opened one."""
    arrived = [s for s in here.leg.talk.streams or () if s.head_end is not None and s.head_end <= here.counted.arrived]
    told = tuple(cite.packet(packet_at(here.leg.flow.up, s.begin), f"the fields of stream {s.number}") for s in arrived)
    return Count(len(arrived), told or (_none_came(here),))


def streams(story: Story, told_by_client: int) -> dict[str, Count]:
    """Streams that the client opened, and those that it reset."""
    here, report = story.found[0], story.report
    flow, opened_ = here.leg.flow, here.leg.talk.streams
    receiver = here.leg.connection.receiver
    if opened_ is None or receiver is None or gaps(story.world.index, "packets", receiver.namespace) or not flow.up.whole:
        return {"streams": UNKNOWN, "resets": UNKNOWN}
    arrived = [s for s in opened_ if s.begin < here.counted.arrived]
    reset = [s for s in arrived if s.reset is not None and s.reset <= here.counted.arrived]
    first = cite.begins(flow, f"{len(arrived)} streams were opened on the connection that begins here")
    told = tuple(cite.packet(packet_at(flow.up, s.begin), f"HEADERS open stream {s.number}") for s in arrived)
    ended = tuple(cite.packet(packet_at(flow.up, (s.reset or 1) - 1), f"RST_STREAM ends stream {s.number}") for s in reset)
    said = cite.client(report, f"the client opened {told_by_client}") if told_by_client == len(arrived) else None
    return {"streams": Count(len(arrived), (*told, first, said)), "resets": Count(len(reset), (*ended, first))}


def _clear_requests(here: Account) -> Count:
    up, arrived = here.leg.flow.up, here.counted.arrived
    heads = [m for m in here.leg.talk.messages if m.head and m.head.complete and m.offset + m.head.size <= arrived]
    told = tuple(
        cite.packet(packet_at(up, m.offset + m.head.size - 1), f"the head of {m.head.method} {m.head.target} ends")
        for m in heads if m.head
    )  # fmt: skip
    return Count(len(heads), told or (_none_came(here),))


def _protected_requests(story: Story) -> Count:
    """Inside the client's own session: what it sent, as far as the records that carry it arrived."""
    here, report, meant = story.found[0], story.report, story.meant
    if not client_finished(here.leg.talk) and not here.early:
        return Count(0, (_none_came(here),))
    if here.leg.talk.inside:
        return _opened_requests(here, here.leg.talk.inside[0])
    arrived = opened(here.leg.talk, report.sent, here.counted.arrived)
    if arrived is None and here.counted.arrived >= len(here.leg.flow.up.data):
        arrived = len(report.sent)
    if arrived is None:
        return UNKNOWN
    heads = [m for m in meant.messages if m.head and m.head.complete and m.offset + m.head.size <= arrived]
    return Count(len(heads), (cite.client(report, f"inside TLS the client sent {len(heads)} whole heads"), _last(here)))


def _opened_requests(here: Account, up: Clear) -> Count:
    """Heads that were decrypted, whose last record arrived."""
    ends = [(m, up.behind(m.offset + m.head.size - 1)) for m in split(up.data) if m.head and m.head.complete]
    told = tuple(
        cite.packet(packet_at(here.leg.flow.up, end - 1), f"inside TLS the head of {m.head.method} {m.head.target} ends")
        for m, end in ends if m.head and end <= here.counted.arrived
    )  # fmt: skip
    return Count(len(told), told or (_none_came(here),))


def _opened_answers(report: ClientReport, here: Account, up: Clear, down: Clear) -> Count:
    """Final answers that were decrypted whole; one that ends with the connection is whole when that has ended."""
    flow = here.leg.flow
    methods = [m.head.method for m in split(up.data) if m.head]
    got = [
        each for number, each in enumerate(split_answers(down.data, methods))
        if (each.end is not None or flow.down.fin or flow.down.reset)
        and not unreceived(report, here.leg, packet_at(flow.down, down.begins(each.offset)), number)
    ]  # fmt: skip
    told = tuple(
        cite.packet(packet_at(flow.down, down.begins(each.offset)), f"inside TLS the answer {each.status.code}") for each in got
    )
    return Count(len(got), told or (cite.begins(flow, "no answer came whole on this connection"),))


def _none_came(here: Account) -> Evidence:
    said = here.leg.talk.protocol
    what = "no byte of a request" if said is None else "no whole head" if said != BYTES else "bytes that are no request"
    return cite.begins(here.leg.flow, f"the connection begins; {what} came on it")


def _last(here: Account) -> Evidence | None:
    pieces = here.leg.flow.up.pieces
    return cite.packet(pieces[-1], "the last bytes that the client sent arrived") if pieces else None


def interim(story: Story) -> Count:
    """Interim responses: in clear by the packets; nobody keeps those inside TLS."""
    here = story.found[0]
    said, down = here.leg.talk, here.leg.flow.down
    if said.protocol in (TLS, H2) or gaps(story.world.index, "packets", story.report.namespace) or not down.whole:
        return UNKNOWN
    found = interim_of(down.data, (0, *(each.end for each in said.answers if each.end)))
    told = tuple(cite.packet(packet_at(down, offset), f"interim response {code}") for offset, code in found)
    none = cite.begins(here.leg.flow, "the connection begins; no interim response came on it")
    return Count(len(found), told or (none,))


def answers(stories: Sequence[Story]) -> Count:
    """Whole final answers: in clear by the packets, of streams by their frames, else inside TLS by the client."""
    story = stories[-1]
    here, report = story.found[0], story.report
    said, down = here.leg.talk, here.leg.flow.down
    by_client = sum({s.report.token: max(s.report.answers, int(s.report.status is not None)) for s in stories}.values())
    if said.streams is not None and down.whole and not gaps(story.world.index, "packets", report.namespace):
        got = [s for s in said.streams if s.answered and s.answer is not None]
        seen = tuple(cite.packet(packet_at(down, s.answer or 0), f"the answer on stream {s.number}") for s in got)
        return Count(len(got), seen or (cite.begins(here.leg.flow, "no answer came whole on this connection"),))
    if said.inside and down.whole and not gaps(story.world.index, "packets", report.namespace):
        return _opened_answers(report, here, *said.inside)
    if said.protocol in (TLS, H2):
        return Count(by_client, (cite.client(report, f"the client got {by_client} final answers"),))
    if gaps(story.world.index, "packets", report.namespace) or not down.whole:
        return UNKNOWN
    ended = bool(down.fin or down.reset)
    whole = [
        each for number, each in enumerate(said.answers)
        if (each.end is not None or ended) and not unreceived(report, here.leg, packet_at(down, each.offset), number)
    ]  # fmt: skip
    told = tuple(cite.packet(packet_at(down, each.offset), f"answer {each.status.code}") for each in whole)
    return Count(len(whole), told or (cite.client(report, f"the client got {by_client} final answers"),))
