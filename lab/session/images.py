"""The images that cases need: built if they are missing, by one process of this checkout at a time."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.engine import images
from lab.session.jobs import foreign_images, needed_images

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.engine.docker import Docker
    from lab.engine.project import Project
    from lab.report.progress import Progress
    from lab.session.jobs import Job


def provide_images(project: Project, engine: Docker, jobs: Sequence[Job], progress: Progress) -> dict[str, str]:
    """Folder of `images/` -> tag, for all that these cases need; builds what is missing, pulls what is not the lab's."""
    tags = provide(project, engine, needed_images(jobs), progress)
    images.fetch(engine, foreign_images(jobs), progress)
    return tags


def provide(project: Project, engine: Docker, names: Sequence[str], progress: Progress) -> dict[str, str]:
    """Folder of `images/` -> tag, for these; builds what is missing."""
    shop = images.Workshop(engine, project.images, project.cache, progress)
    with _alone(project):
        return {name: image.reference for name, image in images.ensure(shop, names).items()}


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """Two processes that build the same image at once would do the work twice."""
    project.cache.mkdir(parents=True, exist_ok=True)
    with (project.cache / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
