"""The cells of one server's row: what it made of each probe, in words, held against what is due and against its quirks.

Rule: words come from routes, clients and processes alone; the catalogue is asked only afterwards, for the mark. A table says
how each ask is read. What no witness could tell is `not known`, never as due. Weak spot: seconds are whole ones, rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.judge.grid_seen import Seen, Word, labels, seen_of
from lab.model.grid import ASKS, LINE_SIZES, Cell, Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lab.model.catalogue import Quirk, Server
    from lab.model.grid import Ask
    from lab.model.observations import Observations, SeenProcess
    from lab.model.routes import Evidence, Route


@dataclass(frozen=True, slots=True)
class View:
    """One server's case, as the readers ask for it."""

    row: Server
    routes: Mapping[tuple[str, str], Seen]
    """(probe, moment) -> what was seen of it."""
    processes: Sequence[tuple[SeenProcess, Evidence]]
    """All that the server's own containers ran."""

    def at(self, probe: str, moment: str = "") -> Seen:
        """Raises MissingProbe."""
        try:
            return self.routes[probe, moment]
        except KeyError:
            raise MissingProbe(probe) from None


class MissingProbe(Exception):  # noqa: N818 - it says what is not there
    """The case has no report of this probe."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was read: the words, whether that is due (None: not known, or nothing is due), and what it rests on."""

    words: str
    due: bool | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """One server's case as it was carried out."""

    routes: Sequence[Route]
    observed: Observations
    processes: Sequence[tuple[SeenProcess, Evidence]]
    """All that the container ran that the row is about."""
    folder: str
    """Of the evidence, inside the grid's folder."""


def cells(row: Server, carried: Carried, unasked: Callable[[str], str]) -> tuple[Cell, ...]:
    """One cell for each ask. `unasked`: why an ask has no meaning for this server, or nothing."""
    named = labels(row)
    found = {(route.probe, route.moment): seen_of(route, carried.observed, named) for route in carried.routes}
    view = View(row, found, carried.processes)
    return tuple(_cell(view, ask, carried.folder, unasked(ask.id)) for ask in ASKS)


def _cell(view: View, ask: Ask, folder: str, unasked: str) -> Cell:
    if unasked:
        return Cell(ask.id, "–", Mark.UNSUPPORTED, unasked)
    try:
        told = READERS[ask.id](view)
    except MissingProbe as missing:
        return Cell(ask.id, "not run", Mark.NOT_RUN, f"no report of the probe {missing}")
    mark, why, source = _marked(view.row.quirks, ask, told)
    return Cell(ask.id, told.words, mark, why, source, told.evidence, folder)


def _marked(quirks: Sequence[Quirk], ask: Ask, told: Told) -> tuple[Mark, str, str]:
    """The mark, why, and the source."""
    declared = next((quirk for quirk in quirks if ask.id in quirk.grid), None)
    if declared is not None:
        if declared.grid[ask.id] in told.words:
            return Mark.QUIRK, declared.says, declared.source
        return Mark.FINDING, f"its row declares “{declared.grid[ask.id]}”: {declared.says}", declared.source
    if not ask.due:
        return Mark.FREE, "", ask.source
    if told.due is None:
        return Mark.OPEN, f"due: {ask.due}; no witness could tell whether a handler ran", ask.source
    return (Mark.DUE, ask.due, ask.source) if told.due else (Mark.FINDING, f"due: {ask.due}", ask.source)


# How each ask is read.


def _told(seen: Seen, due: bool | None) -> Told:
    return Told(seen.words(), due, seen.evidence())


def _unless_entered(seen: Seen, good: bool) -> bool | None:
    """Whether it is as due, where no handler may have run."""
    return None if good and seen.entered is None else good and not seen.entered


def _refused(*codes: int, ended: bool = False) -> Callable[[Seen], bool | None]:
    """Refused by the first server with one of these, and no handler ran."""

    def due(seen: Seen) -> bool | None:
        good = seen.code in codes and seen.at_front and (seen.word is not Word.KEPT or not ended)
        return _unless_entered(seen, good)

    return due


def _both_lengths(seen: Seen) -> bool | None:
    return _refused(400)(seen) or (seen.code == 200 and seen.word is not Word.KEPT)


def _late(seen: Seen) -> bool:
    """408, or patience."""
    return seen.code == 408 or seen.waits


def _simple(probe: str, due: Callable[[Seen], bool | None]) -> Callable[[View], Told]:
    return lambda view: _told(view.at(probe), due(view.at(probe)))


def _answered(seen: Seen) -> bool | None:
    return seen.code == 200 and (None if seen.entered is None else seen.entered)


def _head_then_body(view: View) -> Told:
    early, late = view.at("head-then-body", "head"), view.at("head-then-body")
    words = "after the head" if early.entered else "after the body" if late.entered else "never"
    if early.entered is None:
        words = f"not known when; in the end {late.words()}"
    onward = _onward(early)
    return Told(f"{words}{onward}", early.entered is not None, (*early.evidence(), *late.evidence()))


def _onward(early: Seen) -> str:
    """Whether the head had gone further by then, before any of the body came."""
    if early.entered or len(early.route.hops) == 1:
        return ""
    return "; the head goes on before the body"


def _half_a_head(view: View) -> Told:
    early, late = view.at("half-a-head", "half"), view.at("half-a-head")
    before = {True: "handler before the blank line", False: "no handler before the blank line", None: "not known"}[
        early.entered
    ]
    due = None if early.entered is None else not early.entered and late.code == 200
    return Told(f"{before}, then {late.answer()}", due, (*early.evidence(), *late.evidence()))


