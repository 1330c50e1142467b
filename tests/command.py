"""The real command in a process of its own, in a project of one's own, and a look at what it left on the engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.engine import docker as engine
from lab.engine import labels

if TYPE_CHECKING:
    from lab.engine.docker import Docker

ROOT = Path(__file__).resolve().parents[1]
LAB = (sys.executable, "-c", "from lab.cli import main; main()")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str
    pid: int

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Project:
    """A folder with `scenarios/`, as a user of the lab would have it."""

    folder: Path

    def scenario(self, name: str, text: str) -> None:
        (self.folder / "scenarios" / f"{name}.yaml").write_text(f"id: {name}\ntitle: a test\n{text}")

    def file(self, name: str, text: str) -> None:
        path = self.folder / "scenarios" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def begin(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start the command in a session of its own, its progress as JSON lines on standard error."""
        return subprocess.Popen(  # noqa: S603 - the lab itself
            [*LAB, *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "LAB_PROGRESS": "json", "COLUMNS": "300", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def lab(self, *words: str, patience: float = 120, **environment: str) -> Done:
        """Run the command to its end."""
        process = self.begin(*words, **environment)
        out, err = process.communicate(timeout=patience)
        return Done(process.returncode, out, err, process.pid)


def at_phase(process: subprocess.Popen[str], name: str) -> None:
    """Read progress until a phase of this name has begun."""
    assert process.stderr is not None
    for line in process.stderr:
        told = json.loads(line) if line.startswith("{") else {}
        if str(told.get("phase", "")).endswith(name) and told.get("state") == "started":
            return
    pytest.fail(f"the phase {name} never began")


def interrupt(process: subprocess.Popen[str], word: signal.Signals = signal.SIGINT) -> Done:
    """Send a signal as a terminal does, to the whole group, and wait for the end."""
    os.killpg(process.pid, word)
    out, err = process.communicate(timeout=30)
    return Done(process.returncode, out, err, process.pid)


def left_by(docker: Docker, pid: int) -> list[str]:
    """Name all that a process of the lab has on the engine."""
    things = engine.labelled(docker, {labels.RUN: None})
    return [thing.name for thing in things if f"pid={pid} " in thing.labels.get(labels.OWNER, "")]


SLOW = """
containers:
  app: {server: app, listen: [{on: "0.0.0.0:8080"}]}
probes:
  one:
    exact: {connect_to: "app:8080", send: "GET / HTTP/1.1\\r\\n", timeout: 20.0}
    expect: {stage: head incomplete}
"""
"""A probe whose answer never comes: time enough to break in."""
