"""The diagnostic line of a probe: only transport data, reached dispatch, or stopped where, by whom, because of what.

Rule: each stage has its culprit here and its reason in `lab.trace.reasons`. A component is `kernel of NAMESPACE`, a
container, or `client`. Weak spot: a firewall acts in the kernel's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Stage
from lab.trace import bonds
from lab.trace.handshake import requests
from lab.trace.reasons import CLIENT, awaited, because, first_end, first_word, gone_astray, kept_back
from lab.trace.stages import astray, rank, whole, withheld
from lab.trace.sure import stage_open
from lab.trace.talk import TLS
from lab.trace.underway import under_way

if TYPE_CHECKING:
    from lab.model.observations import ClientReport
    from lab.trace.account import Account, Story
    from lab.trace.owners import World


def stop(story: Story) -> int | None:
    """Place of the leg at which the request stopped; None: it did not."""
    found, made = story.found, story.made
    if found[0].doubted:
        return None
    if made is None:
        kept = withheld(found) if astray(found) is None else astray(found)
        return None if found[0].answered else len(found) - 1 if kept is None else kept
    if story.stages[made] is not Stage.REJECTED:
        return None
    unanswered = [n for n in found[made].children if not found[n].answered and not _cut_short(story.report, found[n])]
    return unanswered[-1] if unanswered else made


def _cut_short(report: ClientReport, here: Account) -> bool:
    """Whether its sender ended it in the middle of a body: then it is the sender that refused, and not the receiver."""
    first = first_end(report, here)
    return first is not None and first[1] and awaited(here) is not None


def stopped_by(story: Story, place: int) -> str | None:
    """The component that stopped it there."""
    return _keeper(story, story.found[place]) if place == withheld(story.found) else _culprit(story, place)


def _culprit(story: Story, place: int) -> str | None:
    here, stage = story.found[place], story.stages[place]
    namespace = here.leg.connection.receiver.namespace if here.leg.connection.receiver else None
    if stage in (Stage.REFUSED, Stage.DROPPED) or (stage is Stage.ACCEPTED and _lost(here)):
        return f"kernel of {namespace}" if namespace else None
    if _untold(here, stage):
        return None
    if stage is Stage.ESTABLISHED:
        return CLIENT if _deferred(here) else _of_listener(story.world, here)
    if stage in BODY and awaited(story.found[0]) and not _ended_by_receiver(story.report, here):
        return CLIENT
    if (stage in WAITING and _waiting(here, story.report)) or (stage is Stage.TLS_UNFINISHED and _by_sender(story, here)):
        return sender(story, here)
    return here.container


def _untold(here: Account, stage: Stage) -> bool:
    """Whether nobody is known to have stopped it: its segments are on the way, or what its receiver does is not seen."""
    if stage in (Stage.SENT, Stage.ON_INTERFACE):
        return True
    return not here.answered and bool(here.blind or under_way(here.leg))


WAITING = (Stage.ACCEPTED, Stage.HEAD_INCOMPLETE, Stage.TLS_ENDED)
"""Stages at which the receiver may have had nothing to go on with."""
BODY = (Stage.PARSED, Stage.ROUTED, Stage.DISPATCHED)
"""Stages at which the receiver may wait for the rest of a body."""


def sender(story: Story, here: Account) -> str | None:
    """Who sent on this leg. A process that only passes bytes on speaks for the one before it, unless it spoke up itself."""
    if here.leg.parent is None:
        return CLIENT
    before = story.found[here.leg.parent]
    word = first_word(story.report, before)
    if here.leg.bond in (bonds.SAME_HELLO, bonds.IDENTICAL) and (word is None or word[1]):
        return sender(story, before)
    return before.container


def _keeper(story: Story, here: Account) -> str | None:
    """Who kept the answer back: the receiver, unless the sender had reset the connection and was not there to take it."""
    first = first_end(story.report, here)
    return sender(story, here) if first and first[1] and "R" in first[0].flags else here.container


def _lost(here: Account) -> bool:
    """Bytes came to the interface, and its kernel took none of them."""
    return here.came > 0 and here.counted.delivered <= here.leg.talk.begin


def _deferred(here: Account) -> bool:
    """The kernel waits for the client's first byte before it hands the connection over (tcp(7), TCP_DEFER_ACCEPT)."""
    row = here.counted.unread
    return row is not None and row.state == "SYN-RECV" and not here.came


