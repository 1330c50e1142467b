"""The document `lab-result/1`: what a program reads of a run. Its names are stable; more may be added."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from lab.model.routes import Counts
from lab.report.alike import alike

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.model.routes import Contradiction, Evidence, Hop, Moment, Route, StreamTold, TlsEnd
    from lab.model.steps import StepDone
    from lab.model.verdicts import CaseResult, Verdict

FORMAT = "lab-result/1"


def document(
    results: Sequence[CaseResult],
    host: Mapping[str, object],
    engine: Mapping[str, object],
    witnesses: Mapping[str, object],
) -> dict[str, object]:
    """The whole document, ready for JSON."""
    return {
        "format": FORMAT,
        "host": dict(host),
        "engine": dict(engine),
        "witnesses": dict(witnesses),
        "scenarios": [case(result) for result in results],
    }


def case(result: CaseResult) -> dict[str, object]:
    """One case: its outcome, checks and probes."""
    lines = dict(result.lines)
    shown = [route for route, _ in alike(result.routes)]
    return {
        "id": result.case,
        "scenario": result.scenario,
        "title": result.title,
        "outcome": str(result.outcome),
        "claims": list(result.claims),
        "seconds": round(result.seconds, 3),
        "file": result.file,
        "folder": result.folder,
        "error": result.error,
        "checks": [check(verdict, lines.get(verdict.id)) for verdict in result.verdicts],
        "probes": [_of_case(route, route in shown) for route in result.routes],
        "steps": [_step(one) for one in result.steps],
    }


def _of_case(route: Route, whole: bool) -> dict[str, object]:
    """Of repetitions that went the same way the first alone has its timeline, and says what its evidence says."""
    told = probe(route if whole else replace(route, timeline=()))
    if not whole:
        told["hops"] = [{**hop, "evidence": []} for hop in told["hops"]]  # type: ignore[attr-defined]
    return told


def _step(one: StepDone) -> dict[str, object]:
    told = {name: value for name, value in asdict(one).items() if name != "line"}
    return {**told, "where": f"steps.jsonl:{one.line}"}


def check(verdict: Verdict, line: int | None = None) -> dict[str, object]:
    """One check; `line`: where in the scenario file it stands."""
    return {
        "id": verdict.id,
        "outcome": str(verdict.outcome),
        "says": verdict.says,
        "expected": verdict.expected,
        "actual": verdict.actual,
        "why": verdict.why,
        "line": line,
        "witnesses": list(verdict.witnesses),
        "lead": verdict.lead,
        "evidence": [_evidence(e) for e in verdict.evidence],
    }


def probe(route: Route) -> dict[str, object]:
    """One probe, as `lab trace --json` writes it too."""
    return {
        "id": route.probe,
        "moment": route.moment,
        "stage": str(route.stage),
        "ended": route.ending.how if route.ending else None,
        "dispatched": route.dispatched,
        "answer": route.diagnosis,
        "status": route.status,
        "answered_by": route.answered_by,
        "stopped_by": route.stopped_by,
        "certificate_of": list(route.certificate_of),
        "tls_ends_at": [_end(end) for end in route.tls_ends_at],
        "hops": [hop(each) for each in route.hops],
        "database": [hop(each) for each in route.database],
        "counts": _counts(route.counts),
        "streams": [_stream(one) for one in route.streams],
        "timeline": [] if route.moment else [_moment(one) for one in route.timeline],
        "evidence": [_evidence(e) for e in route.evidence],
        "contradictions": [_contradiction(c) for c in route.contradictions],
        "open": list(route.open_questions),
        "stage_open": route.stage_open,
        "route_open": route.route_open,
    }


def _stream(one: StreamTold) -> dict[str, object]:
    told = {"name": one.name, "number": one.number, "stage": str(one.stage), "dispatched": one.dispatched}
    return {**told, "stage_open": one.stage_open, "evidence": [_evidence(e) for e in one.evidence]}


_COUNTS = tuple(name for name in Counts.__dataclass_fields__ if name != "evidence")


def _counts(counts: Counts) -> dict[str, object]:
    cited: dict[str, list[dict[str, str]]] = {}
    for name, evidence in counts.evidence:
        cited.setdefault(name, []).append(_evidence(evidence))
    return {**{name: getattr(counts, name) for name in _COUNTS}, "evidence": cited}


def _moment(one: Moment) -> dict[str, object]:
    return {
        "time_ns": one.time_ns,
        "since_ns": one.since_ns,
        "hop": one.hop,
        "vantage": one.vantage,
        "process": one.process,
        "event": one.event,
        "bytes": one.size,
        **_evidence(one.evidence),
    }


def _end(end: TlsEnd) -> dict[str, object]:
    return {
        "hop": end.hop,
        "container": end.container,
        "process": end.process,
        "pid": end.pid,
        "address": end.address,
        "port": end.port,
        "evidence": [_evidence(e) for e in end.evidence],
    }


_HOP_FIELDS = tuple(
    "number container namespace interface transport listener local peer asked process pid host_pid "  # noqa: SIM905
    "protocol sni alpn clear received joined_by entry parent".split()
)


def hop(one: Hop) -> dict[str, object]:
    """One hop."""
    return {
        **{name: getattr(one, name) for name in _HOP_FIELDS},
        "pid_candidates": list(one.pid_candidates),
        "alpn_offered": list(one.alpn_offered),
        "tls": None if one.tls is None else str(one.tls),
        "stage": str(one.stage),
        "code": one.code,
        "connection": one.connection,
        "session": one.session,
        "early": one.early,
        "shows": one.shows,
        "witnesses": [cite(e) for e in one.evidence],
        "evidence": [_evidence(e) for e in one.evidence],
    }


def cite(evidence: Evidence) -> str:
    """`packets:12`: the witness, and the place within its file."""
    return f"{evidence.witness}:{evidence.where.rpartition(':')[2]}"


def _evidence(evidence: Evidence) -> dict[str, str]:
    return {"witness": str(evidence.witness), "where": evidence.where, "says": evidence.says}


def _contradiction(c: Contradiction) -> dict[str, object]:
    return {"about": c.about, "one": _evidence(c.one), "other": _evidence(c.other)}
