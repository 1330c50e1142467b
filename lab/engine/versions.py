"""Which version a server image carries, as its own binary reports it; asked once per image and remembered.

Weak spot: the cache is a file of the checkout; a tag is the hash of the image's inputs, so it cannot mean another image.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from lab.engine import docker
from lab.engine.labels import object_name, run_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.engine.docker import Docker
    from lab.engine.labels import Run
    from lab.model.catalogue import Catalogue

SECONDS = 20.0


def of(engine: Docker, run: Run, catalogue: Catalogue, tags: Mapping[str, str], cache: Path) -> dict[str, str]:
    """Server -> first line of what its version command prints."""
    file = cache / "versions.json"
    known: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    wanted = {name: tag for name, tag in tags.items() if catalogue.servers[name].version}
    asked = {
        tag: _ask(engine, run, name, tag, catalogue.servers[name].version) for name, tag in wanted.items() if tag not in known
    }
    if asked:
        cache.mkdir(parents=True, exist_ok=True)
        _keep(file, {**known, **asked})
    return {name: {**known, **asked}[tag] for name, tag in wanted.items()}


def _keep(file: Path, known: Mapping[str, str]) -> None:
    """Whole or not at all. Runs side by side write a file each and the last one stays; what it lacks is asked again."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=file.name, delete=False) as fresh:
        fresh.write(json.dumps(known, indent=1) + "\n")
    Path(fresh.name).replace(file)


def _ask(engine: Docker, run: Run, name: str, tag: str, command: tuple[str, ...]) -> str:
    labels = run_labels(run, "version")
    spec = docker.ContainerSpec(object_name(run, "", f"version-{name}"), tag, labels, command, entrypoint=())
    made = docker.create_container(engine, spec)
    try:
        docker.start(engine, made)
        docker.wait(engine, made, SECONDS)
        lines = [line.partition(" ")[2] for line in docker.logs(engine, made)]
    finally:
        docker.remove_container(engine, made)
    return next((line.strip() for line in lines if line.strip()), "unknown")
