"""What an image's tag depends on, and what a build leaves behind, from files and the builder's own lines."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from lab.engine import images, wheels
from lab.engine.docker.images import stage_ends
from lab.engine.progress import Silent

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("ARG BASE=lab/base:trixie\nFROM ${BASE}\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("print()\n")
    return tmp_path


def _hash(folder: Path, below: str = "sha256:1") -> str:
    return images._inputs_hash(folder, below)


def test_the_same_inputs_give_the_same_tag(folder: Path) -> None:
    assert _hash(folder) == _hash(folder)
    assert len(_hash(folder)) == 12


@pytest.mark.parametrize("name", ["server.yaml", "nginx.conf.j2", "README.md", "app/__pycache__/main.pyc"])
def test_what_never_goes_into_the_image_rebuilds_nothing(folder: Path, name: str) -> None:
    before = _hash(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("changed")
    assert _hash(folder) == before


def test_everything_else_rebuilds(folder: Path) -> None:
    seen = {_hash(folder), _hash(folder, "sha256:2")}
    (folder / "app" / "main.py").chmod(0o755)
    seen.add(_hash(folder))
    (folder / "app" / "main.py").write_text("print(1)\n")
    seen.add(_hash(folder))
    (folder / "app" / "main.py").rename(folder / "app" / "other.py")
    seen.add(_hash(folder))
    assert len(seen) == 5


def test_a_context_is_the_same_bytes_for_the_same_files() -> None:
    files = {"b": (b"2", True), "a/x": (b"1", False)}
    made = images.context(files)
    assert made == images.context(dict(reversed(files.items())))
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        assert [(one.name, one.mode, one.mtime, one.uid) for one in tar] == [("a/x", 0o644, 0, 0), ("b", 0o755, 0, 0)]


def test_the_base_comes_first(tmp_path: Path) -> None:
    for name in ("app", "base", "nginx"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").touch()
    (tmp_path / "certs").mkdir()
    assert images.names(tmp_path) == ("base", "app", "nginx")


def test_a_folder_without_requirements_wants_no_wheels(folder: Path, tmp_path: Path) -> None:
    assert wheels.fetch(folder, tmp_path / "cache", Silent()) == {}
    assert not (tmp_path / "cache").exists()


def test_the_ends_of_earlier_stages_are_found() -> None:
    output = [
        "Step 1/5 : ARG BASE=lab/base:trixie",
        "Step 2/5 : FROM ${BASE} AS wheel",
        " ---> aaaaaaaaaaaa",
        "Step 3/5 : RUN x",
        " ---> Running in 0123456789ab",
        " ---> bbbbbbbbbbbb",
        "Step 4/5 : FROM ${BASE}",
        " ---> aaaaaaaaaaaa",
        "Step 5/5 : COPY --from=wheel /a /b",
        " ---> cccccccccccc",
        "Successfully built cccccccccccc",
    ]
    assert stage_ends(output) == ["bbbbbbbbbbbb"]
    assert stage_ends(output[:3]) == []
