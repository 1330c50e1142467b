"""How far a request got: on each leg, and on the whole.

On each leg the furthest row that is proved counts:

| proved | stage |
|---|---|
| its receiver sent a database a query that carries the probe's token, or any after it entered a handler for it | queried |
| the receiving application reports that it entered a handler for it | dispatched |
| an answer came back on it | answered, or rejected (below) |
| its receiver sent on something other than the same bytes | routed |
| a process took the whole head, to its blank line | parsed |
| a process took the beginning of a head | head incomplete |
| both sides finished the TLS handshake | TLS ended |
| a ClientHello, or the beginning of one, was read | TLS handshake unfinished |
| a process read bytes | read |
| a process has the connection, and bytes lie unread | readable |
| a process has the connection | accepted |
| the handshake of TCP is done where it was asked for | established |
| the SYN was never answered, though it was repeated, the client waited it out, or the accept queue was full | dropped |
| the SYN was answered with a reset | refused |
| the SYN was seen in the receiving namespace | on interface |
| the SYN was seen where it was sent from | sent |

An answer is a rejection if its maker handed the request to no handler: its application reports so; an attempt to hand it on
failed or was never answered; the head was incomplete or is one that RFC 9112 has a server refuse; its status says that a
handler was not asked (`WITHOUT_HANDLER`); or it refuses (`REFUSALS`) and comes from a process that hands requests on and
did not hand on this one. A handler that was entered may still end in a rejection, by a fault in the body.

The whole request is where its answer was made; without an answer it is as far as its furthest leg, where a leg whose receiver
passed the same bytes on, or only tried to, says nothing of its own. So a proxy's 502 is `rejected`, stopped at the refused leg
behind it, and a port forwarder with nothing behind it is `refused`. An answer that came back behind a proxy and not to the
client is none: the request is where it was without it.

Weak spots: `parsed` says that the process has the whole head, not what its parser made of it; `routed` is seen only when
something is sent on; `read` and `readable` cannot be told apart where neither the kernel's timeline nor a socket row is
there, and then the lesser is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Stage
from lab.trace.account import passes_on
from lab.trace.bonds import TOKEN, said
from lab.trace.http import NotHttp, begun, flaws, request_head
from lab.trace.index import SLACK_NS, gaps
from lab.trace.talk import TLS
from lab.trace.underway import under_way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lab.model.observations import ClientReport
    from lab.trace.account import Account
    from lab.trace.bonds import Leg
    from lab.trace.owners import World

ORDER = tuple(Stage)
WITHOUT_HANDLER = (408, 414, 421, 431, 502, 504, 505)
"""RFC 9110: request timeout, URI too long, misdirected, fields too large, bad gateway, gateway timeout, version."""
REFUSALS = (*range(400, 500), 501, 503)
"""What a process that hands requests on answers when it does not: RFC 9110, section 15.5, and 501, 503."""


def rank(stage: Stage) -> int:
    return ORDER.index(stage)


def stages(world: World, report: ClientReport, found: Sequence[Account], answerer: int | None) -> tuple[Stage, ...]:
    """The stage of each leg. `answerer`: place of the leg whose receiver made the client's answer."""
    return tuple(_stage(world, report, found, place, answerer) for place in range(len(found)))


def whole(legs: tuple[Leg, ...], told: Sequence[Stage], found: Sequence[Account], made: int | None) -> Stage:
    """The whole request's stage. `made`: place of the leg whose receiver made the client's answer."""
    if made is not None:
        return told[made]
    kept = _kept(told, found) if found[0].answered is False else told
    counted = [stage for place, stage in enumerate(kept) if not _silent(legs, found, place)]
    return max(counted or kept, key=rank)


def possible(world: World, report: ClientReport, found: Sequence[Account]) -> frozenset[Stage]:
    """Of an answer of which nobody knows who made it: the stages that it would have by each that may have."""
    makers = [0, *(n for n in _behind(found, 0) if found[n].answered is not False and not found[n].leg.failed)]
    told = (Stage.REJECTED if rejected(world, report, found, place) else Stage.ANSWERED for place in makers)
    return frozenset(told)


def _kept(told: Sequence[Stage], found: Sequence[Account]) -> tuple[Stage, ...]:
    """The stages where no answer reached the client, whatever came back behind the first leg."""
    return tuple(
        _unfinished(here, found) if stage is Stage.ANSWERED else stage for here, stage in zip(found, told, strict=True)
    )


def withheld(found: Sequence[Account]) -> int | None:
    """Place of the leg whose receiver had its answer from behind, and sent none on; None: there is no such."""
    place = _unanswered_before(found)
    return None if place is None or _spoke(found[place]) else place


def astray(found: Sequence[Account]) -> int | None:
    """Place of the leg on which an answer was sent, and has not come; None: there is no such."""
    place = _unanswered_before(found)
    place = len(found) - 1 if place is None and found[0].answered is False else place
    return place if place is not None and found[place].answered is False and _spoke(found[place]) else None


def _unanswered_before(found: Sequence[Account]) -> int | None:
    """The first leg that was not answered though all behind it were."""
    places = (place for place, here in enumerate(found) if here.answered is False and _answered_behind(found, here))
    return next(places, None) if found[0].answered is False else None


def _spoke(here: Account) -> bool:
    """Whether its receiver sent something that did not come to who asked."""
    found = under_way(here.leg)
    return found is not None and found.back


def _answered_behind(found: Sequence[Account], here: Account) -> bool:
    """Whether all that it asked have answered. One of several may be a mirror, or the next attempt."""
    behind = [found[n] for n in here.children if not found[n].leg.failed]
    return bool(behind) and all(each.answered for each in behind)


