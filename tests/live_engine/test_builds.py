"""Images against a real engine: built once, rebuilt when an input changed, nothing left of a failed build."""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.engine import clean, images, labels
from lab.engine import docker as engine
from lab.engine.errors import ImageError
from lab.engine.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.engine.docker import Docker

ROOT = Path(__file__).resolve().parents[2]
HEAD = "ARG BASE=lab/base:trixie\nFROM ${BASE} AS first\nUSER 0:0\nRUN echo %s >/a\n"


@pytest.fixture
def shop(docker: Docker, base: str, tmp_path: Path) -> Iterator[images.Workshop]:
    """A workshop with the base as it is and an image `thing` under a repository name of the test's own."""
    repository = f"labtest-{secrets.token_hex(4)}"
    folder = tmp_path / "images"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "Dockerfile").write_text(f"ARG BASE={base}\nFROM ${{BASE}}\n")
    (folder / "thing").mkdir()
    yield images.Workshop(docker, folder, tmp_path / "cache", Silent(), repository)
    for image in engine.images(docker, {labels.IMAGE: None}):
        for tag in image.tags:
            if tag.startswith(repository):
                engine.remove_image(docker, tag)


def _layers(docker: Docker) -> set[str]:
    """All nameless images that nothing stands on."""
    return {row["Id"] for row in docker.api.images(filters={"dangling": True})}


def _thing(shop: images.Workshop, text: str) -> None:
    (shop.folder / "thing" / "Dockerfile").write_text(HEAD % secrets.token_hex(8) + text)


def test_an_image_is_built_once_and_again_when_an_input_changed(shop: images.Workshop) -> None:
    before = _layers(shop.docker)
    _thing(shop, "FROM ${BASE}\nCOPY --from=first /a /b\n")
    first = images.ensure(shop)["thing"]
    again = images.ensure(shop)["thing"]
    assert (first.built, again.built, again.id) == (True, False, first.id)
    (shop.folder / "thing" / "more").write_text("x")
    changed = images.ensure(shop)["thing"]
    assert changed.built
    assert changed.reference != first.reference
    assert not _layers(shop.docker) - before, "an earlier stage was left behind"
    assert images.state(shop).keys() == {"base", "thing"}


def test_a_failing_build_names_step_and_last_lines_and_leaves_nothing(shop: images.Workshop) -> None:
    before = _layers(shop.docker)
    _thing(shop, "RUN echo nearly there && exit 9\nCMD true\n")
    with pytest.raises(ImageError, match=r"thing:[0-9a-f]{12} failed at Step 5/\d : RUN echo nearly there") as caught:
        images.ensure(shop)
    assert "nearly there" in caught.value.lines
    assert "returned a non-zero code: 9" in caught.value.text
    assert not _layers(shop.docker) - before
    assert [one for one in labels_of_markers(shop.docker) if one == "build"] == []


BUILDER = """
import sys
from pathlib import Path
from lab.engine import docker, images
from lab.engine.progress import Silent
shop = images.Workshop(docker.connect(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), Silent(), sys.argv[4])
images.ensure(shop)
"""


def test_a_build_that_is_killed_is_swept(shop: images.Workshop) -> None:
    before = _layers(shop.docker)
    _thing(shop, "RUN echo done\nRUN sleep 300\n")
    words = [shop.docker.url, str(shop.folder), str(shop.cache), shop.repository]
    builder = subprocess.Popen([sys.executable, "-c", BUILDER, *words], cwd=ROOT)  # noqa: S603 - a program of ours
    sleeper = _until(lambda: [row for row in shop.docker.api.containers() if "sleep 300" in row["Command"]])
    assert sleeper, "the build never came to its last step"
    builder.kill()
    builder.wait()
    assert _until(lambda: not [row for row in shop.docker.api.containers(all=True) if "sleep 300" in row["Command"]])
    assert _until(lambda: clean.sweep(shop.docker).images or not _layers(shop.docker) - before)
    assert not _layers(shop.docker) - before


def _until(holds: Callable[[], object], seconds: float = 20) -> object:
    """Look until something holds, at most so long."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := holds()) and time.monotonic() < deadline:
        pause.wait(0.05)
    return found


def labels_of_markers(docker: Docker) -> list[str]:
    """Roles of our own marker volumes that are there."""
    ours = str(labels.this_process())
    found = engine.volumes(docker, {labels.OWNER: ours})
    return [dict(one.labels)[labels.ROLE] for one in found]


def test_a_dockerfile_that_stands_on_nothing_of_ours_is_refused(shop: images.Workshop) -> None:
    (shop.folder / "thing" / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(ImageError, match="has no line `ARG BASE="):
        images.ensure(shop)


def test_an_image_that_nobody_made_is_refused_with_those_there_are(shop: images.Workshop) -> None:
    _thing(shop, "")
    with pytest.raises(ImageError, match="no image 'thin'") as caught:
        images.ensure(shop, ["thin"])
    assert caught.value.next_move == "there are: base, thing"
