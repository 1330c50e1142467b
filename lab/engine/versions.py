"""Which version a server image carries, as its own binary reports it; asked once per image and remembered.

Weak spot: the cache is a file of the checkout; a tag is the hash of the image's inputs, so it cannot mean another image.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.engine import docker
from lab.engine.labels import object_name, run_labels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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
        fresh = file.with_suffix(".part")
        fresh.write_text(json.dumps({**known, **asked}, indent=1) + "\n", "utf-8")
        fresh.replace(file)
    return {name: {**known, **asked}[tag] for name, tag in wanted.items()}


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