def _expect(view: View) -> Told:
    early, late = view.at("expect", "head"), view.at("expect")
    told, interim = _interim(early), early.route.counts.interim
    entered = {True: "handler entered", False: "no handler yet", None: "handler not known"}[early.entered]
    due = None if interim is None else bool(interim) or early.code is not None
    return Told(
        f"{told}, {entered}; then {late.answer()}", due, (*early.counted("interim"), *early.evidence(), *late.evidence())
    )


def _interim(early: Seen) -> str:
    if early.code is not None:
        return f"{early.answer()} before the body"
    return {None: "not known whether 100 came", 0: "no 100"}.get(early.route.counts.interim, "100 before the body")


def _ladder(kind: str, code: Callable[[Seen], bool]) -> Callable[[View], Told]:
    """What becomes of it from which size on."""

    def read(view: View) -> Told:
        steps = [(size, view.at(f"{kind}-{size}")) for size in LINE_SIZES]
        changes = [step for n, step in enumerate(steps) if not n or steps[n - 1][1].answer() != step[1].answer()]
        words = "; ".join(f"{seen.answer()} from {size:,} bytes" for size, seen in changes)
        refused = [seen for _, seen in changes if seen.code != 200]
        if not refused:
            words = f"takes {LINE_SIZES[-1]:,} bytes"
        elif changes[0][1].code == 200:
            words = words.partition("; ")[2]
        due = all(code(seen) for seen in refused if seen.at_front)
        return Told(words, due, tuple(one for _, seen in changes for one in seen.evidence()))

    return read


def _keep_alive(view: View) -> Told:
    first, last = view.at("keep-alive", "first"), view.at("keep-alive")
    both = last.route.counts.answers == 2
    words = "kept: both answered" if both else f"{first.answer()}, then {last.word or 'no second answer'}"
    return Told(words, both, (*last.counted("answers"), *last.evidence()))


def _pipelined(view: View) -> Told:
    seen = view.at("pipelined")
    answers, handlers = seen.route.counts.answers, seen.route.counts.dispatches
    words = f"{_number(answers, 'answer')}, {_number(handlers, 'handler')}"
    due = None if answers is None else answers == 2
    return Told(words, due, (*seen.counted("answers"), *seen.counted("dispatches"), *seen.evidence()))


def _number(count: int | None, what: str) -> str:
    return f"not known how many {what}s" if count is None else f"{count} {what}{'' if count == 1 else 's'}"


def _upstream(view: View) -> Told:
    first, last = view.at("keep-alive", "first").route, view.at("keep-alive").route
    good = view.at("good").route
    hops = f"{len(good.hops)} connections a request" if len(good.hops) != 1 else "1 connection a request"
    if last.counts.answers != 2 or len(first.hops) < 2 or len(last.hops) < 2:
        return Told(hops, None, tuple(one for hop in good.hops for one in hop.evidence[:2]))
    same = first.hops[1].peer == last.hops[1].peer
    words = f"{hops}; {'the same' if same else 'a new one'} behind it for the second request"
    return Told(words, None, tuple(one for route in (first, last) for one in route.hops[1].evidence[:2]))


def _processes(view: View) -> Told:
    on_route = {hop.host_pid for hop in view.at("good").route.hops if hop.host_pid}
    own = {seen.pid: evidence for seen, evidence in view.processes}
    words = f"{len(own)} in its container, {len(on_route & own.keys())} on the route"
    return Told(words, None, tuple(own.values()))


READERS: Mapping[str, Callable[[View], Told]] = {
    "good": _simple("good", _answered),
    "head-then-body": _head_then_body,
    "half-a-head": _half_a_head,
    "expect": _expect,
    "bad-method": _simple("bad-method", _refused(400, 501)),
    "bad-version": _simple("bad-version", _refused(400, 505)),
    "no-host": _simple("no-host", _refused(400)),
    "two-hosts": _simple("two-hosts", _refused(400)),
    "both-lengths": _simple("both-lengths", _both_lengths),
    "two-lengths": _simple("two-lengths", _refused(400, ended=True)),
    "nul": _simple("nul", _refused(400)),
    "control": _simple("control", lambda _: None),
    "bad-chunk": _simple("bad-chunk", lambda seen: seen.code != 200 and not seen.waits and seen.word is not Word.KEPT),
    "long-line": _ladder("long-line", lambda seen: seen.code == 414),
    "long-field": _ladder("long-field", lambda seen: seen.code is not None and 400 <= seen.code < 500),
    "body-large": _simple("body-large", lambda seen: seen.code == 413 or seen.waits),
    "body-limit": _simple("body-limit", lambda seen: seen.code == 413),
    "body-short": _simple("body-short", lambda seen: seen.code != 200),
    "silent": _simple("silent", lambda _: None),
    "slow-head": _simple("slow-head", _late),
    "slow-body": _simple("slow-body", _late),
    "plain-to-tls": _simple("plain-to-tls", lambda seen: _unless_entered(seen, good=True)),
    "tls-to-plain": _simple("tls-to-plain", lambda seen: _unless_entered(seen, good=True)),
    "tls": _simple("tls", _answered),
    "keep-alive": _keep_alive,
    "pipelined": _pipelined,
    "half-close": _simple("half-close", lambda _: None),
    "http-1-0": _simple("http-1-0", lambda seen: seen.code == 200 and seen.word is not Word.KEPT),
    "upstream": _upstream,
    "processes": _processes,
}
"""Id of an ask -> what reads its cell."""
