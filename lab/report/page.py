"""One HTML page for a run: routes drawn, checks with evidence. No script, no remote reference, the same bytes for the same
run. Everything shown is escaped by the template engine; the page forbids itself to load anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import DictLoader, Environment, StrictUndefined

from lab.report.alike import alike
from lab.report.result import case, probe
from lab.report.timeline import HEAD, lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.model.routes import Route
    from lab.model.verdicts import CaseResult

_STYLE = """
:root { color-scheme: light dark; --line: #8887; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; --wire: #0969da; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #ff7b72; --open: #d29922; --wire: #58a6ff; } }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 0 } h3 { font-size: 1rem; margin: 1.2rem 0 .4rem }
code, .mono { font: 13px/1.4 ui-monospace, monospace; }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25rem .6rem .25rem 0; vertical-align: top }
tr { border-top: 1px solid var(--line) }
details { border: 1px solid var(--line); border-radius: .4rem; padding: .6rem 1rem; margin: .6rem 0 }
summary { cursor: pointer } .dim { opacity: .7 }
.PASS { color: var(--good) } .FAIL, .LAB_ERROR { color: var(--bad) } .INCONCLUSIVE, .BLOCKED { color: var(--open) }
.outcome { font-weight: 600; white-space: nowrap }
ol.route { list-style: none; padding: 0; display: flex; flex-wrap: wrap; align-items: stretch; gap: .2rem }
ol.route li { display: flex; align-items: center }
.box { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .7rem; min-width: 9rem }
.box.end { border: 2px solid var(--good) } .box.nobody { border-style: dashed; border-color: var(--bad) }
.wire { color: var(--wire); padding: 0 .5rem; text-align: center; font-size: 13px } .wire b { display: block; letter-spacing: -.1em }
.answer { border-left: 3px solid var(--wire); padding-left: .7rem; margin: .4rem 0 }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>lab run {{ run }}</title>
<style>{{ style }}</style>
</head>
<body>
<h1>Which process got the request, and where did TLS end?</h1>
<p class="dim">Run {{ run }} · {{ cases | length }} case{{ "" if cases | length == 1 else "s" }} ·
{%- for name, count in counts %} <span class="outcome {{ name }}">{{ count }} {{ name }}</span>{% endfor %}
· kernel {{ host.kernel or "unknown" }} · engine {{ engine.version or "unknown" }}
{%- if host.machine %} · on {{ host.machine.kind }} ({{ host.machine.because }}), {{ host.machine.host }} ({{ host.machine.host_because }}){% endif %}</p>
{% for c in cases %}
<details{% if c.outcome != "PASS" or cases | length == 1 %} open{% endif %} id="{{ c.id }}">
<summary><span class="outcome {{ c.outcome }}">{{ c.outcome }}</span> <code>{{ c.id }}</code> {{ c.title }}
<span class="dim">{{ c.claims | join(", ") }}</span></summary>
{% if c.error %}<pre class="mono FAIL">{{ c.error }}</pre>{% endif %}
{% for p, more, t in c.shown %}
<h3>Probe {{ p.id }}{% if p.moment %} at {{ p.moment }}{% endif %}{% if more %} <span class="dim">and {{ more }} more like it</span>{% endif %}</h3>
<ol class="route" aria-label="route of probe {{ p.id }}{% if p.moment %} at {{ p.moment }}{% endif %}">
<li><span class="box">client<br><code>{{ p.hops[0].peer if p.hops else "" }}</code></span></li>
{% for h in p.hops %}
<li><span class="wire">
{%- if h.protocol == "tls" %}TLS{% if h.sni %} · {{ h.sni }}{% endif %}{% else %}{{ h.protocol or "no bytes" }}{% endif %}
<b aria-hidden="true">──▶</b>{{ "in clear" if h.clear and h.protocol else "encrypted" if h.protocol == "tls" else "" }}</span>
<span class="box{% if h.tls == "ended" %} end{% endif %}{% if not h.container %} nobody{% endif %}">
<b>{{ h.container or "nobody" }}</b>{% if h.process %} · {{ h.process }}{% endif %}{% if h.pid %} · pid {{ h.pid }}{% endif %}<br>
<code>{{ h.local or h.asked }}</code>{% if h.listener %}<br><span class="dim">listener {{ h.listener }}</span>{% endif %}
{% if h.tls and h.tls != "none" %}<br>{{ "TLS ends here" if h.tls == "ended" else "TLS " ~ h.tls }}{% endif %}
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
<td>{{ v.says }}{% if v.outcome != "PASS" %}<br>expected <code>{{ v.expected }}</code>, actual <code>{{ v.actual }}</code><br>{{ v.why }}{% endif %}</td>
<td class="mono">{% for e in v.evidence[:4] %}{{ e.where }} <span class="dim">{{ e.says }}</span><br>{% endfor %}
{% if v.evidence | length > 4 %}<span class="dim">and {{ v.evidence | length - 4 }} more in result.json</span>{% endif %}</td></tr>
{% endfor %}</tbody></table>{% endif %}
</details>
{% endfor %}
</body>
</html>
"""


MOST = 300
"""Lines of a timeline on the page."""


def page(results: Sequence[CaseResult], run: str, host: Mapping[str, object], engine: Mapping[str, object]) -> str:
    """The page of a run."""
    outcomes = [str(result.outcome) for result in results]
    counts = [(name, outcomes.count(name)) for name in dict.fromkeys(sorted(outcomes))]
    environment = Environment(loader=DictLoader({"page": _PAGE}), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page").render(
        run=run,
        style=_STYLE,
        cases=[{**case(result), "shown": [_shown(result, *one) for one in alike(result.routes)]} for result in results],
        head=HEAD,
        most=MOST,
        counts=counts,
        host={"kernel": None, "machine": None, **host},
        engine={"version": None, **engine},
    )


def _shown(result: CaseResult, route: Route, more: int) -> tuple[dict[str, object], int, Sequence[Sequence[str]]]:
    """A probe, how many more went its way, and its timeline; a moment's is part of the whole."""
    return probe(route), more, lines(route, result.steps) if route.timeline and not route.moment else ()
