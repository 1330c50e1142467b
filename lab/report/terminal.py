"""The drawn route and the checks, for people.

Readable without colour and without a terminal: every mark has a word beside it. Text is built as rich `Text`, so a name
out of a scenario is never read as markup.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from lab.model.routes import TlsAtHop
from lab.model.verdicts import Outcome
from lab.report import timeline as timelines
from lab.report.alike import alike

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.routes import Evidence, Hop, Route
    from lab.model.verdicts import CaseResult, Verdict

MARKS = {
    Outcome.PASS: ("✓", "green"),
    Outcome.FAIL: ("✗", "red"),
    Outcome.INCONCLUSIVE: ("?", "yellow"),
    Outcome.UNSUPPORTED: ("–", "blue"),
    Outcome.BLOCKED: ("–", "yellow"),
    Outcome.LAB_ERROR: ("!", "red"),
}

_TLS_WORDS = {
    TlsAtHop.ENDED: "TLS ends here",
    TlsAtHop.PASSED_THROUGH: "TLS is passed through, unread",
    TlsAtHop.BEGUN: "readable in, TLS begun onwards",
    TlsAtHop.NONE: "",
}


def mark(outcome: Outcome) -> Text:
    """`✓ PASS`, coloured."""
    glyph, style = MARKS[outcome]
    return Text(f"{glyph} {outcome}", style=style)


def headline(result: CaseResult) -> Text:
    """One line for a case."""
    passed = sum(v.outcome is Outcome.PASS for v in result.verdicts)
    return Text.assemble(
        mark(result.outcome),
        "  ",
        (result.case, "bold"),
        f"  {passed}/{len(result.verdicts)} checks  {result.seconds:.1f} s",
    )


def case(result: CaseResult, *, evidence: bool = True, timeline: bool = False) -> Iterator[Text]:
    """A case in full: routes drawn, checks with their evidence, or the error; on demand each probe's timeline."""
    yield headline(result)
    yield Text(f"  {result.title}", style="dim")
    if result.error:
        yield from (Text(f"  {line}") for line in result.error.splitlines())
    for route, more in alike(result.routes):
        yield Text()
        yield from draw(route, more)
        if timeline and not route.moment:
            yield from timelines.timeline(route)
    if result.verdicts:
        yield Text()
    for verdict in result.verdicts:
        yield from check(verdict, evidence=evidence)


def draw(route: Route, more: int = 0) -> Iterator[Text]:
    """The route of one probe, or of a moment of it, hop by hop, and its diagnostic line."""
    others = f"  (and {more} more like it)" if more else ""
    yield Text.assemble("  probe ", (timelines.name(route), "bold"), f"  {_outside(route)}{others}")
    peer = route.hops[0].peer if route.hops else None
    yield Text(f"    client {peer or ''}".rstrip())
    for hop in route.hops:
        yield from _draw_hop(hop)
    if counted := _counted(route):
        yield Text(f"      {counted}", style="dim")
    yield Text.assemble("    = ", (route.diagnosis, "bold"))
    for question in route.open_questions:
        yield Text(f"    ? open: {question}", style="yellow")
    for contradiction in route.contradictions:
        yield Text(f"    ? witnesses contradict each other about {contradiction.about}", style="yellow")


_COUNTED = {
    "unread": "bytes unread",
    "segments": "segments came",
    "reads": "reads",
    "bytes_read": "bytes read",
    "requests": "requests",
    "dispatches": "dispatches",
    "queries": "queries",
    "answers": "answers",
}


def _counted(route: Route) -> str:
    """What a moment is about, in numbers, as far as they are known."""
    if not route.moment:
        return ""
    known = ((getattr(route.counts, name), words) for name, words in _COUNTED.items())
    return " · ".join(f"{number} {words}" for number, words in known if number is not None)


def _outside(route: Route) -> str:
    answer = f"answered {route.status}" if route.status is not None else "no answer"
    return f"{answer}{f' by {route.answered_by}' if route.answered_by else ''}"


