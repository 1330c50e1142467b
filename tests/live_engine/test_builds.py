"""Images against a real engine: built once, rebuilt when an input changed, nothing left of a failed build."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from lab.engine import docker as engine
from lab.engine import images, labels
from lab.engine.errors import ImageError
from lab.engine.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.engine.docker import Docker

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
    assert _layers(shop.docker) == before, "an earlier stage was left behind"
    assert images.state(shop).keys() == {"base", "thing"}


def test_a_failing_build_names_step_and_last_lines_and_leaves_nothing(shop: images.Workshop) -> None:
    before = _layers(shop.docker)
    _thing(shop, "RUN echo nearly there && exit 9\nCMD true\n")
    with pytest.raises(ImageError, match=r"thing:[0-9a-f]{12} failed at Step 5/6 : RUN echo nearly there") as caught:
        images.ensure(shop)
    assert "nearly there" in caught.value.lines
    assert "returned a non-zero code: 9" in caught.value.text
    assert _layers(shop.docker) == before
    assert [one for one in labels_of_markers(shop.docker) if one == "build"] == []


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
