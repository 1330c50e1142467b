"""What `lab doctor` tells: asks the recorder what it may see, if there is an engine and the image can be had."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lab.engine import bench as benches
from lab.engine import clean, images, locate
from lab.engine import doctor as doctors
from lab.engine.errors import EngineError
from lab.engine.guard import guard
from lab.engine.labels import new_run
from lab.engine.project import find_project
from lab.report.progress import Mode, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.engine.docker import Docker
    from lab.engine.doctor import Fact


def survey(mode: Mode) -> tuple[Fact, ...]:
    """All facts. An engine is neither installed nor started for this."""
    progress = Progress(mode)
    try:
        engine = locate.running(progress)
        return doctors.survey(engine, _ready_line(engine, progress) if engine else None)
    finally:
        progress.close()


def _ready_line(engine: Docker, progress: Progress) -> Mapping[str, Any] | None:
    clean.sweep(engine)
    project = find_project()
    try:
        found = images.ensure(images.Workshop(engine, project.images, project.cache, progress), ["base", "recorder"])
    except EngineError as error:
        progress.note(f"the recorder's image cannot be built: {error}")
        return None
    run = new_run(datetime.now(UTC).strftime("%Y%m%d-%H%M%S"))
    tags = {name: image.reference for name, image in found.items()}
    with guard(engine, run):
        bench = benches.open_bench(engine, run, tags, progress)
        benches.close_bench(bench)
    return bench.facts
