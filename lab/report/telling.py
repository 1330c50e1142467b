"""A run told as it goes: one line a case where there are many, the routes drawn where there is one scenario; what did
not pass always in full, and first of all where its evidence lies.

Twins that were caught are folded under their scenario. Weak spot: results are expected scenario by scenario, as a run gives
them; in another order a scenario is headed twice.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from rich.text import Text

from lab.model.routes import TlsAtHop
from lab.model.verdicts import Outcome
from lab.report import timeline as timelines
from lab.report.alike import alike
from lab.report.terminal import check, draw, mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lab.model.routes import Hop, Route
    from lab.model.steps import StepDone
    from lab.model.verdicts import CaseResult, Verdict


class Detail(StrEnum):
    """How much is told of what passed."""

    BRIEF = "brief"
    """One line a case."""
    ROUTES = "routes"
    """Routes drawn, one line a check with the places of its evidence."""
    EVIDENCE = "evidence"
    """Each check with what its evidence says."""


BROKEN = " — broken: "
"""Between a scenario's title and what a twin of it has wrong."""

GOOD = (Outcome.PASS, Outcome.UNSUPPORTED)


def told(  # noqa: PLR0913 - how it is told, and where things are
    results: Iterable[CaseResult],
    detail: Detail,
    where: str,
    lab: str = "lab",
    *,
    fold: bool = True,
    timeline: bool = False,
) -> Iterator[Text]:
    """Lines for each result as it comes. `where`: the run's folder; `lab`: the command as it is typed here; `fold`: twins that
    were caught are one line together."""
    heading = ""
    twins: list[CaseResult] = []
    for result in results:
        if result.scenario != heading:
            yield from _caught(twins)
            heading, twins = result.scenario, []
            yield Text.assemble((heading, "bold"), (f"  {_title(result)}", "dim"))
        if result.outcome not in GOOD:
            yield from failure(result, f"{where}/{result.folder}", lab, timeline=timeline)
        elif _twin(result) and fold and detail is not Detail.EVIDENCE:
            twins.append(result)
        elif detail is Detail.BRIEF or result.outcome is Outcome.UNSUPPORTED:
            yield _line(result)
        else:
            yield from whole(result, evidence=detail is Detail.EVIDENCE, timeline=timeline)
    yield from _caught(twins)


def _twin(result: CaseResult) -> str:
    return result.case.partition("~")[2]


def _title(result: CaseResult) -> str:
    return result.title.partition(BROKEN)[0]


def _name(result: CaseResult) -> str:
    """What tells the case from the others of its scenario: the server, the twin."""
    return result.case.removeprefix(result.scenario).lstrip(".")


def _line(result: CaseResult) -> Text:
    said = result.error if result.outcome is Outcome.UNSUPPORTED else in_short(result.routes)
    line = Text.assemble("  ", mark(result.outcome), f"  {_name(result):<8}  " if _name(result) else "  ", said)
    return line.append(f"  {_count(len(result.verdicts), 'check')}, {result.seconds:.1f} s", style="dim")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def in_short(routes: Sequence[Route]) -> str:
    """The route of the only probe, or what became of several; nothing where none was sent."""
    if not routes:
        return ""
    if len(routes) == 1:
        route = routes[0]
        return f"{_way(route, None) or 'nowhere'}{_tls(route)}"
    whole_probes = [route for route in routes if not route.moment]
    stages = Counter(str(route.stage) for route in whole_probes)
    if len(stages) == 1:
        return f"{_count(len(whole_probes), 'probe')}, {'all ' * (len(whole_probes) > 1)}{next(iter(stages))}"
    return f"{len(whole_probes)} probes: {', '.join(f'{count} {stage}' for stage, count in stages.items())}"


def _way(route: Route, parent: int | None) -> str:
    """`proxy → app`; branches stand in brackets: `proxy → (shadow, app)`."""
    ways = [_joined(_who(hop), _way(route, hop.number)) for hop in route.behind(parent)]
    return f"({', '.join(ways)})" if len(ways) > 1 else "".join(ways)


def _joined(name: str, behind: str) -> str:
    return f"{name} → {behind}" if behind else name


def _who(hop: Hop) -> str:
    return hop.container or ("nobody" if hop.received is False else "not known")


def _tls(route: Route) -> str:
    ends = " and ".join(end.container for end in route.tls_ends_at)
    begun = next((hop.container for hop in route.hops if hop.tls is TlsAtHop.BEGUN), None)
    return f"{f', TLS begun by {begun}' if begun else ''}{f', TLS ends at {ends}' if ends else ''}"


def _caught(twins: Sequence[CaseResult]) -> Iterator[Text]:
    """What was broken on purpose and found out."""
    if twins:
        names = ", ".join(dict.fromkeys(_twin(result) for result in twins))
        yield Text.assemble("  ", mark(Outcome.PASS), f"  {_count(len(twins), 'twin')} caught: {names}")


def _head(result: CaseResult) -> Text:
    held = sum(verdict.outcome is Outcome.PASS for verdict in result.verdicts)
    of = "" if held == len(result.verdicts) else f" of {len(result.verdicts)}"
    checks = f"{held}{of} checks hold, " if len(result.verdicts) > 1 else ""
    line = Text.assemble("  ", mark(result.outcome), "  ", (result.case, "bold"))
    return line.append(f"  {checks}{result.seconds:.1f} s", style="dim")


