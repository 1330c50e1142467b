"""Who made the answer that the client got, and whether a handler was reached.

Rule: the answer was made at the deepest leg on which one came back before the leg outside it had ended, with the same
status as far as statuses can be read, and with the content that the client got as far as contents can. Dispatch is an
application's word and is believed only beside the bytes: they arrived and were read before it. Without an application
that reports, dispatch is never claimed; it is denied where no process had a whole head. Weak spot: a proxy that changes the
content of an answer cannot be told from one that put its own page in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Contradiction, Stage
from lab.trace import cite, fastcgi, http2
from lab.trace.bodies import content, same
from lab.trace.bonds import TOKEN
from lab.trace.database import too_early
from lab.trace.http import begun
from lab.trace.index import gaps
from lab.trace.lives import reads
from lab.trace.sealed import carrying
from lab.trace.stages import WITHOUT_HANDLER
from lab.trace.streams import packet_at
from lab.trace.talk import FASTCGI, H2, TLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.model.observations import AppEvent, ClientReport
    from lab.trace.account import Account
    from lab.trace.owners import World

REFUSES = 400
"""Statuses from here on tell of an error (RFC 9110, sections 15.5 and 15.6)."""
CLOCK_NS = 10**6
"""An application's clock is the kernel's, but it takes its time a moment after the step."""


def answerer(report: ClientReport, found: Sequence[Account]) -> tuple[int | None, tuple[str, ...]]:
    """Place of the leg whose receiver made the client's answer, and what could not be told. None: nobody answered, or open."""
    if not found or not found[0].answered:
        return None, ()
    place, code = 0, found[0].code or report.status
    while True:
        if found[place].untold:
            return None, (f"who made the answer: hop {found[place].number} may have carried the request on",)
        inner = [
            n
            for n in found[place].children
            if _before(found[n], found[place]) and (code is None or found[n].code in (None, code))
        ]
        sure = [n for n in inner if found[n].answered or _through(found, n, code)]
        if len(sure) > 1 and len(alike := [n for n in sure if _same_content(report, found[n])]) == 1:
            sure = alike
        if len(sure) > 1:
            return None, ("which of several upstreams made the answer: all answered with the same status",)
        if not sure:
            untold = [n for n in inner if found[n].answered is None]
            return _hidden(found, place, code) or _itself(found, place, untold)
        if _other_content(report, found[sure[0]]):
            return None, (_changed(found[place], found[sure[0]]),)
        place, code = sure[0], found[sure[0]].code or code


def _through(found: Sequence[Account], place: int, code: int | None) -> bool:
    """Whether what came back encrypted is the answer that came back in clear behind it, and no session tickets alone."""
    here = found[place]
    if here.answered is not None or here.answer is None:
        return False
    behind = [n for n in here.children if _before(found[n], here) and (code is None or found[n].code in (None, code))]
    return any((found[n].answered and found[n].code == code) or _through(found, n, code) for n in behind)


def _hidden(found: Sequence[Account], place: int, code: int | None) -> tuple[None, tuple[str, ...]] | None:
    """An answer that refuses, where what came back behind a proxy cannot be read: it may have put a page of its own there."""
    here = found[place]
    readable = here.outer or here.leg.talk.protocol != TLS or here.said("answered", "rejected")
    if readable or code is None or code < REFUSES:
        return None
    return None, (f"who made the answer {code}: what came back on hop {here.number} is encrypted, and may be another",)


def _itself(found: Sequence[Account], place: int, untold: Sequence[int]) -> tuple[int | None, tuple[str, ...]]:
    """No answer from behind is this one: the receiver made it, unless an answer there may not have been seen."""
    if untold:
        return None, (_untold(found[untold[0]]),)
    if found[place].aside:
        number = found[place].number
        return None, (f"who made the answer: the receiver of hop {number} asked somebody meanwhile, perhaps for this probe",)
    return place, ()


def _other_content(report: ClientReport, here: Account) -> bool:
    """Whether what came back on a leg, whole and in clear, is not what the client got: the process before it may have changed
    it, or put a page of its own in its place."""
    back = _content(here) if here.leg.flow.down.whole else None
    if back is None or not report.body or report.answers > 1:
        return False
    return not same(back, report.body)


def _content(here: Account) -> bytes | None:
    """What came back on a leg, its head taken off, as far as it came; None: it cannot be read."""
    said, data = here.leg.talk, here.leg.flow.down.data
    if said.protocol == H2 and said.begin < len(here.leg.flow.up.data):
        return http2.content(data, said.answer)
    if said.protocol == FASTCGI:
        return fastcgi.content(here.leg.flow.up.data[said.begin :], data[said.answer :])
    if said.status is None or not (said.protocol or "").startswith("http/1"):
        return None
    return content(data[said.answer + said.status.offset :])


def _changed(outer: Account, inner: Account) -> str:
    return (
        f"who made the answer: what came back on hop {inner.number} is not what the client got, so the receiver of hop "
        f"{outer.number} changed it or put its own in its place"
    )


def _same_content(report: ClientReport, here: Account) -> bool:
    """Whether what came back on a leg has what the client got; of several answers with one status only one may."""
    return bool(report.body) and _content(here) == report.body


def _untold(here: Account) -> str:
    return f"whether hop {here.number} answered: what came back is encrypted and may be session tickets"