def _draw_hop(hop: Hop) -> Iterator[Text]:
    yield Text.assemble("      │  ", (_carries(hop), "cyan"), (f"   {_cited(hop.evidence)}", "dim"))
    yield Text.assemble("      ▼  ", (_arrives(hop), ""), (f"  · {hop.stage}", "dim"))
    words = _TLS_WORDS[hop.tls] if hop.tls else "what became of TLS is open" if hop.protocol == "tls" else ""
    yield Text.assemble("    ", (_receiver(hop), "bold"), "  " if words else "", (words, "magenta"))


def _carries(hop: Hop) -> str:
    if hop.protocol == "tls":
        offered = ", ".join(hop.alpn_offered) or "none"
        return f"TLS, SNI {hop.sni or 'none'}, ALPN {hop.alpn or f'offered {offered}'}"
    reading = {True: "in clear", False: "not the probe's bytes", None: ""}[hop.clear]
    return f"{hop.protocol or 'no bytes'} {reading}".rstrip()


def _arrives(hop: Hop) -> str:
    place = f"{hop.namespace} · {hop.interface} · " if hop.namespace and hop.interface else ""
    asked = f" (asked for {hop.asked})" if hop.local and hop.asked != hop.local else ""
    listener = f", listener {hop.listener}" if hop.listener else ""
    return f"{place}{hop.local or hop.asked}{asked}{listener}"


def _receiver(hop: Hop) -> str:
    if hop.container is None:
        return "nobody"
    pid = f"pid {hop.pid}" if hop.pid else f"one of pids {', '.join(map(str, hop.pid_candidates))} of the host"
    return f"{hop.container} · {hop.process or 'unknown program'} · {pid if hop.pid or hop.pid_candidates else 'pid unknown'}"


def _cited(evidence: Sequence[Evidence], limit: int = 2) -> str:
    """The first place of each witness: enough to go and look."""
    first: dict[str, str] = {}
    for one in evidence:
        first.setdefault(str(one.witness), one.where)
    places = list(first.values())
    return ", ".join(places[:limit])


def check(verdict: Verdict, *, evidence: bool = True) -> Iterator[Text]:
    """One check; expected, actual and why unless it passed."""
    witnesses = ", ".join(verdict.witnesses)
    yield Text.assemble("  ", mark(verdict.outcome), f"  {verdict.says}", (f"  [{witnesses}]" if witnesses else "", "dim"))
    if verdict.outcome is not Outcome.PASS:
        yield Text(f"      expected {verdict.expected}")
        yield Text(f"      actual   {verdict.actual}")
        yield Text(f"      why      {verdict.why}")
    if evidence:
        yield from _witness_lines(verdict.evidence, all_of_them=verdict.outcome is not Outcome.PASS)


def _witness_lines(evidence: Sequence[Evidence], *, all_of_them: bool) -> Iterator[Text]:
    told: set[str] = set()
    for one in dict.fromkeys(evidence):
        if not all_of_them and str(one.witness) in told:
            continue
        told.add(str(one.witness))
        yield Text(f"      {one.where}  {one.says}", style="dim")


def summary(results: Sequence[CaseResult], seconds: float, where: str) -> Iterator[Text]:
    """The last lines of a run: how many of what, where the evidence lies, what to type next."""
    counts = Counter(result.outcome for result in results)
    checks = sum(len(result.verdicts) for result in results)
    parts = [mark(outcome).append(f" {counts[outcome]}") for outcome in Outcome if counts[outcome]]
    line = Text(", ").join(parts)
    yield line.append(f" of {len(results)} cases, {checks} checks, {seconds:.1f} s")
    bad = [result for result in results if result.outcome not in (Outcome.PASS, Outcome.UNSUPPORTED)]
    for result in bad:
        yield Text(f"  {result.outcome}  {result.case}: {_reason(result)}")
    yield Text(f"evidence in {where}; look again with: lab judge {where}", style="dim")


def where(folder: str, seconds: float) -> Iterator[Text]:
    """The last line of a trace."""
    yield Text(f"evidence in {folder}, {seconds:.1f} s; look again with: lab judge {folder}", style="dim")


def _reason(result: CaseResult) -> str:
    if result.error:
        return result.error.splitlines()[0]
    worst = [v for v in result.verdicts if v.outcome is not Outcome.PASS]
    return f"{worst[0].id}: {worst[0].why}" if worst else "nothing was checked"