def _of_listener(world: World, here: Account) -> str | None:
    """The container whose processes hold the listener and accept nothing."""
    listener = here.leg.receiver.listener
    names = {world.index.containers.get(pid) for pid in listener.holders} if listener else set()
    return names.pop() if len(names) == 1 else None


def _waiting(here: Account, report: ClientReport) -> bool:
    """Whether the sender left the receiver with nothing, or with half a head, and it did not end the connection for that."""
    said = here.leg.talk
    whole = bool(requests(said)) if said.protocol == TLS and not here.outer else bool(here.head and here.head.complete)
    return not whole and report.status is None and not _ended_by_receiver(report, here)


def _ended_by_receiver(report: ClientReport, here: Account) -> bool:
    first = first_end(report, here)
    return first is not None and not first[1]


def _by_sender(story: Story, here: Account) -> bool:
    """Whether the sender ended a handshake: by an alert, by half a hello, or by closing first."""
    word = first_word(story.report, here)
    return here.leg.talk.hello is None if word is None else word[1]


def line(story: Story) -> str:
    """The whole line."""
    report, at = story.report, stop(story)
    answer = f"answered {report.status}" if report.status else "answered" if story.found[0].answered else "not answered"
    answer = f"not known: {story.found[0].doubted}" if story.found[0].doubted else answer
    if story.reached:
        return f"reached dispatch in {_where(story, _handler(story))}; {answer if at is None else _stopped(story, at)}"
    if at is not None:
        return _stopped(story, at)
    if story.made is None:
        return answer if story.found[0].doubted else f"{answer}; who made the answer is not known"
    return f"{answer} by {_where(story, story.found[story.made])}; whether a handler was dispatched is not known"


def _handler(story: Story) -> Account:
    entered = [here for here in story.found if here.said("dispatched")]
    asked = [here for here in story.found if here.questions.told]
    return (entered or asked)[-1]


def _where(story: Story, here: Account) -> str:
    process = story.world.index.processes.get(here.leg.receiver.pid or 0)
    if process is None:
        return here.container or "an unknown process"
    return f"{process.called} (pid {process.namespace_pid}) of {here.container or 'an unknown container'}"


def _stopped(story: Story, at: int) -> str:
    here, stage, made = story.found[at], story.stages[at], story.made
    who = None if stage_open(story) else stopped_by(story, at)
    by = f", by {who.replace('kernel of', 'the kernel of')}" if who else ""
    by_whom = sender(story, here) or "its sender"
    if story.made is None and at == withheld(story.found):
        legs, behind = tuple(each.leg for each in story.found), [story.found[n] for n in here.children]
        stage, reason = whole(legs, story.stages, story.found, None), kept_back(story.report, here, behind, by_whom)
    elif story.made is None and at == astray(story.found):
        stage, reason = whole(tuple(each.leg for each in story.found), story.stages, story.found, None), gone_astray(here)
    else:
        reason = because(story.report, here, stage, by_whom)
    words = f"stopped at {stage}{by}, because {reason}{_handled(story, stage)}"
    if made is not None and made != at:
        words += f"; {story.found[made].container or 'somebody'} answered {story.found[made].code or ''}".rstrip()
    furthest = max(story.stages, key=rank)
    return f"only transport data: {words}" if rank(furthest) <= rank(Stage.READ) else words


def _handled(story: Story, stage: Stage) -> str:
    """Of a rejection: whether a handler had run."""
    if stage is not Stage.REJECTED or story.reached:
        return ""
    return "; no handler was entered" if story.reached is False else "; whether a handler was entered is not known"