def _silent(legs: tuple[Leg, ...], found: Sequence[Account], place: int) -> bool:
    """A leg of which a later one says more: its receiver passed the bytes on, or tried to and said nothing itself."""
    here = found[place]
    if not here.children:
        return False
    onward = [found[n] for n in here.children if not found[n].leg.failed and found[n].came]
    return passes_on(legs, place) or (not onward and not here.answered)


def _stage(world: World, report: ClientReport, found: Sequence[Account], place: int, answerer: int | None) -> Stage:
    here = found[place]
    if here.leg.failed:
        return _unanswered(here.leg, report)
    if answerer is not None and answerer in _behind(found, place):
        return Stage.ANSWERED
    if here.answered and (here.outer or here.leg.talk.status or here.leg.talk.protocol == TLS or place == answerer):
        own = place == answerer or not (here.children or here.untold)
        return Stage.REJECTED if own and rejected(world, report, found, place) else Stage.ANSWERED
    return _unfinished(here, found)


def _behind(found: Sequence[Account], place: int) -> Iterator[int]:
    """Places of the legs behind one: the answer made at one of them came back on it."""
    for child in found[place].children:
        yield child
        yield from _behind(found, child)


def _unanswered(leg: Leg, report: ClientReport) -> Stage:
    """Of the handshake of TCP."""
    flow = leg.flow
    if flow.refused:
        return Stage.REFUSED
    if flow.attempt:
        return Stage.SENT
    if leg.half:
        return Stage.ON_INTERFACE
    if flow.quic and leg.receiver.row:
        return Stage.READABLE
    waited = report.error is not None and report.error.kind == "timeout"
    if len({(p.time_ns, p.namespace) for p in flow.syns}) > 1 or waited or leg.receiver.full:
        return Stage.DROPPED
    return Stage.ON_INTERFACE if leg.connection.receiver else Stage.SENT


def _unfinished(here: Account, found: Sequence[Account]) -> Stage:
    """No answer came back."""
    reached = [stage for stage, proved in TABLE if proved(here, found)]
    return reached[0] if reached else Stage.ON_INTERFACE if here.leg.half else Stage.ESTABLISHED


def _routed(here: Account, found: Sequence[Account]) -> bool:
    onward = [found[n].leg for n in here.children if not found[n].leg.failed and found[n].came]
    through = "same ClientHello" if _parsed(here, found) else "identical bytes"
    return bool(onward) and not any(leg.bond in ("same ClientHello", through) for leg in onward)


def _parsed(here: Account, _: Sequence[Account]) -> bool:
    if here.said("parsed"):
        return True
    if here.misfit or here.barred:
        return False
    try:
        head = request_head(here.request)
    except NotHttp:
        return False
    return head is not None and head.complete


TABLE: tuple[tuple[Stage, Callable[[Account, Sequence[Account]], bool]], ...] = (
    (Stage.QUERIED, lambda here, _: here.said("queried") or _queried(here)),
    (Stage.DISPATCHED, lambda here, _: here.said("dispatched")),
    (Stage.ROUTED, _routed),
    (Stage.REJECTED, lambda here, _: here.said("rejected")),
    (Stage.PARSED, _parsed),
    (Stage.HEAD_INCOMPLETE, lambda here, _: begun(here.request) and not here.misfit and not here.barred),
    (Stage.TLS_ENDED, lambda here, found: bool(here.finished) and not _passing(here, found)),
    (Stage.TLS_UNFINISHED, lambda here, found: _protected(here) and bool(here.taken) and not _passing(here, found)),
    (Stage.READ, lambda here, _: bool(here.taken)),
    (Stage.READABLE, lambda here, _: bool(here.had) and here.counted.delivered > here.leg.talk.begin),
    (Stage.ACCEPTED, lambda here, _: bool(here.had)),
)
"""Furthest first."""


def _queried(here: Account) -> bool:
    """A query that carries the probe's token was made by a handler that had the request; any other only if one was entered."""
    return any(each.bond == TOKEN or here.said("dispatched") for each in here.questions.told)


def _protected(here: Account) -> bool:
    return here.leg.talk.protocol == TLS


def _passing(here: Account, found: Sequence[Account]) -> bool:
    return any(found[n].leg.bond in ("same ClientHello", "identical bytes") for n in here.children)


def rejected(world: World, report: ClientReport, found: Sequence[Account], place: int) -> bool:
    """Whether the answer that this leg's receiver made was made without a handler."""
    here = found[place]
    if here.said("rejected"):
        return True
    if here.said("dispatched"):
        return False
    if here.head and here.head.method == "CONNECT" and here.leg.talk.tunnel is None:
        return True  # RFC 9110, section 9.3.6: no tunnel was opened, so nothing was handed on
    if here.children and not any(found[n].answered for n in here.children):
        return True
    if here.container in world.index.reports and not gaps(world.index, "application"):
        return True
    return bool(here.misfit) or here.code in WITHOUT_HANDLER or malformed(report, here) or refused(world, here)


def refused(world: World, here: Account) -> bool:
    """Whether it is a refusal by a process that hands requests on, and did not hand on this one."""
    return here.code in REFUSALS and not here.children and not here.untold and here.container in world.habits.forwarders


def malformed(report: ClientReport, here: Account) -> bool:
    """Whether no server was to take it: the head is incomplete or wrong, or TLS came where HTTP was spoken."""
    if here.code is None or here.code < 400:
        return False
    data = here.meant.data if here.outer else said(here.leg, report.finished_ns + SLACK_NS)
    message = here.leg.talk.message
    return begun(data) or bool(flaws(data)) or bool(message and message.fault)
