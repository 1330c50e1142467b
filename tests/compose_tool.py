"""Plain compose, version 2.20 or newer, for the tests and the benchmark that hold the lab beside it.

The machine's own is taken where it is new enough; else Debian 13's package is fetched in an image on the lab's base, and its
program is taken out into `.lab/tools`. It needs no more than the C library.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from lab.engine import clean, images, labels
from lab.engine import docker as engine
from lab.engine.docker import BuildSpec, ContainerSpec
from lab.engine.progress import Silent
from tests.command import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from lab.engine.docker import Docker

OLDEST = (2, 20)
TOOL = ROOT / ".lab" / "tools" / "docker-compose"
INSIDE = "/tool/usr/libexec/docker/cli-plugins/docker-compose"
RECIPE = b"""ARG BASE
FROM ${BASE}
USER 0:0
RUN apt-get update && cd /tmp && apt-get download docker-compose && dpkg -x docker-compose_*.deb /tool
"""


@cache
def command(docker: Docker) -> list[str]:
    """Find, once, the words of a compose that is new enough; it takes the engine from DOCKER_HOST."""
    for words in (["docker", "compose"], ["docker-compose"], [str(TOOL)]):
        if shutil.which(words[0]) and _version([*words, "version", "--short"]) >= OLDEST:
            return words
    _fetch(docker, TOOL)
    return [str(TOOL)]


def run(docker: Docker, *words: str) -> subprocess.CompletedProcess[str]:
    """Run compose against the engine that the lab uses."""
    environment = {**os.environ, "DOCKER_HOST": docker.url}
    return subprocess.run(  # noqa: S603 - words of ours
        [*command(docker), *words], env=environment, capture_output=True, text=True, check=False, timeout=180
    )


def _version(words: list[str]) -> tuple[int, ...]:
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout  # noqa: S603 - words of ours
    found = re.search(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _fetch(docker: Docker, target: Path) -> None:
    shop = images.Workshop(docker, ROOT / "images", ROOT / ".lab", Silent())
    base = images.ensure(shop, [images.BASE])[images.BASE].reference
    run = labels.new_run("compose-tool")
    reference = f"lab-test/compose-tool:{run.id}"
    context = io.BytesIO(images.context({"Dockerfile": (RECIPE, False)}))
    try:
        with clean.building(docker, run):
            engine.build_image(docker, BuildSpec(reference, {}, {"BASE": base}), context, lambda _: None)
        made = engine.create_container(
            docker, ContainerSpec(labels.object_name(run, "", "tool"), reference, labels.run_labels(run, "test"))
        )
        [content] = engine.get_archive(docker, made, INSIDE).values()
    finally:
        clean.remove_run(docker, run.id)
        engine.remove_image(docker, reference)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".part")
    fresh.write_bytes(content)
    fresh.chmod(0o755)
    fresh.replace(target)
