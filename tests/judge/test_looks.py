"""Checks at a look, over repetitions, and behind a step that did not come to pass."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lab.judge import judge
from lab.judge.cases import outcome_of
from lab.judge.repeated import spans
from lab.model.checks import checks_of
from lab.model.routes import Contradiction, Evidence, Route, Stage, Witness
from lab.model.scenario import Scenario
from lab.model.steps import StepDone
from lab.model.verdicts import Outcome, Verdict
from tests.judge.test_judge import PACKET, hop, route

STEPS = [
    {"connect": "web:3000"},
    {"await": "accepted"},
    {"look": "held", "expect": {"stage": "established", "dispatched": False}},
    {"send": "x"},
    {"look": "sent", "expect": {"stage": "answered"}},
]
HELD = route(moment="held", stage=Stage.ESTABLISHED, dispatched=False)
SENT = route(moment="sent")
ROW = Evidence(Witness.SOCKETS, "sockets.jsonl:1", "owned by nobody")


def staged(steps: list[dict[str, object]] = STEPS, **more: object) -> Scenario:
    probe = {"steps": steps, "expect": {"status": 200}, **more}
    return Scenario.model_validate_json(json.dumps({"id": "s", "title": "t", "probes": {"order": probe}}))


def done(label: str = "order", broken: dict[int, str] | None = None) -> list[StepDone]:
    kinds = [str(next(iter(step))) for step in STEPS]
    return [
        StepDone(n, label, n, kind, f"do {kind}", str(STEPS[n - 1].get("look", "")), n * 10, n * 10 + 5,
                 came=n not in (broken or {}), why=(broken or {}).get(n, ""))
        for n, kind in enumerate(kinds, start=1)
    ]  # fmt: skip


def judged(routes: list[Route], steps: list[StepDone], scenario: Scenario | None = None) -> dict[str, Verdict]:
    return {verdict.id: verdict for verdict in judge(scenario or staged(), None, routes, {}, steps)}


def outcomes(verdicts: dict[str, Verdict]) -> dict[str, str]:
    return {check: str(verdict.outcome) for check, verdict in verdicts.items()}


def test_a_look_is_judged_by_what_was_known_then() -> None:
    found = judged([HELD, SENT, route()], done())
    assert outcomes(found) == {
        "order.steps": "PASS",
        "order@held.stage": "PASS",
        "order@held.dispatched": "PASS",
        "order@sent.stage": "PASS",
        "order.status": "PASS",
    }
    assert list(found) == list(checks_of(staged()))
    assert found["order@held.stage"].says.startswith("order@held: ")
    mixed = judged([replace(SENT, moment="held"), SENT, route()], done())
    assert mixed["order@held.stage"].outcome is Outcome.FAIL
    assert mixed["order@sent.stage"].outcome is Outcome.PASS


def test_a_look_without_a_report_is_inconclusive() -> None:
    found = judged([SENT, route()], done())
    assert found["order@held.stage"].outcome is Outcome.INCONCLUSIVE
    assert "no report at the look held" in found["order@held.stage"].why


def test_behind_a_step_that_did_not_come_to_pass_nothing_passes() -> None:
    found = judged([HELD, SENT, route(status=500)], done(broken={4: "the client has no connection"}))
    assert outcomes(found) == {
        "order.steps": "FAIL",
        "order@held.stage": "PASS",
        "order@held.dispatched": "PASS",
        "order@sent.stage": "BLOCKED",
        "order.status": "FAIL",
    }
    told = "step 4 (do send) did not come to pass: the client has no connection"
    assert found["order.steps"].actual == told
    assert all(told in found[check].why for check in ("order.steps", "order@sent.stage", "order.status"))
    assert found["order.steps"].evidence[0].where == "steps.jsonl:4"


def test_a_look_at_what_moves_is_no_moment_and_what_comes_later_is_not_sure() -> None:
    found = judged([HELD, SENT, route()], done(broken={3: "still moving: app reads"}))
    assert outcomes(found) == {
        "order.steps": "INCONCLUSIVE",
        "order@held.stage": "INCONCLUSIVE",
        "order@held.dispatched": "INCONCLUSIVE",
        "order@sent.stage": "BLOCKED",
        "order.status": "BLOCKED",
    }
    assert "app reads" in found["order@held.stage"].why


def test_steps_that_left_no_record_are_inconclusive() -> None:
    assert judged([HELD, SENT, route()], done()[:3])["order.steps"].outcome is Outcome.INCONCLUSIVE
    assert judged([HELD, SENT, route()], [])["order.steps"].outcome is Outcome.INCONCLUSIVE


def twin(caught: dict[str, str]) -> Scenario:
    data = json.loads(staged().model_dump_json(by_alias=True, exclude_unset=True))
    data["twins"] = {"broken": {"about": "x", "change": {}, "caught": caught}}
    return Scenario.model_validate_json(json.dumps(data))


@pytest.mark.parametrize(
    ("caught", "outcome"),
    [
        ({"order.steps": "owned by nobody"}, Outcome.PASS),
        ({"order.steps": "owned by app"}, Outcome.FAIL),
        ({"order@held.stage": "established"}, Outcome.FAIL),
    ],
)
def test_a_twin_may_name_the_step_that_fails_and_need_not_name_what_depends_on_it(
    caught: dict[str, str], outcome: Outcome
) -> None:
    asked, steps = twin(caught), done(broken={2: "owned by nobody"})
    assert outcome_of(judge(asked, asked.twins["broken"], [HELD, SENT, route()], {}, steps)) is outcome


def test_a_twin_that_fails_at_a_look_is_caught_there() -> None:
    asked = twin({"order@held.stage": "found answered", "order@held.dispatched": "found True"})
    routes = [replace(SENT, moment="held"), SENT, route()]
    assert outcome_of(judge(asked, asked.twins["broken"], routes, {}, done())) is Outcome.PASS
    assert outcome_of(judge(asked, asked.twins["broken"], [HELD, SENT, route()], {}, done())) is Outcome.FAIL


def repeated(expect: dict[str, object], count: int = 4) -> Scenario:
    probe = {"request": {"url": "http://a/"}, "repeat": count, "expect": expect}
    return Scenario.model_validate_json(json.dumps({"id": "s", "title": "t", "probes": {"order": probe}}))


def routes_of(*stages: Stage) -> list[Route]:
    return [route(probe=f"order#{n}", stage=stage) for n, stage in enumerate(stages, start=1)]


def test_a_key_holds_if_it_holds_for_each_repetition() -> None:
    [good] = judge(repeated({"stage": "answered"}), None, routes_of(*[Stage.ANSWERED] * 4), {})
    assert (good.outcome, good.actual) == (Outcome.PASS, "answered")
    mixed = routes_of(Stage.ANSWERED, Stage.ANSWERED, Stage.READABLE, Stage.ANSWERED)
    [bad] = judge(repeated({"stage": "answered"}), None, mixed, {})
    assert (bad.outcome, bad.actual) == (Outcome.FAIL, "answered (#1-2, #4); readable (#3)")
    assert bad.why.startswith("#3: expected answered, but found readable")


def test_a_repetition_that_was_never_sent_is_inconclusive() -> None:
    [verdict] = judge(repeated({"stage": "answered"}), None, routes_of(*[Stage.ANSWERED] * 3), {})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    [tally] = judge(repeated({"tally": {"answered": 3}}), None, routes_of(*[Stage.ANSWERED] * 3), {})
    assert tally.outcome is Outcome.INCONCLUSIVE
    assert "order#4 left no report" in tally.why


def test_a_pass_rests_on_the_witnesses_that_all_have() -> None:
    routes = routes_of(*[Stage.ANSWERED] * 2)
    routes[1] = replace(routes[1], hops=(hop(1, "app", PACKET),), evidence=())
    [verdict] = judge(repeated({"stage": "answered"}, 2), None, routes, {})
    assert (verdict.outcome, verdict.witnesses, verdict.why) == (Outcome.PASS, ("packets",), "single witness")


@pytest.mark.parametrize(
    ("tally", "outcome"),
    [
        ({"answered": 3, "readable": 1}, Outcome.PASS),
        ({"answered": {"at_least": 1}, "readable": {"at_least": 1}, "refused": 0}, Outcome.PASS),
        ({"answered": 4}, Outcome.FAIL),
        ({"answered": 3}, Outcome.FAIL),
        ({"answered": 3, "readable": 1, "refused": 1}, Outcome.FAIL),
    ],
)
def test_a_tally_is_exact_about_the_stages_that_occur(tally: dict[str, object], outcome: Outcome) -> None:
    routes = routes_of(Stage.ANSWERED, Stage.ANSWERED, Stage.READABLE, Stage.ANSWERED)
    [verdict] = judge(repeated({"tally": tally}), None, routes, {})
    assert (verdict.outcome, verdict.actual) == (outcome, "answered: 3, readable: 1")


def test_a_tally_of_contradicting_witnesses_is_inconclusive() -> None:
    routes = routes_of(*[Stage.ANSWERED] * 4)
    routes[2] = replace(routes[2], contradictions=(Contradiction("x", PACKET, ROW),))
    [verdict] = judge(repeated({"tally": {"answered": 4}}), None, routes, {})
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_repeated_staged_probe_is_judged_at_each_of_its_looks() -> None:
    steps = [*done("order#1"), *done("order#2", {4: "reset"})]
    routes = [replace(one, probe=f"order#{n}") for n in (1, 2) for one in (HELD, SENT, route())]
    found = judged(routes, steps, staged(repeat=2))
    assert outcomes(found) == {
        "order.steps": "FAIL",
        "order@held.stage": "PASS",
        "order@held.dispatched": "PASS",
        "order@sent.stage": "BLOCKED",
        "order.status": "BLOCKED",
    }
    assert "step 4 of order#2" in str(found["order.steps"].actual)


def test_numbers_are_told_in_spans() -> None:
    assert spans([1, 2, 3, 5, 7, 8]) == "#1-3, #5, #7-8"
    assert spans([4]) == "#4"
