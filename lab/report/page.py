"""One HTML page for a run: what did not pass named first, then routes drawn, and checks with their evidence.

Rule: its words are the terminal's, so the two never disagree. Weak spot: of what passed some evidence is left to result.json.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from lab.model.routes import TlsAtHop
from lab.model.verdicts import Outcome
from lab.report.alike import alike
from lab.report.frame import render
from lab.report.result import check
from lab.report.telling import BROKEN, GOOD, in_short, reason
from lab.report.terminal import arrival, contradicted, counted, ending, outside, receiver
from lab.report.timeline import HEAD, lines, name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.model.routes import Hop, Route
    from lab.model.verdicts import CaseResult, Verdict

_STYLE = """
body { max-width: 76rem } h2 { font-size: 1.05rem; margin: 0 } h3 { font-size: 1rem; margin: 1.2rem 0 .4rem } h3 .dim { font-weight: normal }
table { width: 100% } td, th { padding: .3rem .8rem .3rem 0 } tr { border-top: 1px solid var(--line) } thead tr { border: 0 }
td.mono { width: 50% } .wide td, .wide th { white-space: nowrap }
.wide td:nth-child(5), .wide tbody th { white-space: normal; min-width: 14rem } .wide .number { text-align: right }
section { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; padding: .8rem 1rem .2rem }
section > details { border-top: 1px solid var(--line); margin: 0 -1rem; padding: .45rem 1rem }
details details { margin: .6rem 0; padding: .4rem .8rem; background: var(--card); border-radius: .4rem }
.outcome { font-weight: 600; white-space: nowrap } summary .outcome, li .outcome { margin-right: .5rem }
.PASS { color: var(--good) } .FAIL, .LAB_ERROR { color: var(--bad) } .INCONCLUSIVE, .BLOCKED { color: var(--open) }
.UNSUPPORTED { color: var(--wire) } nav ul { margin: .4rem 0; padding: 0; list-style: none } pre { white-space: pre-wrap; margin: .4rem 0 }
ol.route { list-style: none; margin: .4rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: .4rem 0 }
ol.route li { display: flex; align-items: center; min-width: 0 }
.box { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .7rem; min-width: 8rem }
.box.again { border: 0; background: var(--card) }
.box.end { border: 2px solid var(--good); background: var(--end) }
.box.nobody, .box.unknown { border-style: dashed; border-color: var(--bad) } .box.unknown { border-color: var(--open) }
.ends { color: var(--good); font-weight: 600 }
.wire { color: var(--wire); padding: 0 .6rem; text-align: center; font-size: 13px; min-width: 4.5rem }
.wire svg { display: block; margin: .1rem auto }
.answer { border-left: 3px solid var(--wire); padding-left: .7rem; margin: .6rem 0 }
@media (max-width: 40rem) { .checks thead { display: none } .checks tr, .checks td { display: block; width: auto } .checks tr { padding: .3rem 0 }
  .checks td { padding: .1rem 0 } section { padding: .8rem .7rem .2rem } section > details { margin: 0 -.7rem; padding: .45rem .7rem } }
