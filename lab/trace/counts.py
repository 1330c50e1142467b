"""What can be counted on the client's connection of a probe, each count with observations that it rests on.

Rule: a count is told only by a witness that missed nothing of it: segments by packets without losses, reads by the kernel's
timeline without losses, unread bytes by a row of that very moment. None means that there was no such witness. Dispatches are
the application's word, each held against a read of the kernel (`lab.trace.answers`); more of them than requests that arrived
is a contradiction. Streams of HTTP/2 are counted by their frames, inside the client's own TLS session by what its secrets
open. Weak spot: inside a session without secrets nothing is counted by stream.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lab.model.routes import Contradiction, Counts
from lab.trace import cite, said_counts
from lab.trace.count import UNKNOWN, Count
from lab.trace.database import evidence
from lab.trace.following import in_time
from lab.trace.index import gaps
from lab.trace.listeners import written
from lab.trace.lives import reads
from lab.trace.moments import same_probe
from lab.trace.segments import segments
from lab.trace.taken import moved_after, unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.observations import AppEvent, SocketRow
    from lab.model.routes import Evidence
    from lab.trace.account import Account, Story
    from lab.trace.connections import Connection
    from lab.trace.index import Index


def counts(story: Story, earlier: Sequence[Story]) -> tuple[Counts, tuple[Contradiction, ...]]:
    """The counts, and what contradicts them. `earlier`: the other requests on the client's connection."""
    found = {
        "connections": _connections(story),
        "addresses": _addresses(story),
        **_segments(story),
        **_reads(story),
        "unread": _unread(story),
        "requests": said_counts.requests(story),
        "dispatches": _dispatches((*earlier, story)),
        "answers": said_counts.answers((*earlier, story)),
        "interim": said_counts.interim(story),
        "queries": _queries((*earlier, story)),
        **said_counts.streams(story, len(earlier) + 1),
        "upstreams": _upstreams((*earlier, story)),
    }
    evidence = tuple((name, each) for name, count in found.items() for each in dict.fromkeys(count.evidence) if each)
    told = Counts(**{name: count.number for name, count in found.items()}, evidence=evidence)
    return told, tuple(_too_many((*earlier, story), told))


def _too_many(stories: Sequence[Story], told: Counts) -> Iterator[Contradiction]:
    """More handlers entered on one connection than requests came from the client. A mirror or a second attempt delivers a
    request to several servers, but to each of them once, on a connection of its own."""
    cited = dict(reversed(told.evidence))
    if told.requests is None or "requests" not in cited:
        return
    entered: dict[int, dict[tuple[str, int], AppEvent]] = defaultdict(dict)
    for here, event in _handlers(stories):
        entered[here.leg.connection.id][event.file, event.line] = event
    for events in entered.values():
        if len(events) > told.requests:
            yield Contradiction(
                "how many requests there were", cite.application(next(iter(events.values()))), cited["requests"]
            )


def _handlers(stories: Sequence[Story]) -> Iterator[tuple[Account, AppEvent]]:
    """Handlers entered, with the leg on which the request came."""
    return ((here, e) for s in stories for here in s.found for e in here.events if e.event == "dispatched")


def _connections(story: Story) -> Count:
    """Those that the client's process opened to the probe's port while the probe was on its way."""
    index, report, first = story.world.index, story.report, story.found[0].leg.connection
    others = {
        r.local
        for r in index.seen.clients
        if r.namespace == report.namespace and not same_probe(r, report) and r.local != report.local
    }
    if first.sender is None or gaps(index, "packets", report.namespace):
        return UNKNOWN
    port = first.sender.server[1]
    found = [
        c for c in index.sent_from.get(report.namespace, ())
        if c.sender and c.sender.server[1] == port and in_time(c.sender, report) and c.sender.client not in others
    ]  # fmt: skip
    mine = [c for c in found if c is first or _same_process(story, first, c) is not False]
    if any(c is not first and _same_process(story, first, c) is None for c in mine):
        return UNKNOWN
    return Count(len(mine), tuple(cite.begins(c.views[0], "the client's connection begins") for c in mine))


def _addresses(story: Story) -> Count:
    """Of TCP there is one, for the connection is named by it; of QUIC those from which packets with its ids came."""
    first = story.found[0].leg.connection
    flow = first.receiver or first.best
    if flow.quic and gaps(story.world.index, "packets", flow.namespace):
        return UNKNOWN
    moved = flow.quic.moved if flow.quic else ()
    begins = cite.begins(flow, f"the connection begins, from {written(flow.client)}")
    return Count(1 + len(moved), (begins, *(cite.packet(p, f"the same connection, from {written(p.source)}") for p in moved)))


def _same_process(story: Story, one: Connection, other: Connection) -> bool | None:
    pids = [story.world.senders[c.id].pid for c in (one, other)]
    return pids[0] == pids[1] if all(pids) else None


