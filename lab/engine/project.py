"""Where things lie: the checkout with its images and scenarios, and the folder of runs."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.engine.errors import MachineError


@dataclass(frozen=True, slots=True)
class Project:
    """A checkout of the lab, or a folder of one's own that has `scenarios/` (images then come from the lab's checkout)."""

    root: Path
    images: Path
    scenarios: Path
    runs: Path
    compose: Path
    cache: Path


def find_project(start: Path | None = None) -> Project:
    """The project of the working directory: the nearest folder upwards with `scenarios/`, else the lab's own checkout."""
    own = Path(__file__).resolve().parents[2]
    here = (start or Path.cwd()).resolve()
    root = next((folder for folder in (here, *here.parents) if (folder / "scenarios").is_dir()), own)
    images = root / "images" if (root / "images").is_dir() else own / "images"
    if not images.is_dir():
        raise MachineError(f"no folder images/ beside {own / 'lab'}", "run the lab from a checkout of its repository")
    runs = Path(os.environ.get("LAB_RUNS", root / "runs"))
    return Project(root, images, root / "scenarios", runs, root / "compose", own / ".lab")


def check_runs(project: Project) -> None:
    """See that runs can be written, before anything is built or started. Raises MachineError."""
    try:
        project.runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=project.runs):
            pass
    except OSError as error:
        raise MachineError(
            f"the folder of runs, {project.runs}, cannot be written: {error.strerror or error}",
            "make it writable, or set LAB_RUNS to a folder that is",
        ) from error


def point_latest(runs: Path, run: Path) -> None:
    """Let `runs/latest` point to this run, at no moment to nothing."""
    fresh = runs / f".latest-{run.name}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(run.name)
    fresh.replace(runs / "latest")