@media print { .box, tr { break-inside: avoid } h2, h3, summary { break-after: avoid } .wide td, .wide th { white-space: normal } }
"""

_PAGE = """{% extends "frame" %}{% from "cited" import cited %}
{% block title %}lab run {{ run }}{% endblock %}
{% block body %}
<header>
<h1>Which process got the request, and where did TLS end?</h1>
<p><span class="dim">Run {{ run }} · {{ number }} case{{ "" if number == 1 else "s" }} ·</span>
{% for name, count in counts %}
<span class="outcome {{ name }}">{{ count }} {{ name }}</span>
{% endfor %}
</p>
<p class="dim">Kernel {{ host.kernel or "unknown" }} · engine {{ engine.version or "unknown" }}
{%- if host.machine %} · {{ host.machine.kind }}: {{ host.machine.because }} · {{ host.machine.host }}: {{ host.machine.host_because }}{% endif %}</p>
</header>
{% if wrong and number > 1 %}
<nav aria-label="what did not pass"><ul>
{% for r, why in wrong %}
<li><span class="outcome {{ r.outcome }}">{{ r.outcome }}</span><a href="#{{ r.case }}">{{ r.case }}</a> <span class="dim">{{ why }}</span></li>
{% endfor %}
</ul></nav>
{% endif %}
<main>
{% for s in scenarios %}
<section aria-labelledby="scenario-{{ s.id }}">
<h2 id="scenario-{{ s.id }}">{{ s.title }}</h2>
<p class="dim"><code>{{ s.id }}</code>{% if s.claims %} · proves {{ s.claims | join(", ") }}{% endif %}</p>
{% for c in s.cases %}
<details{% if not c.good or number == 1 %} open{% endif %} id="{{ c.id }}">
<summary><span class="outcome {{ c.outcome }}">{{ c.outcome }}</span><code>{{ c.id }}</code>{% if c.short %} · {{ c.short }}{% endif %}
<span class="dim"> · {{ c.checks | length }} check{{ "" if c.checks | length == 1 else "s" }} · {{ "%.1f" | format(c.seconds) }} s</span></summary>
{% if c.folder %}<p class="dim">What was seen lies in <a href="{{ c.folder }}/">{{ c.folder }}</a></p>{% endif %}
{% if c.error %}<pre class="mono {{ c.outcome }}">{{ c.error }}</pre>{% endif %}
{% for p in c.probes %}
<h3>Probe {{ p.name }} <span class="dim">· {{ p.outside }}{% if p.more %} · and {{ p.more }} more like it{% endif %}</span></h3>
{% for way in p.ways %}
<ol class="route" aria-label="route of probe {{ p.name }}{% if way.of %}, {{ way.of }}{% endif %}">
<li><span class="box{% if way.of %} again{% endif %}"><b>{{ way.begin }}</b><br>{% if way.of %}<span class="dim">{{ way.of }}</span>{% else %}<code>{{ p.client }}</code>{% endif %}</span></li>
{% for h in way.hops %}
<li><span class="wire">{{ h.carries }}{% if h.sni %}<br>{{ h.sni }}{% endif %}
<svg aria-hidden="true" width="56" height="10" viewBox="0 0 56 10" fill="none" stroke="currentColor" stroke-width="1.5"><path d="M1 5h52M48 1l5 4-5 4"/></svg>
{{- h.readable }}</span>
<span class="box {{ h.kind }}"><b>{{ h.who }}</b>{% if h.process %} · {{ h.process }}{% endif %}<br>
<code>{{ h.arrival }}</code>
{% if h.listener %}<br><span class="dim">listener <code>{{ h.listener }}</code></span>{% endif %}
{% if h.ending %}<br><span class="{{ "ends" if h.kind == "end" else "" }}">{{ h.ending }}</span>{% endif %}
<br><span class="dim">{{ h.stage }}{% if h.joined_by %} · joined by {{ h.joined_by }}{% endif %}</span></span></li>
{% endfor %}
</ol>
{% endfor %}
{% for stream in p.streams %}
<p>stream {{ stream.number }} <b>{{ stream.name }}</b> <span class="dim">· {{ stream.stage }}</span></p>
{% endfor %}
{% if p.counted %}<p class="dim">{{ p.counted }}</p>{% endif %}
<p class="answer">{{ p.answer }}</p>
{% for q in p.open %}
<p class="INCONCLUSIVE">open: {{ q }}</p>
{% endfor %}
{% for each in p.contradictions %}
<p class="INCONCLUSIVE">{{ each }}</p>
{% endfor %}
{% if p.timeline %}
<details><summary>Timeline, {{ p.observations }} observations</summary>
<div class="wide mono" role="region" tabindex="0" aria-label="timeline of probe {{ p.name }}">
<table><thead><tr>{% for h in head %}<th scope="col"{% if loop.index0 in numbers %} class="number"{% endif %}>{{ h }}</th>{% endfor %}</tr></thead><tbody>
{% for row in p.timeline[:most] %}
{% if row | length == 2 %}
<tr><td class="number">{{ row[0] }}</td><th scope="rowgroup" colspan="{{ head | length - 1 }}">{{ row[1] }}</th></tr>
{% else %}
{% set witness, _, where = row[-1].partition(" ") %}
<tr>{% for cell in row[:-1] %}<td{% if loop.index0 in numbers %} class="number"{% endif %}>{{ cell }}</td>{% endfor %}<td>{{ witness }} {{ cited(where, c.folder) }}</td></tr>
{% endif %}
{% endfor %}
</tbody></table></div>
{% if p.timeline | length > most %}<p class="dim">and {{ p.timeline | length - most }} more in result.json</p>{% endif %}
</details>
{% endif %}
{% endfor %}
{% if c.checks %}
<h3>Checks</h3>
<table class="checks"><thead><tr><th scope="col">outcome</th><th scope="col">check</th><th scope="col">evidence</th></tr></thead><tbody>
{% for v in c.checks %}
<tr><td class="outcome {{ v.outcome }}">{{ v.outcome }}</td>
<td>{{ v.says }}
{% if v.outcome != "PASS" %}
<br>expected <code>{{ v.expected }}</code><br>actual <code>{{ v.actual }}</code>{% if v.outcome != "FAIL" %}<br>{{ v.why }}{% endif %}
{% endif %}
<br><span class="dim">{{ v.witnesses | join(", ") }}</span></td>
<td class="mono">
{% for e in v.evidence[:v.few] %}
{{ cited(e.where, c.folder) }} <span class="dim">{{ e.says }}</span><br>
{% endfor %}
{% if v.evidence | length > v.few %}<span class="dim">and {{ v.evidence | length - v.few }} more in result.json</span>{% endif %}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
</details>
{% endfor %}
</section>
{% endfor %}
</main>
{% endblock %}
"""


MOST = 300
"""Lines of a timeline on the page."""
FEW, LED = 4, 6
"""Places of evidence of a check that holds; of one that says which it rests on, at most."""
NUMBERS = (0, 1, 5)
"""Columns of a timeline that are numbers."""


def page(results: Sequence[CaseResult], run: str, host: Mapping[str, object], engine: Mapping[str, object]) -> str:
    """The page of a run."""
    outcomes = [str(result.outcome) for result in results]
    return render(
        _PAGE,
        _STYLE,
        run=run,
        number=len(results),
        scenarios=[_scenario(list(group)) for _, group in itertools.groupby(results, lambda result: result.scenario)],
        wrong=[(result, reason(result)) for result in results if result.outcome not in GOOD],
        head=HEAD,
        numbers=NUMBERS,
        most=MOST,
        counts=[(name, outcomes.count(name)) for name in dict.fromkeys(sorted(outcomes))],
        host={"kernel": None, "machine": None, **host},
        engine={"version": None, **engine},
    )


def _scenario(results: Sequence[CaseResult]) -> dict[str, object]:
    first = results[0]
    title = first.title.partition(BROKEN)[0]
    return {"id": first.scenario, "title": title, "claims": first.claims, "cases": [_case(one) for one in results]}


def _case(result: CaseResult) -> dict[str, object]:
    """A case; what does not hold stands first."""
    broken = result.title.partition(BROKEN)[2]
    return {
        "id": result.case,
        "outcome": str(result.outcome),
        "good": result.outcome in GOOD,
        "short": f"twin: {broken}" if broken else in_short(result.routes),
        "seconds": result.seconds,
        "folder": result.folder,
        "error": result.error,
        "probes": [_probe(result, *told) for told in alike(result.routes)],
        "checks": [_check(v) for v in sorted(result.verdicts, key=lambda v: v.outcome is Outcome.PASS)],
    }


def _check(verdict: Verdict) -> dict[str, object]:
    holds = min(verdict.lead, LED) if verdict.lead else FEW
    return {**check(verdict), "few": holds if verdict.outcome is Outcome.PASS else len(verdict.evidence)}


def _probe(result: CaseResult, route: Route, more: int) -> dict[str, object]:
    """A probe, how many more went its way, and its timeline; a moment's is part of the whole."""
    return {
        "name": name(route),
        "more": more,
        "outside": outside(route),
        "client": (route.hops[0].peer if route.hops else None) or "",
        "ways": list(_ways(route, None)),
        "streams": route.streams,
        "counted": counted(route),
        "answer": route.diagnosis,
        "open": route.open_questions,
        "contradictions": [contradicted(one) for one in route.contradictions],
        "observations": len(route.timeline),
        "timeline": lines(route, result.steps) if route.timeline and not route.moment else (),
    }


