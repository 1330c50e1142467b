"""One route drawn, one check told, for people.

Readable without colour and without a terminal: every mark has a word beside it. Text is built as rich `Text`, so a name
out of a scenario is never read as markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from lab.model.routes import About, Stage, TlsAtHop, Witness
from lab.model.verdicts import Outcome
from lab.report import timeline as timelines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.routes import Contradiction, Evidence, Hop, Route
    from lab.model.verdicts import Verdict

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


def draw(route: Route, more: int = 0) -> Iterator[Text]:
    """The route of one probe, or of a moment of it, hop by hop, and its diagnostic line."""
    others = f"  (and {more} more like it)" if more else ""
    yield Text.assemble("  probe ", (timelines.name(route), "bold"), f"  {outside(route)}{others}")
    peer = route.hops[0].peer if route.hops else None
    yield Text(f"    client {peer or ''}".rstrip())
    yield from _drawn(route, None, ())
    for stream in route.streams:
        yield Text.assemble(f"      stream {stream.number} ", (stream.name, "bold"), (f"  · {stream.stage}", "dim"))
    if numbers := counted(route):
        yield Text(f"      {numbers}", style="dim")
    yield Text.assemble("    = ", (route.diagnosis, "bold"))
    for question in route.open_questions:
        yield Text(f"    ? open: {question}", style="yellow")
    for one in route.contradictions:
        yield Text(f"    ? {contradicted(one)}", style="yellow")


def contradicted(one: Contradiction) -> str:
    """Two witnesses that cannot both be right, with what each says."""
    said = (f"{each.where} ({each.says})" for each in (one.one, one.other))
    return f"witnesses contradict each other about {one.about}: {' against '.join(said)}"


_COUNTED = {
    "unread": ("byte unread", "bytes unread"),
    "segments": ("segment came", "segments came"),
    "reads": ("read", "reads"),
    "bytes_read": ("byte read", "bytes read"),
    "streams": ("stream", "streams"),
    "resets": ("reset", "resets"),
    "requests": ("request", "requests"),
    "dispatches": ("dispatch", "dispatches"),
    "queries": ("query", "queries"),
    "answers": ("answer", "answers"),
}
"""Name of a count -> its words for one, and for any other number."""


def counted(route: Route) -> str:
    """What a moment is about, in numbers, as far as they are known."""
    if not route.moment:
        return ""
    known = ((getattr(route.counts, name), words) for name, words in _COUNTED.items())
    return " · ".join(f"{number} {words[number != 1]}" for number, words in known if number is not None)


def outside(route: Route) -> str:
    """What the client saw: `answered 200 by app`."""
    came = "answered" if route.stage is Stage.ANSWERED else "no answer"
    answer = f"answered {route.status}" if route.status is not None else came
    return f"{answer}{f' by {route.answered_by}' if route.answered_by else ''}"


Bars = tuple[bool, ...]
"""For each fork that a line stands behind, from outside inwards: whether a later branch of it is still to come."""


def _drawn(route: Route, parent: int | None, bars: Bars) -> Iterator[Text]:
    """The hops that one receiver sent, and all behind them: one below it, several as branches of a fork."""
    behind = route.behind(parent)
    for number, hop in enumerate(behind, start=1):
        if len(behind) == 1:
            yield from _draw_hop(hop, bars, "│  ")
            yield from _drawn(route, hop.number, bars)
            continue
        inner = (*bars, number < len(behind))
        yield from _draw_hop(hop, inner, f"┐  {number} of {len(behind)}: ")
        yield from _drawn(route, hop.number, inner)


def _draw_hop(hop: Hop, bars: Bars, line: str) -> Iterator[Text]:
    begin = _lead(bars, fork=line.startswith("┐"))
    yield Text.assemble(begin, line, (_carries(hop), "cyan"), _cited(hop, About.BYTES, About.CONNECTION))
    yield Text.assemble(_lead(bars), "▼  ", (arrival(hop), ""), (f"  · {hop.stage}", "dim"), _cited(hop, About.LISTENER))
    words, begin = ending(hop), _lead(bars)[:-2]
    yield Text.assemble(begin, (receiver(hop), "bold"), "  " if words else "", (words, "magenta"), _cited(hop, About.PROCESS))


def _lead(bars: Bars, *, fork: bool = False) -> str:
    """What stands before a line: six columns, and four for each fork that it is behind."""
    last = len(bars) - 1
    signs = [("├───" if on else "└───") if fork and at == last else ("│   " if on else "    ") for at, on in enumerate(bars)]
    return f"      {''.join(signs)}"


_PROTECTED = {"tls": "TLS", "quic": "QUIC"}
_EARLY = {"taken": ", as early data", "refused": ", as early data that was refused"}


def ending(hop: Hop) -> str:
    """What the receiver did with TLS, in words; nothing where there was none."""
    if hop.tls is None:
        return "what became of TLS is open" if hop.protocol in _PROTECTED else ""
    return _TLS_WORDS[hop.tls]


def _carries(hop: Hop) -> str:
    if hop.protocol in _PROTECTED:
        offered = ", ".join(hop.alpn_offered) or "none"
        early = _EARLY.get(hop.early or "", "")
        return f"{_PROTECTED[hop.protocol]}, SNI {hop.sni or 'none'}, ALPN {hop.alpn or f'offered {offered}'}{early}"
    reading = {True: "in clear", False: "not the probe's bytes", None: ""}[hop.clear]
    return f"{hop.protocol or 'no bytes'} {reading}".rstrip()


def arrival(hop: Hop) -> str:
    """Where a hop came in: `web · eth0 · 10.0.1.25:8443, listener 0.0.0.0:8443`."""
    place = f"{hop.namespace} · {hop.interface} · " if hop.namespace and hop.interface else ""
    asked = f" (asked for {hop.asked})" if hop.local and hop.asked != hop.local else ""
    listener = f", listener {hop.listener}" if hop.listener else ""
    return f"{place}{hop.local or hop.asked}{asked}{listener}"


def receiver(hop: Hop) -> str:
    """Who received a hop: `proxy · nginx · pid 7`."""
    if hop.container is None:
        return "nobody" if hop.received is False else "not known by whom"
    pid = f"pid {hop.pid}" if hop.pid else f"one of pids {', '.join(map(str, hop.pid_candidates))} of the host"
    return f"{hop.container} · {hop.process or 'unknown program'} · {pid if hop.pid or hop.pid_candidates else 'pid unknown'}"


def _cited(hop: Hop, *subjects: About) -> tuple[str, str]:
    """The first place that tells what a line says: enough to go and look. The kernel's word for a process before others'."""
    found = [one for subject in subjects for one in hop.evidence if one.about is subject]
    found.sort(key=lambda one: About.PROCESS in subjects and one.witness is not Witness.KERNEL)
    return f"   {found[0].where}" if found else "", "dim"


def check(verdict: Verdict, *, evidence: bool = True) -> Iterator[Text]:
    """One check. One that holds takes a line with the places of its evidence, or more with what the evidence says; one that
    does not, expected, actual, why and all evidence."""
    if verdict.outcome is Outcome.PASS:
        yield from _holds(verdict, evidence=evidence)
        return
    yield Text.assemble("  ", mark(verdict.outcome), f"  {verdict.says}")
    yield Text(f"      expected {_spoken(verdict.expected)}")
    yield Text(f"      actual   {_spoken(verdict.actual)}")
    yield Text(f"      why      {_why(verdict)}")
    yield from (_quoted(one) for one in dict.fromkeys(verdict.evidence))


def _holds(verdict: Verdict, *, evidence: bool) -> Iterator[Text]:
    first = {one.witness: one for one in reversed(verdict.evidence)}
    cited = verdict.evidence[: verdict.lead] or [one for one in dict.fromkeys(verdict.evidence) if first[one.witness] is one]
    words = f"  [{', '.join(verdict.witnesses)}]" if evidence else f"  {_places(cited)}"
    alone = f"  {verdict.why}" if verdict.why else ""
    yield Text.assemble("  ", mark(verdict.outcome), f"  {verdict.says}", (words, "dim"), (alone, "dim"))
    if evidence:
        yield from map(_quoted, cited)


FEW = 3
"""Places cited behind a check that holds; the rest is counted."""


def _places(cited: Sequence[Evidence]) -> str:
    places = list(dict.fromkeys(one.where for one in cited))
    more = f", and {len(places) - FEW} more" if len(places) > FEW else ""
    return ", ".join(places[:FEW]) + more


def _quoted(evidence: Evidence) -> Text:
    return Text(f"        {evidence.where}  {evidence.says}", style="dim")


def _why(verdict: Verdict) -> str:
    """What was found against it; of a mere difference, who says so."""
    if verdict.outcome is Outcome.FAIL and verdict.witnesses:
        return f"so {'say' if len(verdict.witnesses) > 1 else 'says'} {', '.join(verdict.witnesses)}:"
    return verdict.why


def _spoken(value: object) -> object:
    return {True: "yes", False: "no", None: "not known"}[value] if isinstance(value, bool | None) else value


def moves(told: Sequence[str]) -> Iterator[Text]:
    """What to try next."""
    yield from (Text(f"    next: {each}") for each in told)


def where(folder: str, seconds: float, more: int = 0, unseen: Sequence[str] = ()) -> Iterator[Text]:
    """The last lines of a trace."""
    for each in unseen:
        yield Text(f"  ? not seen: {each}", style="yellow")
    if more:
        yield Text(f"{more} more requests passed and are not told: a shorter --watch, or --project, looks closer")
    yield Text(f"evidence in {folder}, {seconds:.1f} s; look again with: lab judge {folder}", style="dim")
