"""Judge a case from what lies in its folder, read back, and from nothing else: so an old run judged again says the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.engine.errors import EvidenceError
from lab.engine.folder import read_case, read_observations, read_steps
from lab.engine.nearby import read_near
from lab.judge import judge
from lab.judge.cases import outcome_of
from lab.model.verdicts import CaseResult, Outcome
from lab.report import result as documents
from lab.report import telling
from lab.session.jobs import UsageError
from lab.trace import trace
from lab.trace.listeners import listening

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.model.scenario import Case


def judge_folder(case: Case, folder: Path, seconds: float) -> CaseResult:
    """Judge a case from its folder."""
    observations = read_near(folder) if case.scenario.target else read_observations(folder)
    routes = trace(observations)
    scenario = case.scenario
    twin = scenario.twins[case.twin] if case.twin else None
    steps = read_steps(folder)
    verdicts = judge(scenario, twin, routes, listening(observations), steps)
    return CaseResult(
        case=case.id,
        scenario=scenario.id,
        title=f"{scenario.title}{telling.BROKEN}{twin.about}" if twin else scenario.title,
        claims=scenario.claims,
        outcome=outcome_of(verdicts),
        seconds=seconds,
        verdicts=verdicts,
        routes=routes,
        file=case.file,
        lines=case.check_lines,
        folder=folder.name,
        steps=steps,
    )


def judge_again(folder: Path) -> list[CaseResult]:
    """Judge a run folder, or one case's folder, again."""
    if not folder.is_dir():
        raise UsageError(f"no run folder {folder}; lab run makes one, runs/latest is the newest")
    cases = sorted(path.parent for path in folder.glob("*/case.json"))
    if (folder / "case.json").exists():
        cases = [folder]
    if not cases:
        raise UsageError(f"{folder} has no case in it: no case.json was found")
    return [_again(case) for case in cases]


def _again(folder: Path) -> CaseResult:
    case = read_case(folder)
    before = _before(folder)
    seconds = float(before.get("seconds", 0.0))  # type: ignore[arg-type]
    if before.get("outcome") in (Outcome.LAB_ERROR, Outcome.UNSUPPORTED):
        scenario, outcome = case.scenario, Outcome(str(before["outcome"]))
        return CaseResult(
            case.id, scenario.id, scenario.title, scenario.claims, outcome, seconds, (), (), case.file,
            error=str(before.get("error", "")), folder=folder.name,
        )  # fmt: skip
    return judge_folder(case, folder, seconds)


def _before(folder: Path) -> dict[str, object]:
    path = folder / "result.json"
    try:
        return dict(json.loads(path.read_bytes())) if path.exists() else {}
    except (ValueError, TypeError, RecursionError) as error:
        move = "delete it: the checks are judged anew, only what it says of times, host and engine is lost"
        raise EvidenceError(f"{path} cannot be read: {error}", move) from error


def document_again(folder: Path, results: Sequence[CaseResult]) -> dict[str, object]:
    """The document of a run judged again; facts of host and engine are those of the run."""
    before = _before(folder)
    host, engine, witnesses = (dict(before.get(key) or {}) for key in ("host", "engine", "witnesses"))  # type: ignore[call-overload]
    return documents.document(results, host, engine, witnesses)
