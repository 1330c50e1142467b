"""The grid is whole: every proxy in each TLS role that its row claims stands before every application server."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.catalogue import load_catalogue
from lab.engine.project import find_project
from lab.model.scenario import Tls
from lab.session.jobs import Job, read_jobs

PROJECT = find_project(Path(__file__))
CATALOGUE = load_catalogue(PROJECT.images)
JOBS = {path.stem: read_jobs(PROJECT, CATALOGUE, path) for path in sorted((PROJECT.scenarios / "grid").glob("*.yaml"))}
PROXIES = {name: row for name, row in CATALOGUE.servers.items() if row.role == "proxy"}
APPLICATIONS = {name: row for name, row in CATALOGUE.servers.items() if row.role == "application"}
HTTP = {name for name, row in APPLICATIONS.items() if row.speaks == "http" and row.worker is None}
ENDING = {name for name in HTTP if Tls.ENDED in APPLICATIONS[name].tls}


def pairs(jobs: list[Job]) -> set[tuple[str, str]]:
    """(proxy, application) of each case; an application alone has no proxy."""
    chosen = [job.case.scenario.containers for job in jobs]
    return {(str(each["proxy"].server) if "proxy" in each else "", str(each["app"].server)) for each in chosen}


def test_no_case_of_the_grid_is_unsupported() -> None:
    assert [job.case.id for jobs in JOBS.values() for job in jobs if job.plan is None] == []


@pytest.mark.parametrize(
    ("scenario", "proxies", "applications"),
    [
        ("ends-tls-itself", {""}, ENDING),
        ("ended-before-each", {name for name, row in PROXIES.items() if Tls.ENDED in row.tls}, HTTP),
        ("begun-before-each", {name for name, row in PROXIES.items() if row.begins_tls}, ENDING),
        ("passed-before-each", {name for name, row in PROXIES.items() if Tls.PASSTHROUGH in row.tls}, ENDING),
    ],
)
def test_every_pair_is_there(scenario: str, proxies: set[str], applications: set[str]) -> None:
    assert pairs(JOBS[scenario]) == {(proxy, application) for proxy in proxies for application in applications}
