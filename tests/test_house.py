"""The house in order: what exists is named, documented and fresh. A thing that exists and is not told is a defect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.cli import app
from lab.engine.catalogue import load_catalogue
from lab.engine.project import find_project
from lab.model.claims import CLAIMS
from lab.model.routes import Stage, Witness
from lab.model.verdicts import Outcome
from lab.session import all_jobs
from lab.session.generated import claims_file, compose_files, limits_file

if TYPE_CHECKING:
    import typer

ROOT = Path(__file__).resolve().parents[1]
PROJECT = find_project(ROOT)
CATALOGUE = load_catalogue(PROJECT.images)
JOBS = all_jobs(PROJECT, CATALOGUE)
CUT = re.compile(r"^\s*(- )?(says|source): [^\"'>].* #")
"""A plain scalar of YAML that ends at ` #`, for a comment begins there."""


def test_every_image_folder_has_a_row_and_every_row_a_dockerfile() -> None:
    folders = {path.name for path in PROJECT.images.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == CATALOGUE.servers.keys()
    assert all((PROJECT.images / row.folder / "Dockerfile").is_file() for row in CATALOGUE.servers.values())


def test_every_server_is_in_a_scenario() -> None:
    used = {one.server for job in JOBS if job.plan for one in job.case.scenario.containers.values()}
    servers = {name for name, row in CATALOGUE.servers.items() if row.role in ("proxy", "application")}
    assert servers <= used


def test_every_quirk_has_a_source() -> None:
    assert all(quirk.source.strip() for row in CATALOGUE.servers.values() for quirk in row.quirks)


def test_every_scenario_has_a_broken_twin_a_claim_and_words_for_a_learner() -> None:
    for job in JOBS:
        scenario = job.case.scenario
        assert scenario.twins, scenario.id
        assert scenario.claims, scenario.id
        assert len(scenario.about) > 80, scenario.id


def test_no_case_of_the_project_is_unsupported() -> None:
    assert [job.case.id for job in JOBS if job.plan is None] == []


def test_compose_files_are_fresh() -> None:
    assert compose_files(check=True) == []


def test_the_table_of_claims_is_fresh_and_no_scenario_names_another_claim() -> None:
    assert claims_file(check=True) == []
    assert {claim for job in JOBS for claim in job.case.scenario.claims} <= CLAIMS.keys()


def test_the_page_of_limits_is_fresh() -> None:
    assert limits_file(check=True) == []


@pytest.mark.parametrize("row", sorted(PROJECT.images.glob("*/server.yaml")), ids=lambda row: row.parent.name)
def test_no_reason_of_a_row_is_cut_short_by_a_comment(row: Path) -> None:
    assert [line for line in row.read_text("utf-8").splitlines() if CUT.match(line)] == []


def test_a_comment_that_cuts_a_reason_short_is_known() -> None:
    assert CUT.match("    source: https://one.example/#5.1 (a), #9 (b)")
    assert not CUT.match('    source: "https://one.example/#5.1 (a), #9 (b)"')
    assert not CUT.match("    source: https://one.example/#5.1")


def _commands() -> dict[str, typer.models.CommandInfo]:
    return {str(one.name or getattr(one.callback, "__name__", "")): one for one in app.registered_commands}


WANTED = [
    "run",
    "watch",
    "list",
    "plan",
    "validate",
    "up",
    "ps",
    "shell",
    "logs",
    "down",
    "judge",
    "contract",
    "grid",
    "images",
    "engine",
    "doctor",
    "schema",
    "clean",
]


@pytest.mark.parametrize("name", WANTED)
def test_every_command_has_help_with_an_example(name: str) -> None:
    help_text = (_commands()[name].callback.__doc__ or "") if name in _commands() else ""  # type: ignore[union-attr]
    assert "Example: lab " in help_text


def test_every_command_is_documented() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [name for name in _commands() if not re.search(rf"\blab {name}\b", readme)]
    assert missing == []


def test_words_of_outcomes_are_in_the_glossary() -> None:
    glossary = (ROOT / "GLOSSARY.md").read_text("utf-8")
    assert [word for word in Outcome if str(word) not in glossary] == []
    assert [word for word in Witness if str(word) not in glossary] == []
    assert [word for word in Stage if str(word) not in glossary] == []
