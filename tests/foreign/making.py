"""What the foreign deployments need beforehand: an engine, compose, images of Debian's packages, keys.

Rule: the images stand on Debian as it comes, and carry nothing of the lab's; where no registry answers, the same root file
system that the lab bootstraps is taken as `debian:trixie-slim`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lab.engine import apt, docker, locate, rootfs
from lab.engine.progress import Silent
from tests.foreign import keys
from tests.foreign.standing import ROOT, Compose, compose_command

if TYPE_CHECKING:
    from pathlib import Path

    from lab.engine.docker import Docker

BASE = "debian:trixie-slim"
INPUTS = "foreign.inputs"
"""Label: hash of the Dockerfile that an image was made of."""


def ready() -> Compose:
    """All that is needed. Raises RuntimeError, EngineError."""
    engine = locate.engine(Silent())
    if not engine.local:
        raise RuntimeError("the foreign deployments are checked from this machine's /proc: they need an engine on it")
    if not compose_command() and not apt.why_not():
        apt.install(("docker-compose",))
    if not (command := compose_command()):
        raise RuntimeError("no compose command: install docker-compose or the compose plugin")
    keys.ensure()
    compose = Compose(tuple(command), engine.url)
    for folder in sorted((ROOT / "images").iterdir()):
        _image(engine, compose, folder)
    return compose


def _image(engine: Docker, compose: Compose, folder: Path) -> None:
    inputs = hashlib.sha256((folder / "Dockerfile").read_bytes()).hexdigest()[:12]
    reference = f"foreign/{folder.name}"
    found = docker.image(engine, reference)
    if found and dict(found.labels).get(INPUTS) == inputs:
        return
    base = rootfs.provide(engine, BASE, "lab/rootfs", rootfs.RELEASE, Silent())
    words = ["--build-arg", f"BASE={base}", "--label", f"{INPUTS}={inputs}", "--tag", reference]
    compose.docker("build", "--quiet", *words, str(folder))
