"""Each server of the catalogue keeps the contract, and a row that claims what is not so is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.catalogue import load_catalogue
from lab.engine.project import find_project
from lab.model.verdicts import Outcome
from lab.report.contract import outcome
from lab.report.progress import Mode
from lab.session import started_with
from lab.session.contract import contract_jobs, contracts, hold, servers

PROJECT = find_project(Path(__file__))
CATALOGUE = load_catalogue(PROJECT.images)


@pytest.mark.parametrize("name", [row.name for row in servers(CATALOGUE, [])])
def test_a_server_keeps_the_contract(name: str) -> None:
    [found] = contracts([name], Mode.QUIET)
    bad = [verdict for case in found.cases for verdict in case.verdicts if verdict.outcome is not Outcome.PASS]
    bad += [verdict for verdict in found.verdicts if verdict.outcome is not Outcome.PASS]
    assert [f"{verdict.id}: {verdict.why}" for verdict in bad] == []
    assert found.error == ""
    assert outcome(found) is Outcome.PASS


def test_a_row_that_claims_what_is_not_so_is_found_out() -> None:
    lies = {"process": "nginx", "user": "0:0", "version": ("true",), "check": ("true",)}
    row = CATALOGUE.servers["app"].model_copy(update=lies)
    catalogue = CATALOGUE.model_copy(update={"servers": {**CATALOGUE.servers, "app": row}})
    jobs = contract_jobs(row, catalogue)
    with started_with(jobs, Mode.QUIET) as work:
        work.engine["versions"] = {}
        found = hold(work, row, jobs)
    failed = {verdict.id for verdict in found.verdicts if verdict.outcome is Outcome.FAIL}
    assert failed == {"user", "version", "check-broken"}
    assert {v.id for case in found.cases for v in case.verdicts if v.outcome is Outcome.FAIL} == {
        "get.hop1.process",
        "post.hop1.process",
    }
    assert outcome(found) is Outcome.FAIL
