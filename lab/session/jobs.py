"""Which cases are to be carried out: scenario files read, planned, and chosen by name."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from lab.plan import plan as make_plan
from lab.plan.render import Unsupported
from lab.scenario import load, siblings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.engine.project import Project
    from lab.model.catalogue import Catalogue
    from lab.model.plan import Plan
    from lab.model.scenario import Case


class UsageError(Exception):
    """The command line names what is not there."""


@dataclass(frozen=True, slots=True)
class Job:
    """A case, ready to be carried out; `unsupported` says why it cannot be."""

    case: Case
    text: str
    plan: Plan | None
    unsupported: str = ""


def read_jobs(project: Project, catalogue: Catalogue, path: Path) -> list[Job]:
    """All cases of one scenario file. Raises `ScenarioError`."""
    text = path.read_text("utf-8")
    siblings = {name: _sibling(path, name) for name in siblings_of(text, str(path))}
    file = str(path.relative_to(project.root)) if path.is_relative_to(project.root) else str(path)
    cases = load(text, file, catalogue, {name: data for name, data in siblings.items() if data is not None})
    return [_job(case, text, catalogue, siblings) for case in cases]


def _sibling(path: Path, name: str) -> bytes | None:
    """A file beside the scenario; the loader reports the missing ones in its own way. Links may not lead out."""
    target = (path.parent / name).resolve()
    inside = target.is_relative_to(path.parent.resolve())
    return target.read_bytes() if inside and target.is_file() else None


def _job(case: Case, text: str, catalogue: Catalogue, siblings: dict[str, bytes | None]) -> Job:
    try:
        files = {name: data for name, data in siblings.items() if data is not None}
        return Job(case, text, make_plan(case, catalogue, files))
    except Unsupported as refusal:
        return Job(case, text, None, str(refusal))


def all_jobs(project: Project, catalogue: Catalogue) -> list[Job]:
    """All cases of all scenario files of the project, in the order of their names."""
    return [job for path in sorted(project.scenarios.glob("*.yaml")) for job in read_jobs(project, catalogue, path)]


def chosen(project: Project, catalogue: Catalogue, names: Sequence[str], *, twins: bool = True) -> list[Job]:
    """The cases that the names mean: a scenario, a case, a twin, or the path of a scenario file; none: all."""
    jobs: list[Job] = []
    known: list[Job] = []
    for name in names:
        path = Path(name).resolve()
        if name.endswith((".yaml", ".yml")):
            if not path.is_file():
                raise UsageError(f"no scenario file {name}")
            jobs += read_jobs(project, catalogue, path)
            continue
        known = known or all_jobs(project, catalogue)
        found = [job for job in known if _means(name, job.case)]
        if not found:
            raise UsageError(_unknown(name, known))
        jobs += found
    jobs = jobs if names else all_jobs(project, catalogue)
    return [job for job in jobs if twins or job.case.twin is None or job.case.id in names]


def _means(name: str, case: Case) -> bool:
    return name in (case.scenario.id, case.id, case.id.partition("~")[0])


def _unknown(name: str, known: Sequence[Job]) -> str:
    ids = sorted({job.case.scenario.id for job in known} | {job.case.id for job in known})
    near = get_close_matches(name, ids, 3)
    return f"no scenario or case {name!r}; " + (f"did you mean {', '.join(near)}?" if near else "lab list shows all")


def needed_images(jobs: Iterable[Job]) -> list[str]:
    """Images of these cases, and those of the lab's own agents."""
    own = {"base", "recorder", "client"}
    servers = {one.image for job in jobs if job.plan for one in job.plan.containers if not one.foreign}
    return sorted(own | servers)


def foreign_images(jobs: Iterable[Job]) -> list[str]:
    """References of images that are none of the lab's."""
    return sorted({one.image for job in jobs if job.plan for one in job.plan.containers if one.foreign})
