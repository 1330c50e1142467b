"""Whether a stage and a route are all that there was, or whether a witness is missing that could have told more.

Rule: a stage is the furthest that is proved. It is open where the receiver may have done more and the witness that sees it
is not there (the kernel's timeline, a socket row, lost packets); it is not open for what no witness could ever see, which
the open questions name. Weak spot: an application whose reports are missing looks like one that never reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Stage
from lab.trace.index import gaps
from lab.trace.stages import REFUSALS, rank
from lab.trace.talk import TLS

if TYPE_CHECKING:
    from lab.trace.account import Account, Story
    from lab.trace.following import Path

READING = (Stage.ACCEPTED, Stage.READABLE, Stage.READ, Stage.TLS_UNFINISHED, Stage.TLS_ENDED, Stage.HEAD_INCOMPLETE)
"""Stages that end where the receiver's next read begins."""


def stage_open(story: Story) -> str:
    """Why the request may have got further than its stage; empty: it did not."""
    if story.made is not None:
        return _handler(story, story.found[story.made], story.stages[story.made])
    if story.found[0].answered:
        return "an answer came, and who made it is not known"
    reasons = (_open(story, n) for n, here in enumerate(story.found) if not here.children or here.untold)
    return next(filter(None, reasons), "")


def _handler(story: Story, here: Account, stage: Stage) -> str:
    """An answer that refuses, by a process of which nothing is known."""
    if stage is not Stage.ANSWERED or here.code not in REFUSALS or story.reached:
        return ""
    return f"whether a handler made the answer {here.code} of hop {here.number}: nothing tells"


def _open(story: Story, place: int) -> str:
    here, stage = story.found[place], story.stages[place]
    if here.untold:
        return f"hop {here.number} may have carried the request on"
    lost = gaps(story.world.index, "packets", here.leg.receiver.namespace) if here.leg.receiver.namespace else ()
    if lost and rank(stage) < rank(Stage.DISPATCHED):
        return f"packets of hop {here.number} were lost: {lost[0]}"
    if stage is Stage.ESTABLISHED and here.had is None:
        return f"no witness tells whether a process accepted hop {here.number}"
    if stage in READING and _more(here):
        return f"no witness tells how much of hop {here.number} a process read"
    if stage is Stage.TLS_UNFINISHED and here.finished is None:
        return f"no witness tells whether the handshake on hop {here.number} was finished"
    return ""


def _more(here: Account) -> bool:
    """Whether more of what arrived may have been read than is known."""
    counted = here.counted
    if here.leg.talk.protocol == TLS and not here.outer:
        return False
    most = counted.arrived if counted.at_most is None else counted.at_most
    return counted.at_least < most


def route_open(story: Story, path: Path) -> str:
    """Why the request may have been carried on further than the hops show."""
    if path.untold:
        return path.open_questions[0]
    for here in story.found:
        namespace = here.leg.receiver.namespace
        lost = gaps(story.world.index, "packets", namespace) if namespace else ()
        if lost:
            return f"packets of {namespace} were lost: {lost[0]}"
    return ""