def _segments(story: Story) -> dict[str, Count]:
    flow = story.found[0].leg.connection.receiver
    names = "segments", "retransmitted", "disordered"
    if flow is None or gaps(story.world.index, "packets", flow.namespace):
        return dict.fromkeys(names, UNKNOWN)
    if flow.quic:
        came = [p for p in flow.packets if p.destination == flow.server]
        cited = tuple(cite.packet(p, f"a datagram of {len(p.payload)} bytes came") for p in came[:4])
        return {**dict.fromkeys(names, UNKNOWN), "segments": Count(len(came), cited)}
    told = segments(flow)
    first = cite.begins(flow, f"{len(told.all)} segments with payload came from here on")
    lists = (told.all, told.repeated, told.disordered)
    says = "came", "brought nothing new", "came before bytes that precede its own"
    return {
        name: Count(len(each), (*(cite.packet(p, f"{len(p.payload)} bytes, {how}") for p in each[:4]), first))
        for name, each, how in zip(names, lists, says, strict=True)
    }


def _reads(story: Story) -> dict[str, Count]:
    """Of the process that received the client's connection."""
    here = story.found[0]
    life = here.leg.receiver.life
    if here.leg.failed and here.had is False:
        return _both(Count(0, (cite.begins(here.leg.flow, "no connection came of it"),)))
    if here.leg.flow.quic:
        return _reads_of_datagrams(here)
    if life and life.complete and not gaps(story.world.index, "kernel"):
        taken = reads(life)
        size = sum(event.size for event in taken)
        if here.counted.at_least > size or (here.taken and not size):
            return _both(UNKNOWN)  # spliced: bytes left the buffer without a read
        told = tuple(cite.kernel(e, f"host pid {e.pid} read {e.size} bytes") for e in taken[:4])
        none = (cite.kernel(life.first, "the socket's timeline begins; no read in it gave bytes"),) if not taken else ()
        return {"reads": Count(len(taken), told or none), "bytes_read": Count(size, told or none)}
    row = here.counted.unread
    if row and row.inode == 0 and here.counted.at_most == 0:
        return _both(Count(0, (cite.row(row),)))
    return _both(UNKNOWN)


def _reads_of_datagrams(here: Account) -> dict[str, Count]:
    """Where every datagram's read was seen."""
    flow, life = here.leg.connection.receiver, here.leg.receiver.life
    came = [p for p in flow.packets if p.destination == flow.server] if flow else []
    taken = reads(life) if life else ()
    size = sum(event.size for event in taken)
    if not came or size != sum(len(p.payload) for p in came):
        return _both(UNKNOWN)
    told = tuple(cite.kernel(e, f"host pid {e.pid} read {e.size} bytes") for e in taken[:4])
    return {"reads": Count(len(taken), told), "bytes_read": Count(size, told)}


def _both(count: Count) -> dict[str, Count]:
    return {"reads": count, "bytes_read": count}


def _unread(story: Story) -> Count:
    """By the last row of the receiver's socket; at a look by a row of that look."""
    here, index = story.found[0], story.world.index
    row, flow = here.counted.unread, here.leg.connection.receiver
    if row is None or flow is None:
        return UNKNOWN
    if story.report.moment and (_newest(index, row) != row.look or moved_after(flow, row.time_ns)):
        return UNKNOWN
    return Count(unread(row), (cite.row(row),))


def _newest(index: Index, row: SocketRow) -> str:
    """The last look at a row's namespace."""
    rows = (each for each in index.seen.sockets if each.namespace == row.namespace)
    return max(rows, key=lambda each: each.time_ns).look


def _upstreams(stories: Sequence[Story]) -> Count:
    """Connections behind the first receiver."""
    namespaces = [story.found[0].leg.receiver.namespace for story in stories]
    index = stories[-1].world.index
    if any(story.found[0].untold for story in stories) or any(n is None or gaps(index, "packets", n) for n in namespaces):
        return UNKNOWN
    legs = {
        here.leg.connection.id: here.leg for s in stories for here in s.found if here.leg.parent == 0 and not here.leg.failed
    }
    told = tuple(cite.begins(leg.flow, "a connection behind it begins") for leg in legs.values())
    return Count(len(legs), told or (_none_dispatched(stories[-1]),))


def _dispatches(stories: Sequence[Story]) -> Count:
    """Handlers entered, for each request on the connection; each with the read that came before it."""
    events = {(event.file, event.line): (here, event) for here, event in _handlers(stories)}
    if not events:
        denied = all(story.reached is False for story in stories)
        return Count(0, (_none_dispatched(stories[-1]),)) if denied else UNKNOWN
    if any(story.reached is None for story in stories):
        return UNKNOWN
    told: list[Evidence] = []
    for here, event in sorted(events.values(), key=lambda each: each[1].time_ns):
        life = here.leg.receiver.life
        before = [e for e in reads(life) if e.time_ns <= event.time_ns] if life else []
        told.append(cite.application(event))
        told += [cite.kernel(e, f"host pid {e.pid} had read {e.size} bytes before it") for e in before[-1:]]
    return Count(len(events), tuple(told))


def _queries(stories: Sequence[Story]) -> Count:
    """Those that a handler can have sent for a request on this connection."""
    asked = [here.questions for story in stories for here in story.found]
    if any(each.untold for each in asked) or stories[-1].found[-1].untold:
        return UNKNOWN
    told = {(q.connection.id, q.query.offset) for each in asked for q in each.told}
    cited = tuple(cited for each in asked for cited in evidence(each))
    return Count(len(told), cited or (_none_dispatched(stories[-1]),))


def _none_dispatched(story: Story) -> Evidence:
    last = story.found[-1]
    return cite.begins(last.leg.flow, f"the furthest connection of it, which got as far as {story.stages[-1]}")
