"""A real engine and the lab's base image; every test has a run of its own and leaves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.engine import clean, images, labels, locate
from lab.engine.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.engine.docker import Docker

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def docker() -> Docker:
    return locate.engine(Silent())


@pytest.fixture(scope="session")
def base(docker: Docker) -> str:
    """The lab's base image, built if it is not there."""
    shop = images.Workshop(docker, ROOT / "images", ROOT / ".lab", Silent())
    return images.ensure(shop, [images.BASE])[images.BASE].reference


@pytest.fixture
def run(docker: Docker) -> Iterator[labels.Run]:
    made = labels.new_run("test")
    yield made
    clean.remove_run(docker, made.id)
    assert made.id not in [one.id for one in clean.runs(docker)]