def whole(result: CaseResult, *, evidence: bool, timeline: bool = False) -> Iterator[Text]:
    """A case that passed: its routes drawn, and its checks."""
    yield _head(result)
    if _twin(result):
        yield Text(f"  {result.title.partition(' — ')[2]}", style="dim")
    yield from (Text(f"    {line}") for line in result.error.splitlines())
    yield from _drawn(result.routes, result.steps, timeline=timeline)
    yield Text()
    for group in _together(result.verdicts):
        if len(group) > 1 and not evidence:
            yield from check(_one(group), evidence=False)
            continue
        for verdict in group:
            yield from check(verdict, evidence=evidence)
    yield Text()


_OF_HOP = re.compile(r"(.+\.hop\d+)\.\w+")


def _together(verdicts: Sequence[Verdict]) -> Iterator[list[Verdict]]:
    """Checks that hold of one hop are told together; all others alone."""

    def key(numbered: tuple[int, Verdict]) -> object:
        place, verdict = numbered
        found = _OF_HOP.fullmatch(verdict.id)
        return found[1] if found and verdict.outcome is Outcome.PASS else place

    for _, group in itertools.groupby(enumerate(verdicts), key):
        yield [verdict for _, verdict in group]


def _one(group: Sequence[Verdict]) -> Verdict:
    """Several checks of one hop as one, for a line."""
    probe, _, hop = _OF_HOP.sub(r"\1", group[0].id).rpartition(".hop")
    values = ", ".join(f"{verdict.id.rpartition('.')[2]} {verdict.expected}" for verdict in group)
    read_from = (one for verdict in group for one in verdict.evidence[: verdict.lead or None])
    evidence = tuple(dict.fromkeys(read_from))
    witnesses = tuple(dict.fromkeys(name for verdict in group for name in verdict.witnesses))
    says = f"{probe}: hop {hop} has {values}"
    return replace(group[0], says=says, evidence=evidence, witnesses=witnesses, lead=len(evidence), why="")


def _drawn(routes: Sequence[Route], steps: Sequence[StepDone], *, timeline: bool) -> Iterator[Text]:
    for route, more in alike(routes):
        yield Text()
        yield from draw(route, more)
        if timeline and not route.moment:
            yield from timelines.timeline(route, steps)


def failure(result: CaseResult, folder: str, lab: str, *, timeline: bool = False) -> Iterator[Text]:
    """A case that did not pass: where its evidence lies, then the error or the routes and each check that does not hold."""
    yield _head(result)
    yield Text(f"    what was seen lies in {folder}")
    if _twin(result):
        yield Text(f"    {result.title.partition(' — ')[2]}", style="dim")
    yield from (Text(f"    {line}") for line in result.error.splitlines())
    wrong = [verdict for verdict in result.verdicts if verdict.outcome is not Outcome.PASS]
    yield from _drawn([one for one in result.routes if _concerns(one.probe, wrong)], result.steps, timeline=timeline)
    if wrong:
        yield Text()
    for verdict in wrong:
        yield from check(verdict)
    if len(result.verdicts) > len(wrong):
        yield Text(f"    what holds besides, with its evidence: {lab} judge {folder} --evidence", style="dim")
    yield Text()


def _concerns(probe: str, wrong: Sequence[object]) -> bool:
    """Whether a check that does not hold speaks of this probe; a twin's checks carry the word before it."""
    ids = [getattr(verdict, "id", "") for verdict in wrong]
    name = probe.partition("#")[0]
    words = [{word.partition("@")[0] for word in one.split(".")[:2]} for one in ids]
    return any(name in one for one in words) or bool({"twin.others", "twin"} & set(ids))


def summary(
    results: Sequence[CaseResult], seconds: float, where: str, lab: str = "lab", *, page: bool = True
) -> Iterator[Text]:
    """The last lines: how many of what, what did not pass, where the evidence lies, what to type next."""
    counts = Counter(result.outcome for result in results)
    checks = sum(len(result.verdicts) for result in results)
    parts = [mark(outcome).append(f" {counts[outcome]}") for outcome in Outcome if counts[outcome]]
    took = f", {seconds:.1f} s" if seconds else ""
    yield Text(", ").join(parts).append(f" of {_count(len(results), 'case')}, {_count(checks, 'check')}{took}")
    if len(results) > 1:
        for result in (one for one in results if one.outcome not in GOOD):
            yield Text(f"  {result.outcome}  {result.case}: {reason(result)}")
    yield Text(f"evidence in {where}{', for a browser in its report.html' if page else ''}", style="dim")
    yield Text(f"the verdict again, from the evidence alone: {lab} judge {where}", style="dim")


def reason(result: CaseResult) -> str:
    """Why a case did not pass, in a line."""
    if result.error:
        return result.error.splitlines()[0]
    worst = [v for v in result.verdicts if v.outcome is not Outcome.PASS]
    return f"{worst[0].id}: {worst[0].why}" if worst else "nothing was checked"
