"""Strings the chain together, for the command line and for pytest: cases in, judged results out, evidence kept.

jobs      which cases, read and planned
work      one run: carried out, judged, taken down
judging   from a case's folder to its result
annotating the captures once more, with comments
tracing   one request to a deployment that the lab did not make
unseen    what could not be seen of it
moves     what to try next, where a request did not get in
running   a case whose target is such a deployment
saving    what was found there, as such a case
standing  arrangements that are left running, to be looked at
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.engine import bench as benches
from lab.engine import clean, docker, locate, nearness, versions
from lab.engine.catalogue import load_catalogue
from lab.engine.guard import guard
from lab.engine.labels import new_run
from lab.engine.project import check_runs, find_project
from lab.report.progress import Mode, Progress
from lab.session.images import provide_images
from lab.session.jobs import UsageError, all_jobs, chosen, forbidden_witnesses
from lab.session.judging import document_again, judge_again
from lab.session.survey import survey
from lab.session.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lab.engine.project import Project
    from lab.session.jobs import Job

__all__ = [
    "UsageError",
    "Work",
    "all_jobs",
    "chosen",
    "document_again",
    "judge_again",
    "remove_runs",
    "started",
    "started_with",
    "survey",
]


@contextmanager
def started(
    names: Sequence[str], mode: Mode, *, keep: bool = False, twins: bool = True, without: str | None = None
) -> Iterator[Work]:
    """A run of the cases named; none: all. Raises UsageError for names that mean nothing."""
    project = find_project()
    jobs = chosen(project, load_catalogue(project.images), names, twins=twins)
    if not jobs:
        raise UsageError(f"no scenario was named and none was found in {project.scenarios}")
    with started_with(jobs, mode, keep=keep, without=without) as work:
        yield work


@contextmanager
def started_with(jobs: Sequence[Job], mode: Mode, *, keep: bool = False, without: str | None = None) -> Iterator[Work]:
    """A run: engine found (or started), images there, recorder up. Saves the result and cleans up at the end.

    `without`: witnesses to do without, with commas between; None: those that the environment names.
    """
    forbidden = forbidden_witnesses(without)
    project = find_project()
    progress = Progress(mode)
    run = new_run(datetime.now(UTC).strftime("%Y%m%d-%H%M%S"))
    folder = project.runs / run.id
    with ExitStack() as stack:
        stack.callback(progress.close)
        stack.enter_context(_interruption_told(progress, folder))
        check_runs(project)
        engine = locate.engine(progress)
        clean.sweep(engine)
        tags = provide_images(project, engine, jobs, progress)
        stack.enter_context(guard(engine, run))
        with progress.phase("recorder"):
            bench = benches.open_bench(engine, run, tags, progress, forbidden)
        stack.callback(benches.close_bench, bench)
        folder.mkdir(parents=True)
        work = Work(list(jobs), bench, folder, progress, keep, _engine_facts(project, bench, tags))
        stack.callback(work.save)
        stack.callback(work.settle)
        yield work


@contextmanager
def _interruption_told(progress: Progress, folder: Path) -> Iterator[None]:
    """The last word after Ctrl-C, when all is taken down."""
    try:
        yield
    except KeyboardInterrupt:
        so_far = f"; the evidence so far is in {folder.parent.name}/{folder.name}" if folder.exists() else ""
        progress.note(f"interrupted, and nothing left running{so_far}")
        raise


def _engine_facts(project: Project, bench: benches.Bench, tags: dict[str, str]) -> dict[str, object]:
    facts = docker.facts(bench.docker)
    return {
        "product": facts.product,
        "version": facts.version,
        "api": facts.api_version,
        "storage": facts.storage,
        "cgroup": facts.cgroup,
        "system": facts.system,
        "where": str(nearness.where(bench.docker, bench.facts)),
        "rootless": facts.rootless,
        "images": tags,
        "versions": versions.of(bench.docker, bench.run, load_catalogue(project.images), tags, project.cache),
    }


def remove_runs(project: Project, keep: int) -> int:
    """Remove all run folders but the newest `keep`; gives how many went."""
    runs = sorted(path for path in project.runs.glob("2*") if path.is_dir())
    gone = runs[: max(0, len(runs) - keep)]
    for path in gone:
        shutil.rmtree(path)
    return len(gone)
