"""One HTML page for a run: routes drawn, checks with evidence. No script, no remote reference, the same bytes for the same
run. Everything shown is escaped by the template engine; the page forbids itself to load anything."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from jinja2 import DictLoader, Environment, StrictUndefined

from lab.report.alike import alike
from lab.report.result import case, probe
from lab.report.telling import BROKEN, in_short
from lab.report.timeline import HEAD, lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.model.routes import Route
    from lab.model.verdicts import CaseResult

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --dim: #57606a; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; --wire: #0969da;
  --end: #1a7f3714; --card: #8881 }
@media (prefers-color-scheme: dark) { :root { --dim: #9aa4af; --good: #3fb950; --bad: #ff7b72; --open: #d29922; --wire: #58a6ff;
  --end: #3fb9501f } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
p { margin: .4rem 0 } h1 { font-size: 1.45rem; margin: 0 0 .3rem } h2 { font-size: 1.05rem; margin: 0 } h3 { font-size: 1rem; margin: 1.2rem 0 .4rem }
code, .mono { font: 13px/1.45 ui-monospace, monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .3rem .8rem .3rem 0; vertical-align: top }
tr { border-top: 1px solid var(--line) } thead tr { border: 0 } th { font-weight: 600 } td.mono { width: 50% }
section { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; padding: .8rem 1rem .2rem }
section > details { border-top: 1px solid var(--line); margin: 0 -1rem; padding: .45rem 1rem }
details details { margin: .6rem 0; padding: .4rem .8rem; background: var(--card); border-radius: .4rem }
summary { cursor: pointer } summary:focus-visible, a:focus-visible { outline: 2px solid var(--wire); outline-offset: 2px }
a { color: var(--wire) } .dim { color: var(--dim) }
.outcome { font-weight: 600; white-space: nowrap } .outcome:first-child { margin-right: .5rem }
.PASS { color: var(--good) } .FAIL, .LAB_ERROR { color: var(--bad) } .INCONCLUSIVE, .BLOCKED { color: var(--open) }
.UNSUPPORTED { color: var(--wire) }
ol.route { list-style: none; margin: .4rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: .4rem 0 }
ol.route li { display: flex; align-items: center }
.box { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .7rem; min-width: 8rem }
.box.end { border: 2px solid var(--good); background: var(--end) } .box.nobody { border-style: dashed; border-color: var(--bad) }
.ends { color: var(--good); font-weight: 600 }
.wire { color: var(--wire); padding: 0 .6rem; text-align: center; font-size: 13px; min-width: 4.5rem }
.wire svg { display: block; margin: .1rem auto }
.answer { border-left: 3px solid var(--wire); padding-left: .7rem; margin: .6rem 0 }
@media print { details:not([open]) > :not(summary) { display: block } }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>lab run {{ run }}</title>
<style>{{ style }}</style>
</head>
<body>
<header>
<h1>Which process got the request, and where did TLS end?</h1>
<p><span class="dim">Run {{ run }} · {{ number }} case{{ "" if number == 1 else "s" }} ·</span>
{%- for name, count in counts %} <span class="outcome {{ name }}">{{ count }} {{ name }}</span>{% endfor %}
<span class="dim">· kernel {{ host.kernel or "unknown" }} · engine {{ engine.version or "unknown" }}
{%- if host.machine %} · on {{ host.machine.kind }} ({{ host.machine.because }}), {{ host.machine.host }} ({{ host.machine.host_because }}){% endif %}</span></p>
</header>
<main>
{% for s in scenarios %}
<section aria-labelledby="scenario-{{ s.id }}">
<h2 id="scenario-{{ s.id }}">{{ s.title }}</h2>
<p class="dim"><code>{{ s.id }}</code>{% if s.claims %} · proves {{ s.claims | join(", ") }}{% endif %}</p>
{% for c in s.cases %}
<details{% if c.outcome not in ("PASS", "UNSUPPORTED") or number == 1 %} open{% endif %} id="{{ c.id }}">
<summary><span class="outcome {{ c.outcome }}">{{ c.outcome }}</span> <code>{{ c.id }}</code> {{ c.short }}
<span class="dim">{{ c.checks | length }} checks, {{ "%.1f" | format(c.seconds) }} s</span></summary>
{% if c.folder %}<p class="dim">What was seen lies in <a href="{{ c.folder }}/">{{ c.folder }}</a></p>{% endif %}
{% if c.error %}<pre class="mono {{ c.outcome }}">{{ c.error }}</pre>{% endif %}
{% for p, more, t in c.shown %}
<h3>Probe {{ p.id }}{% if p.moment %} at {{ p.moment }}{% endif %}{% if more %} <span class="dim">and {{ more }} more like it</span>{% endif %}</h3>
<ol class="route" aria-label="route of probe {{ p.id }}{% if p.moment %} at {{ p.moment }}{% endif %}">
<li><span class="box"><b>client</b><br><code>{{ p.hops[0].peer if p.hops else "" }}</code></span></li>
{% for h in p.hops %}
<li><span class="wire">
{%- if h.protocol in ("tls", "quic") %}{{ h.protocol | upper }}{% if h.sni %}<br>{{ h.sni }}{% endif %}{% else %}{{ h.protocol or "no bytes" }}{% endif %}
<svg aria-hidden="true" width="56" height="10" viewBox="0 0 56 10" fill="none" stroke="currentColor" stroke-width="1.5"><path d="M1 5h52M48 1l5 4-5 4"/></svg>
{{- "in clear" if h.clear and h.protocol else "encrypted" if h.protocol in ("tls", "quic") else "" }}</span>
<span class="box{% if h.tls == "ended" %} end{% endif %}{% if not h.container %} nobody{% endif %}">
<b>{{ h.container or "nobody" }}</b>{% if h.process %} · {{ h.process }}{% endif %}{% if h.pid %} · pid {{ h.pid }}{% endif %}<br>
<code>{{ h.local or h.asked }}</code>{% if h.interface %} <span class="dim">on {{ h.interface }}</span>{% endif %}
{% if h.listener %}<br><span class="dim">listener <code>{{ h.listener }}</code></span>{% endif %}
{% if h.tls == "ended" %}<br><span class="ends">TLS ends here</span>{% elif h.tls and h.tls != "none" %}<br>TLS {{ h.tls }}{% endif %}
<br><span class="dim">{{ h.stage }}{% if h.joined_by %} · joined by {{ h.joined_by }}{% endif %}</span></span></li>
{% endfor %}
</ol>
<p class="answer">{{ p.answer }}</p>
{% for q in p.open %}<p class="INCONCLUSIVE">open: {{ q }}</p>{% endfor %}
{% if t %}<details><summary>Timeline, {{ p.timeline | length }} observations</summary>
<table class="mono"><thead><tr>{% for h in head %}<th scope="col">{{ h }}</th>{% endfor %}</tr></thead><tbody>
{% for row in t[:most] %}<tr>{% if row | length == 2 %}<td>{{ row[0] }}</td><th scope="rowgroup" colspan="{{ head | length - 1 }}">{{ row[1] }}</th>
{%- else %}{% for cell in row %}<td>{{ cell }}</td>{% endfor %}{% endif %}</tr>
{% endfor %}</tbody></table>{% if t | length > most %}<p class="dim">and {{ t | length - most }} more in result.json</p>{% endif %}
</details>{% endif %}
{% endfor %}
{% if c.checks %}<h3>Checks</h3>
<table><thead><tr><th scope="col">outcome</th><th scope="col">check</th><th scope="col">evidence</th></tr></thead><tbody>
{% for v in c.checks %}<tr><td class="outcome {{ v.outcome }}">{{ v.outcome }}</td>
<td>{{ v.says }}{% if v.outcome != "PASS" %}<br>expected <code>{{ v.expected }}</code><br>actual <code>{{ v.actual }}</code>
{%- if v.outcome != "FAIL" %}<br>{{ v.why }}{% endif %}{% endif %}<br><span class="dim">{{ v.witnesses | join(", ") }}</span></td>
{% set few = [v.lead, 6] | min if v.lead else 4 %}
<td class="mono">{% for e in v.evidence[:few] %}{{ e.where }} <span class="dim">{{ e.says }}</span><br>{% endfor %}
{% if v.evidence | length > few %}<span class="dim">and {{ v.evidence | length - few }} more in result.json</span>{% endif %}</td></tr>
{% endfor %}</tbody></table>{% endif %}
</details>
{% endfor %}
</section>
{% endfor %}
</main>
</body>
</html>
"""


