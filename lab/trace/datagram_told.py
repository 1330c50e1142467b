"""What is told of an exchange of datagrams in numbers, and line by line.

Rule: each number and each line cites an observation; a number is None where its witness missed something. Weak spot: unread
bytes are the datagrams that came and were not read, for the socket table tells a datagram socket's queue in other units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Counts
from lab.trace import cite
from lab.trace.datagram_facts import refused
from lab.trace.index import SLACK_NS, gaps
from lab.trace.timeline import Seen, about_client, who

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.observations import KernelEvent, Packet
    from lab.model.routes import Evidence
    from lab.trace.datagram_facts import Facts
    from lab.trace.datagrams import View

    Number = tuple[int | None, tuple[Evidence, ...]]

UNKNOWN: Number = (None, ())
KERNEL = "kernel"


def counts(here: Facts) -> Counts:
    """The numbers, by the names of `Counts`."""
    told = {
        "segments": _came(here),
        **_reads(here),
        "unread": _unread(here),
        "dispatches": _dispatches(here),
        "answers": _answers(here),
    }
    cited = tuple((name, each) for name, (_, evidence) in told.items() for each in evidence)
    return Counts(**{name: number for name, (number, _) in told.items()}, evidence=cited)


def _came(here: Facts) -> Number:
    came = here.found.came
    if came is None or gaps(here.world.index, "packets", came.namespace):
        return UNKNOWN
    return len(came.up), tuple(cite.packet(p, f"a datagram of {len(p.payload)} bytes came") for p in came.up[:4])


def _reads(here: Facts) -> dict[str, Number]:
    found = here.found
    if refused(found) and found.refused:
        none = (cite.packet(found.refused, "port unreachable: no socket took it"),)
        return {"reads": (0, none), "bytes_read": (0, none)}
    if found.came is None or here.blind or found.unmatched or (here.taken and not found.reads):
        return {"reads": UNKNOWN, "bytes_read": UNKNOWN}
    told = tuple(cite.kernel(e, f"host pid {e.pid} read {e.size} bytes") for e in found.reads)
    told = told or tuple(cite.row(row) for row in found.rows[-1:])
    return {"reads": (len(found.reads), told), "bytes_read": (sum(e.size for e in found.reads), told)}


def _unread(here: Facts) -> Number:
    found = here.found
    if found.refused and refused(found):
        return 0, (cite.packet(found.refused, "port unreachable: no socket took it"),)
    if found.came is None or not found.rows:
        return UNKNOWN
    told = (cite.row(found.rows[-1]),)
    if here.queued and not here.found.reads:
        return sum(len(p.payload) for p in found.came.up), told
    return (0, told) if not found.rows[-1].recv_q else UNKNOWN


def _dispatches(here: Facts) -> Number:
    events = [e for e in here.found.events if e.event == "dispatched"]
    if events:
        return len(events), (
            *map(cite.application, events),
            *(cite.kernel(e, f"host pid {e.pid} read it") for e in here.found.reads),
        )
    denied = here.taken is False and (here.found.refused or here.found.came)
    packet = here.found.refused or here.found.sent.up[0]
    return (0, (cite.packet(packet, "no process read it"),)) if denied else UNKNOWN


def _answers(here: Facts) -> Number:
    if gaps(here.world.index, "packets", here.found.report.namespace):
        return UNKNOWN
    down = here.found.sent.down
    none = cite.client(here.found.report, "the client got no answer")
    return len(down), tuple(cite.packet(p, f"a datagram of {len(p.payload)} bytes came back") for p in down[:4]) or (none,)


def lines(here: Facts) -> Iterator[Seen]:
    """All that was seen of it."""
    found = here.found
    yield from about_client(found.report)
    for view in dict.fromkeys(filter(None, (found.sent, found.came))):
        yield from _packets(view)
    yield from (_moved(here, event) for event in (*found.reads, *_writes(here)))
    for row in found.rows:
        if row.time_ns <= found.report.finished_ns + SLACK_NS:
            waits = "something waits unread" if row.recv_q else "nothing waits"
            yield Seen(row.time_ns, 1, row.namespace, KERNEL, f"{row.state}, {waits}", None, cite.row(row))
    for event in found.events:
        says = f"{event.event}: {event.detail}" if event.detail else event.event
        name = f"application (pid {event.pid}) of {event.container}"
        where = found.came.namespace if found.came else ""
        yield Seen(event.time_ns, 1, where, name, f"reports {says}", None, cite.application(event))


def _packets(view: View) -> Iterator[Seen]:
    words = [*((p, "datagram") for p in view.up), *((p, "answer") for p in view.down)]
    for packet, what in [*words, *([(view.refused, "port unreachable")] if view.refused else [])]:
        yield Seen(packet.time_ns, 1, view.namespace, KERNEL, what, len(packet.payload) or None, _cited(packet, what))


def _cited(packet: Packet, what: str) -> Evidence:
    return cite.packet(packet, what)


def _writes(here: Facts) -> Iterator[KernelEvent]:
    """Of the reader, of an answer's size, at an answer's time."""
    came = here.found.came
    for packet in came.down if came else ():
        moves = here.world.index.datagram_moves.get(came.namespace, ()) if came else ()
        mine = (e for e in moves if e.event == "write" and e.pid == here.pid and e.size == len(packet.payload))
        yield from (e for e in mine if abs(e.time_ns - packet.time_ns) <= SLACK_NS)


def _moved(here: Facts, event: KernelEvent) -> Seen:
    name = who(here.world, event.pid, here.container)
    what = "read" if event.event == "read" else "wrote"
    says = f"{name}: {what} {event.size} bytes"
    return Seen(event.time_ns, 1, event.namespace, name, what, event.size, cite.kernel(event, says))
