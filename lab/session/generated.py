"""Files that are made from others and checked in: written, or checked for freshness."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.engine.catalogue import load_catalogue
from lab.engine.project import find_project
from lab.plan.compose import compose
from lab.report import claims
from lab.report.limits import limits
from lab.scenario import schema
from lab.session.jobs import all_jobs

if TYPE_CHECKING:
    from pathlib import Path


def compose_files(*, check: bool) -> list[Path]:
    """Write the compose file of every case (twins excepted); gives the paths that were not fresh. `check` writes nothing."""
    project = find_project()
    catalogue = load_catalogue(project.images)
    wanted: dict[Path, str] = {}
    for job in all_jobs(project, catalogue):
        if job.plan and not job.plan.running and job.case.twin is None:
            wanted |= {project.compose / name: text for name, text in compose(job.plan, catalogue, job.case.file).items()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    gone = [path for path in project.compose.rglob("*") if path.is_file() and path not in wanted]
    if not check:
        _write({path: wanted[path] for path in stale}, gone)
    return sorted([*stale, *gone])


def claims_page() -> tuple[Path, str]:
    """Where the table of claims stands, and what must stand there."""
    project = find_project()
    jobs = all_jobs(project, load_catalogue(project.images))
    return project.scenarios / "README.md", claims.table([job.case for job in jobs])


def claims_file(*, check: bool) -> list[Path]:
    """Write the table of claims; gives its path if it was not fresh. `check` writes nothing."""
    return _one(*claims_page(), check=check)


def limits_page() -> tuple[Path, str]:
    """Where the page of what servers cannot do stands, and what must stand there."""
    project = find_project()
    return project.images.parent / "docs" / "limits.md", limits(load_catalogue(project.images).servers)


def limits_file(*, check: bool) -> list[Path]:
    """Write that page; gives its path if it was not fresh. `check` writes nothing."""
    return _one(*limits_page(), check=check)


def schema_file(*, check: bool) -> list[Path]:
    """Write the JSON Schema beside the scenarios; gives its path if it was not fresh. `check` writes nothing."""
    return _one(find_project().scenarios / "scenario.schema.json", schema_text(), check=check)


def schema_text() -> str:
    """The JSON Schema of scenario files as text."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _one(path: Path, text: str, *, check: bool) -> list[Path]:
    if path.exists() and path.read_text("utf-8") == text:
        return []
    if not check:
        _write({path: text}, [])
    return [path]


def _write(fresh: dict[Path, str], gone: list[Path]) -> None:
    for path in gone:
        path.unlink()
    for path, text in fresh.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
