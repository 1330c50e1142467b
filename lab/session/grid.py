"""`lab grid`: every server under the same probes. Two servers at a time, each in a process and a run of its own.

Rule: an arrangement of the grid is carried out like any scenario's, and a cell is read from what lies in its folder. The
images are built before the first one starts. Weak spot: two servers at once on one machine make each other slower.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import TYPE_CHECKING

from lab.engine import docker, locate
from lab.engine.catalogue import load_catalogue
from lab.engine.folder import read_observations
from lab.engine.labels import new_run
from lab.engine.project import check_runs, find_project
from lab.judge.grid import Carried, cells
from lab.model.grid import Grid, Row
from lab.model.routes import Evidence, Witness
from lab.model.scenario import Case, Scenario
from lab.plan import grid as planning
from lab.plan import plan as make_plan
from lab.report.progress import Mode, Progress
from lab.session import started_with
from lab.session.images import provide_images
from lab.session.jobs import Job, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lab.model.catalogue import Catalogue, Server
    from lab.model.observations import Observations, SeenProcess
    from lab.session.work import Work

AT_ONCE = 2
"""Servers; on two cores more gain nothing."""


def servers(catalogue: Catalogue, names: Sequence[str]) -> list[Server]:
    """The rows meant; none named: all. Raises UsageError."""
    known = {name: row for name, row in catalogue.servers.items() if planning.asked(row)}
    for name in names:
        if name not in known:
            raise UsageError(f"no server {name!r} in the grid; there are: {', '.join(known)}")
    return sorted((known[name] for name in names or known), key=lambda row: (row.role != "proxy", row.name))


def job(row: Server, catalogue: Catalogue) -> Job:
    """The arrangement of one server, planned."""
    name = f"grid-{row.name}"
    text = json.dumps({"id": name, **planning.scenario(row)}, indent=1)
    case = Case(name, Scenario.model_validate_json(text), None, f"images/{row.name}/server.yaml", ())
    return Job(case, text, make_plan(case, catalogue, {}))


def rows(names: Sequence[str], folder: Path, progress: Progress) -> Iterator[Row]:
    """The rows of the servers named (none: all), in the order in which they are done."""
    catalogue = load_catalogue(find_project().images)
    wanted = servers(catalogue, names)
    _provide([job(row, catalogue) for row in wanted], progress)
    with ProcessPoolExecutor(AT_ONCE, get_context("spawn"), _begin, (str(folder),)) as pool:
        under_way = [pool.submit(_row, row.name) for row in _longest_first(wanted)]
        with progress.phase(f"{len(wanted)} server{'' if len(wanted) == 1 else 's'}, {AT_ONCE} at a time"):
            for done in as_completed(under_way):
                yield done.result()


def _longest_first(wanted: Sequence[Server]) -> list[Server]:
    """Those that no limit can be told wait longest, so they begin."""
    return sorted(wanted, key=lambda row: "head_seconds" in row.options)


def _provide(jobs: Sequence[Job], progress: Progress) -> None:
    project = find_project()
    check_runs(project)
    provide_images(project, locate.engine(progress), jobs, progress)


def _begin(folder: str) -> None:
    """Runs of this process lie in the grid's folder."""
    os.environ["LAB_RUNS"] = folder


def _row(name: str) -> Row:
    """One server, in a process of its own."""
    project = find_project()
    catalogue = load_catalogue(project.images)
    row, begun = catalogue.servers[name], time.monotonic()
    asked = job(row, catalogue)
    with started_with([asked], Mode.QUIET) as work:
        made = _carried_out(work, row, asked)
        work.settle(asked)
    return replace(made, seconds=time.monotonic() - begun)


def _carried_out(work: Work, row: Server, asked: Job) -> Row:
    result = work.carry_out(asked)
    folder = f"{work.folder.name}/{asked.case.id}"
    versions: dict[str, str] = work.engine["versions"]  # type: ignore[assignment]
    empty = Row(
        row.name, row.title, row.role, versions.get(row.folder, ""), planning.stands(row), (), folder=folder, error=result.error
    )
    if result.error:
        return empty
    seen = read_observations(work.folder / asked.case.id)
    carried = Carried(result.routes, seen, tuple(_own(row, seen)), folder)
    made = cells(row, carried, lambda ask: planning.unasked(row, ask))
    return replace(empty, cells=made, peak_mb=tuple(_memory(work)))


def _memory(work: Work) -> Iterator[tuple[str, float]]:
    """Container -> megabytes at its peak, while all still stands."""
    assert work.standing is not None  # noqa: S101 - it was just carried out
    for name, facts in work.standing.servers.items():
        if (peak := docker.memory_peak(work.bench.docker, facts.id)) is not None:
            yield name, peak / 1e6


def _own(row: Server, seen: Observations) -> Iterator[tuple[SeenProcess, Evidence]]:
    """Processes of the container that the row is about, each with its place; the engine's health check is none of them."""
    name = planning.BEHIND if row.speaks == "fastcgi" else planning.FRONT
    ids = [one.id for one in seen.inventory.containers if one.name == name]
    inside = {one.pid: one for one in seen.processes if any(each in one.cgroup for each in ids)}
    for one in (each for each in inside.values() if _descends(each, inside)):
        says = f"{one.name}, pid {one.namespace_pid} in its container, host pid {one.pid}"
        yield one, Evidence(Witness.PROCESSES, f"processes.jsonl:{one.line}", says)


def _descends(one: SeenProcess, inside: Mapping[int, SeenProcess]) -> bool:
    """Whether it is its container's first process or descends from it: what was executed in it from outside does not."""
    seen: set[int] = set()
    while one.namespace_pid != 1 and one.parent in inside and one.pid not in seen:
        seen.add(one.pid)
        one = inside[one.parent]
    return one.namespace_pid == 1


def begin(names: Sequence[str]) -> Path:
    """The folder of a new grid. Raises UsageError for a server that is not known."""
    project = find_project()
    servers(load_catalogue(project.images), names)
    folder = project.runs / f"{new_run(datetime.now(UTC).strftime('%Y%m%d-%H%M%S')).id}-grid"
    folder.mkdir(parents=True)
    return folder


def grid(done: Sequence[Row], seconds: float) -> Grid:
    """All rows, proxies first, with what they ran on."""
    engine = locate.engine(Progress(Mode.QUIET))
    facts = docker.facts(engine)
    ordered = sorted(done, key=lambda row: (row.role != "proxy", row.server))
    return Grid(tuple(ordered), facts.kernel, f"{facts.version}, {facts.storage}, cgroup {facts.cgroup}", seconds)