def _hop(hop: Hop) -> dict[str, object]:
    guarded = hop.protocol in ("tls", "quic")
    who, _, process = receiver(hop).partition(" · ")
    place, _, listener = arrival(hop).partition(", listener ")
    unreceived = "nobody" if hop.received is False else "unknown"
    return {
        "carries": str(hop.protocol).upper() if guarded else hop.protocol or "no bytes",
        "sni": hop.sni if guarded else None,
        "readable": "encrypted" if guarded else "in clear" if hop.clear and hop.protocol else "",
        "kind": unreceived if hop.container is None else "end" if hop.tls is TlsAtHop.ENDED else "",
        "who": who,
        "process": process,
        "arrival": place,
        "listener": listener,
        "ending": ending(hop),
        "stage": hop.stage,
        "joined_by": hop.joined_by,
    }


def _ways(route: Route, parent: Hop | None) -> Iterator[dict[str, object]]:
    """The route as rows of hops, each a way without a fork: where a receiver sent several hops, each begins a row of its own."""
    behind = route.behind(parent.number if parent else None)
    begin = receiver(parent).partition(" · ")[0] if parent else "client"
    for number, hop in enumerate(behind, start=1):
        row = list(_row(route, hop))
        of = f"{number} of {len(behind)} from hop {parent.number}" if parent else ""
        yield {"begin": begin, "of": of, "hops": [_hop(each) for each in row]}
        yield from _ways(route, row[-1])
    if not (behind or parent):
        yield {"begin": begin, "of": "", "hops": []}


def _row(route: Route, hop: Hop) -> Iterator[Hop]:
    """A hop, and those behind it up to the next fork or the end."""
    yield hop
    behind = route.behind(hop.number)
    if len(behind) == 1:
        yield from _row(route, behind[0])
