"""The diagnostic line of a probe: only transport data, reached dispatch, or stopped where, by whom, because of what.

Rule: each stage has its culprit and its reason in one table; a reason cites packets, rows or reports by where they can
be looked up. A component is `kernel of NAMESPACE`, a container, or `client`. Weak spot: a firewall acts in the kernel's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Stage
from lab.trace.cite import place
from lab.trace.stages import rank
from lab.trace.streams import packet_at
from lab.trace.handshake import requests
from lab.trace.talk import TLS
from lab.trace.tls_records import clear_alerts

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.model.observations import ClientReport
    from lab.trace.account import Account, Story
    from lab.trace.owners import World

CLIENT = "client"


def stop(story: Story) -> int | None:
    """Place of the leg at which the request stopped; None: it did not."""
    found, made = story.found, story.made
    if made is None:
        return None if found[0].answered else len(found) - 1
    if story.stages[made] is not Stage.REJECTED:
        return None
    unanswered = [n for n in found[made].children if not found[n].answered]
    return unanswered[-1] if unanswered else made


def stopped_by(story: Story, place: int) -> str | None:
    """The component that stopped it there."""
    here, stage = story.found[place], story.stages[place]
    namespace = here.leg.connection.receiver.namespace if here.leg.connection.receiver else None
    if stage in (Stage.REFUSED, Stage.DROPPED):
        return f"kernel of {namespace}" if namespace else None
    if stage in (Stage.SENT, Stage.ON_INTERFACE):
        return None
    if stage is Stage.ESTABLISHED:
        return _of_listener(story.world, here)
    if (stage in WAITING and _waiting(here, story.report)) or (stage is Stage.TLS_UNFINISHED and _by_sender(here)):
        return CLIENT if here.leg.parent is None else story.found[here.leg.parent].container
    return here.container


WAITING = (Stage.ACCEPTED, Stage.HEAD_INCOMPLETE, Stage.TLS_ENDED)
"""Stages at which the receiver may have had nothing to go on with."""


def _of_listener(world: World, here: Account) -> str | None:
    """The container whose processes hold the listener and accept nothing."""
    listener = here.leg.receiver.listener
    names = {world.index.containers.get(pid) for pid in listener.holders} if listener else set()
    return names.pop() if len(names) == 1 else None


def _waiting(here: Account, report: ClientReport) -> bool:
    """Whether the sender left the receiver with nothing, or with half a head."""
    said = here.leg.talk
    whole = bool(requests(said)) if said.protocol == TLS and not here.outer else bool(here.head and here.head.complete)
    return not whole and report.status is None


def _by_sender(here: Account) -> bool:
    """Whether the sender ended a handshake: by an alert, by half a hello, or by closing first."""
    said, flow = here.leg.talk, here.leg.flow
    if clear_alerts(said.down_records):
        return False
    if clear_alerts(said.up_records) or said.hello is None:
        return True
    ours, theirs = (min((p.time_ns for p in (s.fin, s.reset) if p), default=None) for s in (flow.up, flow.down))
    return ours is not None and (theirs is None or ours < theirs)


def because(here: Account, stage: Stage) -> str:
    """What was seen, and where."""
    flow = here.leg.flow
    syn = flow.syns[0] if flow.syns else None
    if stage is Stage.REFUSED and syn and flow.refused:
        return f"SYN ({place(syn)}) was answered with RST ({place(flow.refused)})"
    if stage in (Stage.DROPPED, Stage.ON_INTERFACE, Stage.SENT) and syn:
        again = f", sent {len(flow.syns)} times" if len(flow.syns) > 1 else ""
        return f"SYN ({place(syn)}){again}, was never answered"
    return _inside(here, stage)


def _inside(here: Account, stage: Stage) -> str:
    """After the handshake of TCP."""
    reasons: dict[Stage, Callable[[Account], str]] = {
        Stage.ESTABLISHED: _unowned,
        Stage.ACCEPTED: lambda _: "no byte of a request came",
        Stage.READABLE: lambda h: f"{h.came} bytes lie unread{_row(h)}",
        Stage.READ: lambda h: f"{h.came} bytes came{_first(h)}, and no answer",
        Stage.TLS_UNFINISHED: _handshake,
        Stage.TLS_ENDED: lambda h: f"the TLS handshake was finished{_first(h)}, and no answer came",
        Stage.HEAD_INCOMPLETE: lambda h: f"no blank line ended the head{_first(h)}",
        Stage.REJECTED: lambda h: f"it answered {h.code or ''} itself{_answer(h)}{_reported(h, 'rejected')}",
    }
    reason = reasons.get(stage)
    return reason(here) if reason else f"nothing more was seen of it{_reported(here, 'dispatched', 'parsed')}"


def _unowned(here: Account) -> str:
    accepted = here.leg.flow.accepted
    shaken = f"the kernel finished the handshake ({place(accepted)})" if accepted else "the connection was there"
    if here.leg.receiver.owned is False:
        return f"{shaken}, and no process owned it{_row(here)}"
    return f"{shaken}, and nothing shows that a process accepted it"


def _row(here: Account) -> str:
    row = here.leg.receiver.row
    return f" (sockets.jsonl:{row.line})" if row else ""


def _first(here: Account) -> str:
    up = here.leg.flow.up
    return f" ({place(packet_at(up, here.leg.talk.begin))})" if here.leg.talk.begin < len(up.data) else ""


def _answer(here: Account) -> str:
    return f" ({place(here.answer)})" if here.answer else ""


def _reported(here: Account, *events: str) -> str:
    event = next((e for e in here.events if e.event in events), None)
    return f" ({event.file}:{event.line}: {event.event} {event.detail}".rstrip() + ")" if event else ""


def _handshake(here: Account) -> str:
    said, flow = here.leg.talk, here.leg.flow
    for who, found, stream in (("sender", said.up_records, flow.up), ("receiver", said.down_records, flow.down)):
        for alert in clear_alerts(found):
            return f"the {who} sent alert {alert.name} ({place(packet_at(stream, alert.offset))})"
    if said.hello is None:
        return f"the ClientHello is not complete{_first(here)}"
    closed = min((p for p in (flow.up.fin, flow.up.reset) if p), key=lambda p: p.time_ns, default=None)
    if _by_sender(here) and closed:
        return f"the sender closed ({place(closed)}) before the handshake was finished that it began{_first(here)}"
    return f"nothing finished the handshake that the ClientHello began{_first(here)}"


def line(story: Story) -> str:
    """The whole line."""
    report, at = story.report, stop(story)
    answer = f"answered {report.status}" if report.status else "answered" if story.found[0].answered else "not answered"
    if story.reached:
        return f"reached dispatch in {_where(story, _handler(story))}; {answer if at is None else _stopped(story, at)}"
    if at is not None:
        return _stopped(story, at)
    if story.made is None:
        return f"{answer}; who made the answer is not known"
    return f"{answer} by {_where(story, story.found[story.made])}; whether a handler was dispatched is not known"


def _handler(story: Story) -> Account:
    return next(here for here in reversed(story.found) if here.said("dispatched"))


def _where(story: Story, here: Account) -> str:
    process = story.world.index.processes.get(here.leg.receiver.pid or 0)
    if process is None:
        return here.container or "an unknown process"
    return f"{process.name} (pid {process.namespace_pid}) of {here.container or 'an unknown container'}"


def _stopped(story: Story, at: int) -> str:
    here, stage, made = story.found[at], story.stages[at], story.made
    who = stopped_by(story, at)
    by = f", by {who.replace('kernel of', 'the kernel of')}" if who else ""
    words = f"stopped at {stage}{by}, because {because(here, stage)}"
    if made is not None and made != at:
        words += f"; {story.found[made].container or 'somebody'} answered {story.found[made].code or ''}".rstrip()
    furthest = max(story.stages, key=rank)
    return f"only transport data: {words}" if rank(furthest) <= rank(Stage.READ) else words