def _before(inner: Account, outer: Account) -> bool:
    if inner.leg.failed or inner.answered is False:
        return False
    return inner.answer is None or inner.answer.time_ns <= outer.last


def dispatched(
    world: World, report: ClientReport, found: Sequence[Account], told: Sequence[Stage], made: int | None
) -> tuple[bool | None, tuple[Contradiction, ...]]:
    """Whether a handler was reached; None: no witness could tell."""
    events = [(here, event) for here in found for event in here.events if event.event == "dispatched"]
    contradictions = tuple(c for here, event in events if (c := _too_early(world, here, event)))
    contradictions += tuple(c for here in found for c in too_early(here.questions, here.events))
    if any(each.bond == TOKEN for here in found for each in here.questions.told):
        return True, contradictions
    stray = _stray(world, report, found)
    if events or stray:
        return True if events else None, contradictions + stray
    return _denied(world, report, found, told, made), ()


def _too_early(world: World, here: Account, event: AppEvent) -> Contradiction | None:
    """Dispatch before the request's first byte came, or before its head was read."""
    up = here.leg.flow.up
    if here.leg.talk.begin < len(up.data):
        first = packet_at(up, here.leg.talk.begin)
        if event.time_ns + CLOCK_NS < first.time_ns:
            return Contradiction("dispatch", cite.application(event), cite.packet(first, "the request's first byte came later"))
    return None if gaps(world.index, "kernel") else _unread(here, event)


def _unread(here: Account, event: AppEvent) -> Contradiction | None:
    """By the kernel's reads: all that came on this connection up to the request's blank line must have been taken."""
    life, said = here.leg.receiver.life, here.leg.talk
    if life is None or not life.complete or here.counted.at_most is None:
        return None
    needed = said.begin + (said.head.size if said.head and said.head.complete else 1)
    before = [e for e in reads(life) if e.time_ns <= event.time_ns + CLOCK_NS]
    size = sum(e.size for e in before)
    if size >= needed:
        return None
    last = cite.kernel(before[-1] if before else life.first, f"{size} bytes had been read before it, its head ends at {needed}")
    return Contradiction("dispatch", cite.application(event), last)


def _stray(world: World, report: ClientReport, found: Sequence[Account]) -> tuple[Contradiction, ...]:
    """An application that says it dispatched this probe, and is not on its route."""
    known = {here.container for here in found}
    if any(here.container is None and here.had is not False for here in found):
        return ()  # it may be the receiver that no witness names
    packets = [packet for here in found for packet in here.leg.flow.packets[:1]]
    return tuple(
        Contradiction("dispatch", cite.application(event), cite.packet(packets[-1], "no connection of it leads there"))
        for event in world.index.entered.get(report.token, ())
        if event.container not in known and packets
    )  # fmt: skip


def _denied(
    world: World, report: ClientReport, found: Sequence[Account], told: Sequence[Stage], made: int | None
) -> bool | None:
    """No application reports dispatch: whether that means that there was none."""
    if any(gaps(world.index, "packets", view.namespace) for here in found for view in here.leg.connection.views):
        return None
    if any(here.untold for here in found):
        return None
    if not found[0].answered:
        unknown = found[0].answered is None and found[0].leg.flow.quic
        return None if unknown else _nowhere(world, report, found)
    if made is None or told[made] is not Stage.REJECTED:
        return None
    here = found[made]
    if any(found[n].came for n in here.children):
        return _nowhere(world, report, found)  # the request was with somebody behind its maker
    only_status = here.code in WITHOUT_HANDLER and not here.children
    return None if only_status and not _hands_on(world, here) else False


def _hands_on(world: World, here: Account) -> bool:
    """Whether it is known that its handlers report, or that it hands requests on and has none."""
    return here.container in world.index.reports or here.container in world.habits.forwarders


def _nowhere(world: World, report: ClientReport, found: Sequence[Account]) -> bool | None:
    leaves = [here for here in found if not here.children]
    return False if all(_unreached(world, report, here) for here in leaves) else None


def _unreached(world: World, report: ClientReport, here: Account) -> bool:
    """Whether no handler can have been entered: no process had the whole head, or its application reports and said nothing,
    or its process is known to hand requests on and handed on none."""
    if here.leg.failed or here.had is False or here.taken is False or here.barred:
        return True
    if here.container in world.index.reports and not gaps(world.index, "application"):
        return True
    return here.container in world.habits.forwarders or _headless(report, here)


def _headless(report: ClientReport, here: Account) -> bool:
    """Whether the sender gave it no whole head, or no process took it whole."""
    said = here.leg.talk
    if not here.leg.flow.up.whole or (said.protocol == TLS and not here.outer):
        return False
    if here.head is None:
        data = here.meant.data if said.protocol == TLS else here.leg.flow.up.data[said.begin :]
        return not data or begun(data)
    most, end = here.counted.at_most, _end_of_head(report, here)
    return not here.head.complete or (most is not None and end is not None and most < end)


def _end_of_head(report: ClientReport, here: Account) -> int | None:
    """Where the head ends in the stream; inside the client's own session its last byte's record; None: lengths do not tell."""
    said, size = here.leg.talk, here.head.size if here.head else 0
    if said.protocol != TLS:
        return said.begin + size
    record = carrying(said, report.sent, here.meant.offset + size - 1)
    return record.end if record else None
