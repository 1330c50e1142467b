"""What is written is read back as it was: a case judged again must ask for the same checks, and a plan be the same plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.catalogue import load_catalogue
from lab.engine.codec import from_json, to_json
from lab.engine.project import find_project
from lab.model.checks import checks_of
from lab.model.plan import Plan
from lab.model.scenario import Case, Scenario
from lab.session import all_jobs

PROJECT = find_project(Path(__file__).parents[2])
JOBS = all_jobs(PROJECT, load_catalogue(PROJECT.images))


@pytest.mark.parametrize("job", JOBS, ids=[job.case.id for job in JOBS])
def test_every_case_and_plan_comes_back_as_it_was(job) -> None:  # type: ignore[no-untyped-def]
    again = from_json(to_json(job.case, Case), Case)
    assert again == job.case
    assert checks_of(again.scenario) == checks_of(job.case.scenario)
    if job.plan:
        assert from_json(to_json(job.plan, Plan), Plan) == job.plan


def test_names_that_python_keeps_for_itself_come_back() -> None:
    text = '{"id": "a", "title": "t", "probes": {"p": {"from": "host", "steps": [{"connect": "a:1"}, {"await": "read"}]}}}'
    case = Case("a", Scenario.model_validate_json(text), None, "a.yaml", ())
    again = from_json(to_json(case, Case), Case)
    assert again == case
    assert (again.scenario.probes["p"].from_, again.scenario.probes["p"].steps[1].await_) == ("host", "read")
    assert again.scenario.probes["p"].expect.model_fields_set == set()
