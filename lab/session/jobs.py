"""Which cases are to be carried out: scenario files read, planned, and chosen by name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from lab.engine import forbidding
from lab.engine.errors import MachineError
from lab.plan import plan as make_plan
from lab.plan.render import RenderError, Unsupported
from lab.scenario import MAX_BYTES, Problem, ScenarioError, decode, load, siblings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.engine.project import Project
    from lab.model.catalogue import Catalogue
    from lab.model.plan import Plan
    from lab.model.scenario import Case


class UsageError(Exception):
    """The command line names what is not there."""


def forbidden_witnesses(words: str | None) -> tuple[str, ...]:
    """Witnesses to do without, as the command line names them; None: those that the environment names. Raises UsageError."""
    try:
        return forbidding.wanted(words)
    except MachineError as error:
        raise UsageError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Job:
    """A case, ready to be carried out; `unsupported` says why it cannot be."""

    case: Case
    text: str
    plan: Plan | None
    unsupported: str = ""
    path: Path | None = None
    """Of the scenario file; None: it was made by the lab."""


def read_jobs(project: Project, catalogue: Catalogue, path: Path) -> list[Job]:
    """All cases of one scenario file. Raises `ScenarioError`."""
    file = str(path.relative_to(project.root)) if path.is_relative_to(project.root) else str(path)
    text = decode(_bytes(path), file)
    siblings = {name: _sibling(path, name) for name in siblings_of(text, file)}
    cases = load(text, file, catalogue, {name: data for name, data in siblings.items() if data is not None})
    return [_job(case, path, text, catalogue, siblings) for case in cases]


def _bytes(path: Path) -> bytes:
    """A scenario's bytes, no more than are needed to see that there are too many."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _all(project: Project, catalogue: Catalogue, paths: Iterable[Path]) -> list[Job]:
    """All cases of several files. Raises one `ScenarioError` with the mistakes of all of them."""
    jobs: list[Job] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            jobs += read_jobs(project, catalogue, path)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(tuple(problems))
    return jobs


def _sibling(path: Path, name: str) -> bytes | None:
    """A file beside the scenario; the loader reports the missing ones in its own way. Links may not lead out."""
    try:
        target = (path.parent / name).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
        return None
    inside = target.is_relative_to(path.parent.resolve())
    return target.read_bytes() if inside and target.is_file() else None


def _job(case: Case, path: Path, text: str, catalogue: Catalogue, siblings: dict[str, bytes | None]) -> Job:
    try:
        files = {name: data for name, data in siblings.items() if data is not None}
        return Job(case, text, make_plan(case, catalogue, files), path=path)
    except RenderError as error:
        raise ScenarioError((Problem(case.file, 1, 1, f"{case.id}: {error}", rule="plan"),)) from error
    except Unsupported as refusal:
        return Job(case, text, None, str(refusal), path)


def all_jobs(project: Project, catalogue: Catalogue) -> list[Job]:
    """All cases of all scenario files of the project, in the order of their names."""
    return _all(project, catalogue, sorted(project.scenarios.glob("*.yaml")))


def chosen(project: Project, catalogue: Catalogue, names: Sequence[str], *, twins: bool = True) -> list[Job]:
    """The cases that the names mean: a scenario, a case, a twin, or the path of a scenario file; none: all.

    Only the files that are meant are read, so a mistake in one does not keep another from running.
    """
    paths = {name: _file_of(project, name) for name in names}
    jobs = _all(project, catalogue, dict.fromkeys(paths.values())) if names else all_jobs(project, catalogue)
    found = [job for name in names for job in _meant(name, jobs, paths[name])] if names else jobs
    return [job for job in found if twins or job.case.twin is None or job.case.id in names]


def _file_of(project: Project, name: str) -> Path:
    """The file that a name leads to; a scenario's id is the name of its file."""
    if name.endswith((".yaml", ".yml")):
        path = Path(os.path.abspath(name))  # noqa: PTH100 - unlike resolve() it ends where links go round in a circle
        if not path.is_file():
            raise UsageError(_no_file(name, path))
        return path.resolve()
    path = project.scenarios / f"{re.split('[.~]', name)[0]}.yaml"
    if not path.is_file():
        raise UsageError(_unknown(name, [one.stem for one in project.scenarios.glob("*.yaml")]))
    return path


def _no_file(name: str, path: Path) -> str:
    if path.is_dir():
        return f"{name} is a folder; name the files in it: {name.rstrip('/')}/*.yaml"
    if path.is_symlink():
        return f"no scenario file {name}: the link to {os.readlink(path)} leads to no file"  # noqa: PTH115 - as it is written
    beside = get_close_matches(path.name, sorted(one.name for one in path.parent.glob("*.yaml")), 1)
    return f"no scenario file {name}" + (
        f"; did you mean {path.parent / beside[0]}?" if beside else "; lab list shows the scenarios"
    )


def _meant(name: str, jobs: Sequence[Job], path: Path) -> list[Job]:
    own = [job for job in jobs if job.path == path]
    if name.endswith((".yaml", ".yml")):
        return own
    found = [job for job in own if name in (job.case.scenario.id, job.case.id, job.case.id.partition("~")[0])]
    if not found:
        raise UsageError(_unknown(name, [job.case.id for job in own]))
    return found


def _unknown(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(known), 3)
    return f"no scenario or case {name!r}; " + (f"did you mean {', '.join(near)}?" if near else "lab list shows all")


def arranged(job: Job, instead: str) -> Plan:
    """The plan of a case that brings something up. Raises UsageError, with what to do instead where there is nothing to."""
    if job.plan is None:
        raise UsageError(f"{job.case.id}: {job.unsupported}")
    if job.plan.running:
        raise UsageError(f"{job.case.id} looks into containers that run already, and brings nothing up; {instead}")
    return job.plan


def needed_images(jobs: Iterable[Job]) -> list[str]:
    """Images of these cases, and those of the lab's own agents."""
    own = {"base", "recorder", "client"}
    servers = {one.image for job in jobs if job.plan for one in job.plan.containers if not one.foreign}
    return sorted(own | servers)


def foreign_images(jobs: Iterable[Job]) -> list[str]:
    """References of images that are none of the lab's."""
    return sorted({one.image for job in jobs if job.plan for one in job.plan.containers if one.foreign})
