"""All checks of a case. A twin's case passes if exactly the failures that it names were reported, in the words it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.judge.carried import STEPS
from lab.judge.finding import Finding
from lab.judge.probes import Found, checks
from lab.judge.verdict import decide
from lab.judge.wanted import equal
from lab.model.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.model.routes import Evidence, Route
    from lab.model.scenario import Scenario, Twin
    from lab.model.steps import StepDone

Listening = tuple[tuple[str, ...], tuple["Evidence", ...]]
"""Addresses on which a container's processes listen, and the evidence."""


def judge(
    scenario: Scenario,
    twin: Twin | None,
    routes: Sequence[Route],
    listening: Mapping[str, Listening],
    steps: Sequence[StepDone] = (),
) -> tuple[Verdict, ...]:
    """Every check that the scenario asks for, in the order of the file; for a twin, whether it was caught."""
    found = Found({(route.probe, route.moment): route for route in routes}, steps)
    probes = (verdict for name, probe in scenario.probes.items() for verdict in checks(name, probe, found))
    verdicts = (*probes, *_listening(scenario, listening))
    return verdicts if twin is None else caught(twin, verdicts)


def _listening(scenario: Scenario, listening: Mapping[str, Listening]) -> list[Verdict]:
    verdicts = []
    for container, addresses in scenario.listening.items():
        expected = ", ".join(sorted(addresses)) or "none"
        seen = listening.get(container)
        found = (
            Finding(", ".join(sorted(seen[0])) or "none", seen[1])
            if seen
            else Finding(None, (), f"no socket table was seen in the namespace of {container}")
        )
        says = f"{container} listens on {expected}, by the kernel's socket table"
        verdicts.append(decide(f"listening.{container}", says, equal(expected), found, ()))
    return verdicts


def caught(twin: Twin, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """One verdict for each failure the twin names, and one that nothing else failed."""
    by_id = {verdict.id: verdict for verdict in verdicts}
    named = [_was_caught(check, words, by_id.get(check)) for check, words in twin.caught.items()]
    return (*named, _nothing_else(twin, verdicts))


def _was_caught(check: str, words: str, verdict: Verdict | None) -> Verdict:
    says = f"the lab must report that {check} fails: “{words}”"
    if verdict is None:
        return Verdict(f"twin.{check}", Outcome.INCONCLUSIVE, says, words, None, why="this check was not made")
    told = f"{verdict.outcome}: {verdict.why}"
    good = verdict.outcome is Outcome.FAIL and words in f"{verdict.actual} {verdict.why}"
    return Verdict(
        f"twin.{check}",
        Outcome.PASS if good else _unknown_or_wrong([verdict]),
        says,
        f"FAIL with “{words}”",
        told,
        verdict.witnesses,
        verdict.evidence,
        "" if good else told,
        verdict.lead,
    )


def _nothing_else(twin: Twin, verdicts: Sequence[Verdict]) -> Verdict:
    others = [v for v in verdicts if v.id not in twin.caught and v.outcome is not Outcome.PASS and not _follows(twin, v)]
    told = "; ".join(f"{v.id} {v.outcome}: {v.why}" for v in others)
    return Verdict(
        "twin.others",
        _unknown_or_wrong(others) if others else Outcome.PASS,
        "nothing but what was broken on purpose fails",
        "none",
        told or "none",
        why=told,
    )


def _unknown_or_wrong(verdicts: Sequence[Verdict]) -> Outcome:
    """What is not known on a host that refuses a witness is not known of a twin either: it was neither caught nor missed. Nor
    is what could not be looked at."""
    unknown = all(verdict.outcome in (Outcome.INCONCLUSIVE, Outcome.BLOCKED) for verdict in verdicts)
    return Outcome.INCONCLUSIVE if unknown else Outcome.FAIL


def _follows(twin: Twin, verdict: Verdict) -> bool:
    """Whether it could not be made because a step did not come to pass, and the twin names that step's failure."""
    probe = verdict.id.partition(".")[0].partition("@")[0]
    return verdict.outcome is Outcome.BLOCKED and f"{probe}.{STEPS}" in twin.caught


_ORDER = (Outcome.LAB_ERROR, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.BLOCKED)


def outcome_of(verdicts: Sequence[Verdict]) -> Outcome:
    """The case's outcome: the worst of its checks; a case without checks proved nothing."""
    outcomes = {verdict.outcome for verdict in verdicts}
    for outcome in _ORDER:
        if outcome in outcomes:
            return outcome
    if Outcome.PASS in outcomes:
        return Outcome.PASS
    return Outcome.UNSUPPORTED if outcomes else Outcome.INCONCLUSIVE
