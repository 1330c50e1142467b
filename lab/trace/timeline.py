"""One probe's timeline: what every witness saw of it, on one clock.

Rule: each line is one observation and cites it; nothing is told that no witness saw, so an accept that cannot be tied to
the connection is left out. A packet is told once for each namespace that saw it; acknowledgments without bytes are left out
but for the one that ends the handshake. Weak spot: an application takes its time a moment after the step, a client's report
tells only when the probe began and when it was over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.model.routes import Moment
from lab.trace import cite
from lab.trace.index import SLACK_NS
from lab.trace.taken import unread
from lab.trace.talk import remembered
from lab.trace.wording import packet_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lab.model.observations import ClientReport, KernelEvent
    from lab.model.routes import Evidence
    from lab.trace.account import Account, Story
    from lab.trace.connections import Connection
    from lab.trace.flows import Flow
    from lab.trace.lives import Life
    from lab.trace.owners import Owner, World
    from lab.trace.talk import Talk

MOST = 500
"""Lines of one probe; what lies between the first and the last of them is counted."""
LAST = 200
KERNEL, CLIENT = "kernel", "client"


@dataclass(frozen=True, slots=True)
class Seen:
    """One line before it is put on the probe's clock."""

    time_ns: int
    hop: int | None
    vantage: str
    process: str
    event: str
    size: int | None
    evidence: Evidence


def timeline(story: Story) -> tuple[Moment, ...]:
    """All lines in order of time, bounded."""
    zero = story.found[0].leg.connection.begun_ns
    found = [each for here in story.found for each in (*_leg(story, here), *_database(story, here))]
    return in_order([*found, *about_client(story.report)], zero)


def in_order(found: Iterable[Seen], zero: int) -> tuple[Moment, ...]:
    """Lines by time, bounded. `zero`: the probe's first packet."""
    return tuple(_moment(each, zero) for each in _bounded(sorted(found, key=lambda each: each.time_ns)))


def _moment(seen: Seen, zero: int) -> Moment:
    return Moment(
        seen.time_ns, seen.time_ns - zero, seen.hop, seen.vantage, seen.process, seen.event, seen.size, seen.evidence
    )  # fmt: skip


def _bounded(seen: Sequence[Seen]) -> list[Seen]:
    if len(seen) <= MOST:
        return list(seen)
    first, left = seen[: MOST - LAST - 1], len(seen) - MOST + 1
    between = seen[len(first)]
    more = Seen(between.time_ns, None, between.vantage, "", f"… {left} more", None, between.evidence)
    return [*first, more, *seen[-LAST:]]


def about_client(report: ClientReport) -> Iterator[Seen]:
    """What the client itself tells."""

    def told(time_ns: int, event: str, size: int | None = None) -> Seen:
        return Seen(time_ns, None, report.namespace, CLIENT, event, size, cite.client(report, event))

    yield told(report.started_ns, "begins")
    if report.tls:
        yield told(report.finished_ns, f"{report.tls.version} agreed, ALPN {report.tls.alpn or 'none'}")
    if report.error:
        yield told(report.finished_ns, f"{report.error.during}: {report.error.kind}")
    if report.status is not None:
        yield told(report.finished_ns, f"answered {report.status}", len(report.body))


def _leg(story: Story, here: Account) -> Iterator[Seen]:
    """All that was seen of one hop while the probe was on its way; of the client's own connection all."""
    since, until = here.leg.since_ns - SLACK_NS, story.report.finished_ns + SLACK_NS
    leg = here.leg
    ends = Ends(leg.connection, leg.sender, leg.receiver)
    lines = (
        *_packets(leg.connection, leg.talk, here.number),
        *_sockets(story, here),
        *_kernel(story.world, ends, here.number),
    )
    for each in lines:
        if here.leg.parent is None or since <= each.time_ns <= until:
            yield each
    yield from _application(story, here)


def _packets(connection: Connection, said: Talk, number: int | None) -> Iterator[Seen]:
    for view in connection.views:
        words = packet_words(view, said)
        for packet, what in zip(view.packets, words, strict=True):
            if what:
                size = len(packet.payload) or None
                yield Seen(packet.time_ns, number, view.namespace, KERNEL, what, size, cite.packet(packet, what))


