"""Killed at any moment, the lab leaves nothing, and touches nothing of its neighbour's."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.engine import clean, labels
from lab.engine import docker as engine
from lab.engine.docker import ContainerSpec

if TYPE_CHECKING:
    from lab.engine.docker import Docker

VICTIM = Path(__file__).with_name("victim.py")
ROOT = VICTIM.parents[2]
CHANCE = random.Random(2)  # noqa: S311 - no secret
MOMENTS = [0.0, 0.03, 0.1, *(round(CHANCE.uniform(0.1, 1.6), 2) for _ in range(7))]
"""Seconds after the guard stands."""


def _victim(docker: Docker, image: str, run: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(  # noqa: S603 - a program of ours
        [sys.executable, str(VICTIM), docker.url, image, run],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "guarded\n"
    return process


def _gone(docker: Docker, run: str, seconds: float) -> bool:
    """Look until the run has nothing left, at most so long."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while engine.labelled(docker, {labels.RUN: run}):
        if time.monotonic() > deadline:
            return False
        pause.wait(0.1)
    return True


def _await_container(docker: Docker, run: str) -> None:
    deadline, pause = time.monotonic() + 20, threading.Event()
    while not any(thing.kind == "container" for thing in engine.labelled(docker, {labels.RUN: run})):
        assert time.monotonic() < deadline
        pause.wait(0.05)


@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_9_at_any_moment_leaves_nothing(docker: Docker, base: str, run: labels.Run, moment: float) -> None:
    mark = labels.run_labels(run, "test")
    neighbour = engine.create_container(docker, ContainerSpec(labels.object_name(run, "", "neighbour"), base, mark))
    victim = _victim(docker, base, name := f"{run.id}-victim")
    threading.Event().wait(moment)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert _gone(docker, name, 20)
    assert not _appears(docker, name, 0.3), "something was still in the making"
    assert engine.inspect(docker, neighbour).state == "created"


def _appears(docker: Docker, run: str, seconds: float) -> bool:
    threading.Event().wait(seconds)
    return bool(engine.labelled(docker, {labels.RUN: run}))


def test_a_kept_run_outlives_its_process(docker: Docker, base: str, run: labels.Run) -> None:
    victim = _victim(docker, base, name := f"{run.id}-kept")
    _await_container(docker, name)  # a marker beside no container is what compose leaves of a kept run, and is swept
    owner = labels.Owner(victim.pid, "1", run.owner.boot, run.owner.host, run.owner.pids)
    clean.keep(docker, labels.Run(name, owner))
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert not _gone(docker, name, 3)
    clean.sweep(docker)
    assert engine.labelled(docker, {labels.RUN: name})
    clean.remove_run(docker, name)
    assert _gone(docker, name, 5)


def test_without_a_guard_the_next_sweep_does_it(docker: Docker, base: str, run: labels.Run) -> None:
    child = subprocess.Popen(["/bin/true"])
    owner = labels.Owner(child.pid, "1", run.owner.boot, run.owner.host, run.owner.pids)
    child.wait()
    dead = labels.Run(f"{run.id}-dead", owner)
    name = labels.object_name(dead, "", "left")
    engine.start(docker, engine.create_container(docker, ContainerSpec(name, base, labels.run_labels(dead, "test"))))
    assert name in clean.sweep(docker).containers
    assert not engine.labelled(docker, {labels.RUN: dead.id})
