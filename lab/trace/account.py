"""What each leg of a route amounts to: what arrived, who took it, what came back. Facts, not yet judged.

Rule: a fact is True, False or None, and None means that no witness could tell. Weak spot: of an encrypted leg that is not the
client's own, only the number and length of the records tell an answer from a session ticket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace import bonds
from lab.trace.back import came_back
from lab.trace.blind import exchanges, made_elsewhere, unseen
from lab.trace.database import questions
from lab.trace.habits import misfit
from lab.trace.handshake import finished
from lab.trace.index import SLACK_NS, gaps
from lab.trace.inside import Where, inside
from lab.trace.reported import reported
from lab.trace.taken import taken
from lab.trace.whose import doubt

if TYPE_CHECKING:
    from lab.model.observations import AppEvent, ClientReport, Packet
    from lab.model.routes import Contradiction, Stage, TlsAtHop
    from lab.trace.asked import Asked
    from lab.trace.blind import Exchange
    from lab.trace.bonds import Leg
    from lab.trace.database import Questions
    from lab.trace.following import Path
    from lab.trace.http import Head
    from lab.trace.owners import World
    from lab.trace.taken import Taken


@dataclass(frozen=True, slots=True)
class Account:
    """One leg and what is known of it."""

    leg: Leg
    meant: Asked
    number: int
    children: tuple[int, ...]
    """Places in the route of the legs that its receiver sent."""
    outer: bool
    """It carries the client's own TLS session or, without TLS, the client's own bytes: its report speaks of this leg."""
    untold: bool
    """Its receiver may have carried the request on, on a connection that nothing ties to it."""
    aside: bool
    """Its receiver asked somebody without the probe's token meanwhile, perhaps for this request, and got the same status."""
    counted: Taken
    """Of the connection, from its first byte."""
    came: int
    """Bytes of the request that arrived."""
    taken: bool | None
    """Whether a process read any of them."""
    had: bool | None
    """Whether a process had the connection."""
    request: bytes
    """The request in clear as far as a process is known to have taken it, where it can be known."""
    head: Head | None
    """The request's head, where it can be known."""
    finished: bool | None
    """Whether both sides finished the TLS handshake; None without TLS or where that is open."""
    answered: bool | None
    """Whether an answer came back on it."""
    answer: Packet | None
    """The packet with which it began."""
    last: int
    """When the last byte came back; 0: none."""
    code: int | None
    """The answer's status, where it can be read."""
    events: tuple[AppEvent, ...]
    """What the receiving application reported of it."""
    misfit: str
    """What came and its port does not take, in words."""
    questions: Questions
    """What its receiver asked a database for it."""
    blind: tuple[Exchange, ...] = ()
    """What its receiver said over UNIX sockets meanwhile, if that can have been the request."""
    unseen: str = ""
    """Why it is not known whether it did."""
    doubted: str = ""
    """Why it is not known whether an answer is for it."""

    @property
    def container(self) -> str | None:
        return self.leg.receiver.container if self.had else None

    @property
    def early(self) -> bool:
        """The request came as early data and was taken, so it could be read before the handshake was finished."""
        told = self.leg.talk.early
        return told is not None and bool(told.taken and told.carrying)

    @property
    def barred(self) -> bool:
        """Nobody can have read the request, for the handshake that protects it was not finished."""
        return self.finished is False and not self.early

    def said(self, *events: str) -> bool:
        return any(event.event in events for event in self.events)


def accounts(world: World, report: ClientReport, path: Path, meant: Asked) -> tuple[Account, ...]:
    """One for each leg, in the route's order."""
    return tuple(_account(world, report, path, place, meant) for place in range(len(path.legs)))


def passes_on(legs: tuple[Leg, ...], place: int) -> bool:
    """Whether the receiver sent the same bytes on."""
    bound = [leg.bond for leg in legs if leg.parent == place and not leg.failed]
    return any(bond in (bonds.SAME_HELLO, bonds.IDENTICAL) for bond in bound)


def _account(world: World, report: ClientReport, path: Path, place: int, meant: Asked) -> Account:
    legs, leg = path.legs, path.legs[place]
    children = tuple(n for n, other in enumerate(legs) if other.parent == place)
    outer = _outer(legs, place)
    events = reported(world, legs, place, meant, outer=outer)
    counted = taken(world.index, leg)
    code, answered, answer = came_back(report, leg, events, meant, outer=outer)
    doubted = doubt(world, report, leg, meant) if outer else ""
    code, answered = (None, None) if doubted else (code, answered)
    onward = any(len(legs[n].flow.up.data) for n in children)
    found = inside(Where(report, meant, leg, counted, outer, onward), answered=bool(answered))
    pieces = leg.flow.down.pieces
    blind = () if onward else exchanges(world, leg, answer.time_ns if answer else _until(report, answer))
    elsewhere = any(made_elsewhere(each, report.body) for each in blind)
    hidden = "" if onward or blind else unseen(world, leg)
    return Account(
        leg=leg, meant=meant, number=place + 1, children=children, outer=outer,
        untold=place in path.untold or elsewhere or bool(hidden), blind=blind, unseen=hidden,
        aside=place in path.alike, counted=counted, came=found.came, taken=found.taken, request=found.request, head=found.head,
        had=_had(world, leg, busy=bool(found.taken or pieces or children or _entered(events))),
        finished=finished(report, leg, counted, events, outer=outer),
        answered=answered, answer=answer, last=pieces[-1].time_ns if pieces else 0, code=code, events=events,
        doubted=doubted, misfit=misfit(world.habits, leg), questions=questions(world, leg, meant, _until(report, answer)),
    )  # fmt: skip


def _until(report: ClientReport, answer: Packet | None) -> int:
    """A handler that has answered asks no more for that request."""
    return min(report.finished_ns, answer.time_ns if answer else report.finished_ns) + SLACK_NS


def _had(world: World, leg: Leg, *, busy: bool) -> bool | None:
    """Whether a process had the connection: surely if anything came of it, surely not if there was no connection to have."""
    if leg.failed:
        return None if gaps(world.index, "packets", leg.flow.namespace) else False
    return True if busy else leg.receiver.owned


def _entered(events: tuple[AppEvent, ...]) -> bool:
    """Only a process that has the connection can enter a handler for what came on it, or say so."""
    return any(event.event == "dispatched" for event in events)


def _outer(legs: tuple[Leg, ...], place: int) -> bool:
    """The client's own session: the first leg, and on as long as the bytes are passed on as they are."""
    while place:
        leg = legs[place]
        if leg.bond not in (bonds.SAME_HELLO, bonds.IDENTICAL) or leg.parent is None:
            return False
        place = leg.parent
    return True


@dataclass(frozen=True, slots=True)
class Story:
    """One probe, followed and judged; what the diagnosis and the hops are told from."""

    world: World
    report: ClientReport
    meant: Asked
    found: tuple[Account, ...]
    stages: tuple[Stage, ...]
    """Of each leg."""
    roles: tuple[TlsAtHop | None, ...]
    made: int | None
    """Place of the leg whose receiver made the client's answer; None: nobody, or not known."""
    reached: bool | None
    """Whether a handler was reached."""
    disputed: tuple[Contradiction, ...] = ()
    """What contradicts that."""
    untold: tuple[str, ...] = ()
    """What could not be told of the answer."""