def _database(story: Story, here: Account) -> Iterator[Seen]:
    """What passed between the handler and its database while it had the request."""
    until = story.report.finished_ns + SLACK_NS
    for connection in {each.connection.id: each.connection for each in here.questions.told}.values():
        said = remembered(connection.best, story.world.index.memo)
        ends = Ends(connection, story.world.senders[connection.id], story.world.receivers[connection.id])
        for each in (*_packets(connection, said, None), *_kernel(story.world, ends, None)):
            if here.leg.since_ns - SLACK_NS <= each.time_ns <= until:
                yield each


def _sockets(story: Story, here: Account) -> Iterator[Seen]:
    """What the socket table said of the receiver's socket."""
    owner = here.leg.receiver
    for row in owner.rows:
        name = who(story.world, row.holders[0], owner.container) if len(row.holders) == 1 else KERNEL
        held = "" if row.inode else ", owned by no process"
        event = f"{row.state}{held}, unread" if unread(row) else f"{row.state}{held}"
        yield Seen(row.time_ns, here.number, row.namespace, name, event, unread(row), cite.row(row))


@dataclass(frozen=True, slots=True)
class Socket:
    """One end of one hop."""

    world: World
    hop: int | None
    owner: Owner
    namespace: str


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of one connection."""

    connection: Connection
    sender: Owner
    receiver: Owner


def _kernel(world: World, ends: Ends, hop: int | None) -> Iterator[Seen]:
    both = (ends.sender, ends.connection.sender), (ends.receiver, ends.connection.receiver)
    for owner, flow in both:
        if owner.life and flow:
            end = Socket(world, hop, owner, flow.namespace)
            yield from (_event(end, event, what) for event, what in _events(owner.life))
            accepted = _accept(world, owner, flow) if owner is ends.receiver else None
            yield from [_event(end, accepted, "accepted")] if accepted else []


def _events(life: Life) -> Iterator[tuple[KernelEvent, str]]:
    for event in life.moves:
        yield event, _moved(event)
    for event in life.signs:
        yield event, f"{event.event} {event.reason}".rstrip()
    if life.opened:
        yield life.opened, "accepted" if life.opened.event == "accept" else "opens the connection"
    for event in life.states:
        if event.new_state == "ESTABLISHED":
            yield event, "established"
    if life.connecter and not any(event.new_state == "ESTABLISHED" for event in life.states):
        words = {"SYN_SENT": "asked for a connection", "CLOSE": "gave it up"}
        yield from ((event, words[event.new_state]) for event in life.states if event.new_state in words)


def _moved(event: KernelEvent) -> str:
    verb = {"read": "looked at" if event.peek else "read", "write": "wrote"}[event.event]
    return verb if event.size >= 0 else f"tried to {event.event}"


def _event(end: Socket, event: KernelEvent, what: str) -> Seen:
    own = event.event in ("read", "write", "accept", "connect")
    size = event.size if event.event in ("read", "write") and event.size >= 0 else None
    name = who(end.world, event.pid, end.owner.container) if own and event.namespace else KERNEL
    says = f"{name}: {what}{f' {size} bytes' if size is not None else ''}"
    return Seen(event.time_ns, end.hop, end.namespace, name, what, size, cite.kernel(event, says))


def _accept(world: World, owner: Owner, flow: Flow) -> KernelEvent | None:
    """The only accept of its process between the connection's first packet and its first use: it can be of no other."""
    if owner.life is None or owner.life.opened or owner.pid is None or not owner.life.moves:
        return None
    used = owner.life.moves[0].time_ns
    found = [e for e in world.index.accepts.get(owner.pid, ()) if flow.begun_ns <= e.time_ns <= used]
    return found[0] if len(found) == 1 else None


def _application(story: Story, here: Account) -> Iterator[Seen]:
    for event in here.events:
        process = story.world.index.processes.get(here.leg.receiver.pid or 0)
        name = f"{process.called if process else 'application'} (pid {event.pid}) of {event.container}"
        size = int(event.detail) if event.event == "read" and event.detail.isdigit() else None
        what = event.event if size is not None or not event.detail else f"{event.event}: {event.detail}"
        vantage = here.leg.receiver.namespace or ""
        yield Seen(event.time_ns, here.number, vantage, name, f"reports {what}", size, cite.application(event))


def who(world: World, pid: int, container: str | None) -> str:
    """`nginx (pid 7) of proxy`."""
    process = world.index.processes.get(pid)
    if process is None:
        return f"host pid {pid} of {container}" if container else f"host pid {pid}"
    return f"{process.called} (pid {process.namespace_pid}) of {world.index.containers.get(pid) or 'an unknown container'}"
