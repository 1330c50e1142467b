"""The engine goes away in the middle of a probe: the run ends with the reason; what it left goes when the engine is back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.engine import docker as engine
from lab.engine import images, labels
from lab.engine.progress import Silent
from tests.command import ROOT, SLOW, at_phase, left_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.engine.docker import Docker
    from tests.command import Project

PROGRAM = Path(__file__).with_name("second_engine.py")
NEEDED = ("base", "recorder", "client", "app")


@dataclass
class Second:
    """The second engine, driven by words."""

    process: subprocess.Popen[str]
    url: str

    def do(self, word: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


@pytest.fixture
def second() -> Iterator[Second]:
    with tempfile.TemporaryDirectory(prefix="lab-e", dir="/tmp") as folder:  # a socket's path has 104 characters at most
        process = subprocess.Popen(  # noqa: S603 - a program of ours
            ["unshare", "--net", sys.executable, str(PROGRAM), folder],  # noqa: S607 - a system tool
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        yield Second(process, f"unix://{folder}/run/docker.sock")
        process.communicate(timeout=60)


def copy_images(source: Docker, target: Docker) -> None:
    shop = images.Workshop(source, ROOT / "images", ROOT / ".lab", Silent())
    references = [image.reference for image in images.ensure(shop, NEEDED).values()]
    answer = source.api._get(source.api._url("/images/get"), params={"names": references}, stream=True)
    for _ in target.api.load_image(answer.iter_content(1 << 20)):
        pass


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="wants root on Linux")
@pytest.mark.skipif(not shutil.which("dockerd"), reason="wants an installed engine")
def test_the_engine_goes_away_in_the_middle(docker: Docker, project: Project, second: Second) -> None:
    second.do("start")
    copy_images(docker, engine.connect(second.url))
    project.scenario("slow", SLOW)
    process = project.begin("run", "slow", "--no-twins", LAB_ENGINE=second.url)
    at_phase(process, ": probe")
    second.do("kill")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, out + err
    assert "the engine went away while slow was under way" in err
    assert "Next: bring it back" in err
    assert "Traceback" not in out + err
    assert (project.folder / "runs" / "latest" / "result.json").is_file()

    second.do("start")
    deadline, pause = time.monotonic() + 30, threading.Event()
    while left_by(again := engine.connect(second.url), process.pid):
        assert time.monotonic() < deadline, left_by(again, process.pid)
        pause.wait(0.2)

    assert engine.images(engine.connect(second.url), {labels.IMAGE: None})
    cleaned = project.lab("clean", "--images", "--json", LAB_ENGINE=second.url)
    assert json.loads(cleaned.out)["images"], cleaned.err
    assert not engine.images(engine.connect(second.url), {labels.IMAGE: None})
