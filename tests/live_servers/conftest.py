"""One bed for the whole session: its servers come and go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.engine import clean, images, labels, locate
from lab.engine.catalogue import load_catalogue
from lab.engine.progress import Silent
from tests.live_servers.bed import Bed

ROOT = Path(__file__).resolve().parents[2]

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVERS = ("nginx", "haproxy", "envoy", "app", "postgres")


@pytest.fixture(scope="session")
def laid() -> Iterator[Bed]:
    docker = locate.engine(Silent())
    shop = images.Workshop(docker, ROOT / "images", ROOT / ".lab", Silent())
    tags = {name: image.reference for name, image in images.ensure(shop, (*SERVERS, "client")).items()}
    run = labels.new_run("test")
    bed = Bed(docker, run, tags, load_catalogue(ROOT / "images"))
    bed.open()
    yield bed
    clean.remove_run(docker, run.id)


@pytest.fixture
def bed(laid: Bed) -> Iterator[Bed]:
    yield laid
    laid.fall()
