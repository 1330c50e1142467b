"""`lab contract`: one server held against what all servers must do. Its arrangements are carried out like any scenario's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.engine.arrange import Standing, stand_up
from lab.engine.catalogue import load_catalogue
from lab.engine.errors import EngineError
from lab.engine.folder import read_observations
from lab.engine.lifecycle import live
from lab.engine.project import find_project
from lab.engine.takedown import take_down
from lab.judge import contract as judging
from lab.model.contract import Contract
from lab.plan import contract as planning
from lab.plan import plan as make_plan
from lab.scenario import load
from lab.session import started_with
from lab.session.jobs import Job, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.catalogue import Catalogue, Server
    from lab.model.contract import Life
    from lab.report.progress import Mode
    from lab.session.work import Work

ROLES = ("proxy", "application")


def servers(catalogue: Catalogue, names: Sequence[str]) -> list[Server]:
    """The rows meant; none named: all that serve requests. Raises UsageError."""
    bound = {name: row for name, row in catalogue.servers.items() if row.role in ROLES}
    for name in names:
        if name not in bound:
            raise UsageError(f"no server {name!r} that the contract binds; there are: {', '.join(bound)}")
    return [bound[name] for name in names or bound]


def contract_jobs(row: Server, catalogue: Catalogue) -> list[Job]:
    """The arrangements of one row, planned."""
    made = []
    for name, scenario in planning.arrangements(row).items():
        text = json.dumps({"id": f"contract-{name}", **scenario}, indent=1)
        [case] = load(text, f"images/{row.name}/server.yaml", catalogue, {})
        made.append(Job(case, text, make_plan(case, catalogue, {})))
    return made


def hold(work: Work, row: Server, jobs: Sequence[Job]) -> Contract:
    """Carry out the arrangements of one server, one after the other, then end it and start it again."""
    cases = []
    verdicts = [judging.of_refusals(planning.asked(row))]
    for job in jobs:
        result = work.carry_out(job)
        work.settle(job)
        cases.append(result)
        if result.routes:
            verdicts += judging.of_reports(job.case.id, read_observations(work.folder / job.case.id))
    try:
        life = _live(work, row, jobs[0])
    except EngineError as error:
        return Contract(row.name, row.title, tuple(cases), tuple(verdicts), None, str(error))
    verdicts += judging.of_life(row, life)
    return Contract(row.name, row.title, tuple(cases), tuple(verdicts), life)


def _live(work: Work, row: Server, job: Job) -> Life:
    assert job.plan is not None  # noqa: S101 - contract_jobs planned it
    versions: dict[str, str] = work.engine["versions"]  # type: ignore[assignment]
    standing = Standing(work.bench, job.plan, job.case.scenario.id)
    try:
        with work.progress.phase(f"{row.name}: end and start again"):
            stand_up(standing)
            return live(standing, planning.SERVER, row, versions.get(row.folder, ""))
    finally:
        take_down(standing)


def contracts(names: Sequence[str], mode: Mode) -> Iterator[Contract]:
    """Hold the servers named (none: all) against the contract, each in a run of its own."""
    project = find_project()
    catalogue = load_catalogue(project.images)
    for row in servers(catalogue, names):
        jobs = contract_jobs(row, catalogue)
        with started_with(jobs, mode) as work:
            yield hold(work, row, jobs)
