"""Whether a stage and a route are all that there was, or whether a witness is missing that could have told more.

Rule: a stage is the furthest that is proved. It is open where the receiver may have done more and the witness that sees it is
not there (the kernel's timeline, a socket row, lost packets, an application's reports); it is not open for what no witness
could ever see, which the open questions name. Weak spot: an application whose reports are missing looks like one that never
reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Stage, Witness
from lab.trace.index import gaps
from lab.trace.stages import REFUSALS, possible, rank, whole
from lab.trace.talk import TLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.trace.account import Account, Story
    from lab.trace.following import Path
    from lab.trace.index import Index

READING = (Stage.ACCEPTED, Stage.READABLE, Stage.READ, Stage.TLS_UNFINISHED, Stage.TLS_ENDED, Stage.HEAD_INCOMPLETE)
"""Stages that end where the receiver's next read begins."""


def hop_open(story: Story, place: int) -> str:
    """The same of one hop, whatever became of the whole request."""
    here, stage = story.found[place], story.stages[place]
    if here.answered or stage is Stage.ANSWERED:
        return _handler(story, here, stage) if not here.children or here.untold else ""
    return _open(story, place)


def certificate_open(story: Story) -> str:
    """Why it is not known whose certificate the client accepted, though it accepted one."""
    here = story.found[0]
    silent = story.report.tls is None and here.leg.talk.protocol == TLS and here.finished is not False
    return "the client told nothing of the session that it agreed on" if silent else ""


def timeline_open(index: Index, namespaces: Sequence[str | None]) -> str:
    """Which witness's lines may be missing in a timeline."""
    witnesses = (Witness.KERNEL, Witness.SOCKETS, Witness.PROCESSES, Witness.APPLICATION)
    lost = [f"{name}: {why}" for name in witnesses for why in gaps(index, name)]
    lost += [f"packets of {each}: {why}" for each in namespaces if each for why in gaps(index, "packets", each)]
    lost += ["kernel: strace sees calls, and nothing that the kernel does itself"] if index.strace else []
    return lost[0] if lost else ""


def stage_open(story: Story) -> str:
    """Why the request may have got further than its stage; empty: it did not."""
    if story.made is not None:
        return _handler(story, story.found[story.made], story.stages[story.made])
    if story.found[0].doubted:
        return story.found[0].doubted
    if story.found[0].answered:
        sure = _by_whomever(story) == {Stage.ANSWERED} and _answered_with(story) not in REFUSALS
        return "" if sure else "an answer came, and who made it is not known"
    reasons = (_open(story, n) for n, here in enumerate(story.found) if not here.children or here.untold)
    return next(filter(None, reasons), "")


def least(story: Story) -> Stage:
    """The whole request's stage; of an answer of which nobody knows who made it, the least that it can be."""
    if story.made is None and story.found[0].answered:
        return min(_by_whomever(story), key=rank)
    return whole(tuple(here.leg for here in story.found), story.stages, story.found, story.made)


def _by_whomever(story: Story) -> frozenset[Stage]:
    return possible(story.world, story.report, story.found)


def _answered_with(story: Story) -> int | None:
    return story.found[0].code or story.report.status


def _handler(story: Story, here: Account, stage: Stage) -> str:
    """An answer that refuses, by a process of which nothing is known; or one that may have come from behind it."""
    if stage is Stage.REJECTED and not here.children and not here.said("rejected"):
        return _rejected_unseen(story, here)
    if stage is not Stage.ANSWERED or here.code not in REFUSALS or story.reached:
        return ""
    return f"whether a handler made the answer {here.code} of hop {here.number}: nothing tells"


def _rejected_unseen(story: Story, here: Account) -> str:
    """A rejection that nothing tells but the answer, while a witness is missing that would know of a handler."""
    if _unseen_behind(story, here):
        return f"whether hop {here.number} handed the request on: packets behind it were not captured"
    if here.container in story.world.habits.forwarders:
        return ""
    if here.container is None:
        return f"whether a handler made the answer {here.code} of hop {here.number}: no witness names its process"
    lost = gaps(story.world.index, "application")
    return f"whether a handler made the answer {here.code} of hop {here.number}: {lost[0]}" if lost else ""


def _unseen_behind(story: Story, here: Account) -> bool:
    receiver = here.leg.connection.receiver
    return receiver is None or bool(gaps(story.world.index, "packets", receiver.namespace))


def _open(story: Story, place: int) -> str:
    here, stage = story.found[place], story.stages[place]
    if reason := _captured(story, here, stage) or _read_further(here, stage):
        return reason
    return _unreported(story, here) if rank(stage) < rank(Stage.DISPATCHED) else ""


def _captured(story: Story, here: Account, stage: Stage) -> str:
    """What packets leave open."""
    if here.leg.connection.receiver is None and not here.leg.failed:
        return f"what became of hop {here.number} was not captured where it went"
    if here.untold:
        return f"hop {here.number} may have carried the request on"
    lost = gaps(story.world.index, "packets", here.leg.receiver.namespace) if here.leg.receiver.namespace else ()
    return f"packets of hop {here.number} were lost: {lost[0]}" if lost and rank(stage) < rank(Stage.DISPATCHED) else ""


def _read_further(here: Account, stage: Stage) -> str:
    """What the kernel's timeline and the socket table leave open."""
    if stage is Stage.ESTABLISHED and here.had is None:
        return f"no witness tells whether a process accepted hop {here.number}"
    if stage in READING and _more(here):
        return f"no witness tells how much of hop {here.number} a process read"
    if stage is Stage.TLS_UNFINISHED and here.finished is None:
        return f"no witness tells whether the handshake on hop {here.number} was finished"
    return ""


def _unreported(story: Story, here: Account) -> str:
    """A process may have had it, and its application's reports are missing, or nobody knows whose they would be."""
    if here.leg.failed or here.had is False or here.taken is False:
        return ""
    if here.container is None:
        return f"no witness names the process that had hop {here.number}"
    lost = gaps(story.world.index, "application")
    return f"what the application of {here.container} reports is missing: {lost[0]}" if lost else ""


def _more(here: Account) -> bool:
    """Whether more of what arrived may have been read than is known."""
    counted = here.counted
    if here.leg.talk.protocol == TLS and not here.outer:
        return False
    most = counted.arrived if counted.at_most is None else counted.at_most
    return counted.at_least < most


def route_open(story: Story, path: Path) -> str:
    """Why the request may have been carried on further than the hops show."""
    if path.untold or path.aside:
        return path.open_questions[0]
    for here in story.found:
        if here.leg.connection.receiver is None and not here.leg.failed:
            return f"in no namespace that has {here.leg.flow.server[0]} a packet of hop {here.number} was captured"
        namespace = here.leg.receiver.namespace
        lost = gaps(story.world.index, "packets", namespace) if namespace else ()
        if lost:
            return f"packets of {namespace} were lost: {lost[0]}"
    return ""