MOST = 300
"""Lines of a timeline on the page."""


class _Items(Environment):
    """Where a template says `h.clear`, a dictionary's entry is meant, and never its method of that name."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return obj[attribute] if isinstance(obj, dict) else super().getattr(obj, attribute)


def page(results: Sequence[CaseResult], run: str, host: Mapping[str, object], engine: Mapping[str, object]) -> str:
    """The page of a run."""
    outcomes = [str(result.outcome) for result in results]
    counts = [(name, outcomes.count(name)) for name in dict.fromkeys(sorted(outcomes))]
    environment = _Items(loader=DictLoader({"page": _PAGE}), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page").render(
        run=run,
        style=_STYLE,
        number=len(results),
        scenarios=[_scenario(list(group)) for _, group in itertools.groupby(results, lambda result: result.scenario)],
        head=HEAD,
        most=MOST,
        counts=counts,
        host={"kernel": None, "machine": None, **host},
        engine={"version": None, **engine},
    )


def _scenario(results: Sequence[CaseResult]) -> dict[str, object]:
    first = results[0]
    return {
        "id": first.scenario,
        "title": first.title.partition(BROKEN)[0],
        "claims": first.claims,
        "cases": [
            {**case(one), "short": _short(one), "shown": [_shown(one, *r) for r in alike(one.routes)]} for one in results
        ],
    }


def _short(result: CaseResult) -> str:
    broken = result.title.partition(BROKEN)[2]
    return f"twin: {broken}" if broken else in_short(result.routes)


def _shown(result: CaseResult, route: Route, more: int) -> tuple[dict[str, object], int, Sequence[Sequence[str]]]:
    """A probe, how many more went its way, and its timeline; a moment's is part of the whole."""
    return probe(route), more, lines(route, result.steps) if route.timeline and not route.moment else ()
