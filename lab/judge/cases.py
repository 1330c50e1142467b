"""All checks of a case. A twin's case passes if exactly the failures that it names were reported, in the words it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.judge.findings import ARROW, NOWHERE, READERS, SAYS, Finding, hop_finding
from lab.judge.verdict import decide
from lab.model.scenario import Expect, HopExpect
from lab.model.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.model.routes import Evidence, Route
    from lab.model.scenario import Scenario, Twin

Listening = tuple[tuple[str, ...], tuple["Evidence", ...]]
"""Addresses on which a container's processes listen, and the evidence."""


def judge(
    scenario: Scenario, twin: Twin | None, routes: Sequence[Route], listening: Mapping[str, Listening]
) -> tuple[Verdict, ...]:
    """Every check that the scenario asks for, in the order of the file; for a twin, whether it was caught."""
    verdicts = (*_probes(scenario, routes), *_listening(scenario, listening))
    return verdicts if twin is None else caught(twin, verdicts)


def _probes(scenario: Scenario, routes: Sequence[Route]) -> tuple[Verdict, ...]:
    by_probe = {route.probe: route for route in routes}
    return tuple(
        verdict for name, probe in scenario.probes.items() for verdict in _probe(name, probe.expect, by_probe.get(name))
    )


def _probe(name: str, expect: Expect, route: Route | None) -> list[Verdict]:
    verdicts = []
    for key in expect.model_fields_set:
        wanted = getattr(expect, key)
        found = READERS[key](route) if route else _never_sent(name)
        expected = _in_words(key, wanted)
        says = f"{name}: {SAYS[key].format(expected=_spoken(expected))}"
        verdicts.append(decide(f"{name}.{key}", says, expected, found, route.contradictions if route else ()))
        if key == "route":
            verdicts += _hops(name, wanted, route)
    return sorted(verdicts, key=lambda verdict: _place(verdict.id))


def _place(check: str) -> int:
    key = check.split(".")[1]
    return list(READERS).index(key) if key in READERS else list(READERS).index("route")


def _hops(name: str, wanted: Sequence[str | HopExpect], route: Route | None) -> list[Verdict]:
    verdicts = []
    for number, hop in enumerate(wanted, start=1):
        if not isinstance(hop, HopExpect):
            continue
        for key in (k for k in type(hop).model_fields if k in hop.model_fields_set and k != "to"):
            found = hop_finding(route, number, key) if route else _never_sent(name)
            expected = str(getattr(hop, key))
            says = f"{name}: {key} of hop {number} is {expected}"
            against = route.contradictions if route else ()
            verdicts.append(decide(f"{name}.hop{number}.{key}", says, expected, found, against))
    return verdicts


def _never_sent(name: str) -> Finding:
    return Finding(None, (), f"probe {name} left no report: it was never sent")


def _spoken(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _in_words(key: str, wanted: object) -> object:
    """The expectation in the words in which a finding of this kind is told."""
    if key == "route" and isinstance(wanted, tuple):
        return ARROW.join(hop.to if isinstance(hop, HopExpect) else hop for hop in wanted)
    if key == "tls_ends_at" and isinstance(wanted, tuple):
        return ARROW.join(wanted) or NOWHERE
    if key == "clear_on" and isinstance(wanted, tuple):
        return ", ".join(map(str, wanted)) or "none"
    return wanted if isinstance(wanted, (bool, int)) else str(wanted)


def _listening(scenario: Scenario, listening: Mapping[str, Listening]) -> list[Verdict]:
    verdicts = []
    for container, addresses in scenario.listening.items():
        expected = ", ".join(sorted(addresses))
        seen = listening.get(container)
        found = (
            Finding(", ".join(sorted(seen[0])) or "none", seen[1])
            if seen
            else Finding(None, (), f"no socket table was seen in the namespace of {container}")
        )
        says = f"{container} listens on {expected}, by the kernel's socket table"
        verdicts.append(decide(f"listening.{container}", says, expected, found, ()))
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
    outcome = Outcome.PASS if good else Outcome.FAIL
    return Verdict(
        f"twin.{check}",
        outcome,
        says,
        f"FAIL with “{words}”",
        told,
        verdict.witnesses,
        verdict.evidence,
        "" if good else told,
    )


def _nothing_else(twin: Twin, verdicts: Sequence[Verdict]) -> Verdict:
    others = [v for v in verdicts if v.id not in twin.caught and v.outcome is not Outcome.PASS]
    told = "; ".join(f"{v.id} {v.outcome}: {v.why}" for v in others)
    return Verdict(
        "twin.others",
        Outcome.FAIL if others else Outcome.PASS,
        "nothing but what was broken on purpose fails",
        "none",
        told or "none",
        why=told,
    )


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
