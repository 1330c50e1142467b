"""Ctrl-C, TERM and `kill -9` at each phase: the exit code, and nothing left; two runs side by side that do not meet."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.command import SLOW, at_phase, interrupt, left_by

if TYPE_CHECKING:
    from lab.engine.docker import Docker
    from tests.command import Project


@pytest.mark.parametrize("phase", ["recorder", ": start", ": probe"])
def test_ctrl_c_leaves_nothing(docker: Docker, project: Project, phase: str) -> None:
    project.scenario("slow", SLOW)
    process = project.begin("run", "slow")
    at_phase(process, phase)
    begun = time.monotonic()
    done = interrupt(process)
    assert done.code == 130, done.all
    assert time.monotonic() - begun < 10, "nobody waits for what was broken off"
    assert "interrupted, and nothing left running" in done.err
    assert "Traceback" not in done.all
    assert left_by(docker, done.pid) == []


def test_ctrl_c_says_where_the_evidence_so_far_is(docker: Docker, project: Project) -> None:
    project.scenario("slow", SLOW)
    process = project.begin("run", "slow")
    at_phase(process, ": probe")
    done = interrupt(process)
    assert "the evidence so far is in runs/" in done.err
    assert (project.folder / "runs" / "latest" / "result.json").is_file()


def test_term_cleans_up_too(docker: Docker, project: Project) -> None:
    project.scenario("slow", SLOW)
    process = project.begin("run", "slow")
    at_phase(process, ": probe")
    done = interrupt(process, signal.SIGTERM)
    assert done.code == 128 + signal.SIGTERM
    assert left_by(docker, done.pid) == []


@pytest.mark.parametrize("phase", ["recorder", ": start", ": probe"])
def test_kill_9_leaves_nothing_within_seconds(docker: Docker, project: Project, phase: str) -> None:
    project.scenario("slow", SLOW)
    process = project.begin("run", "slow")
    at_phase(process, phase)
    process.kill()
    process.communicate()
    deadline, pause = time.monotonic() + 20, threading.Event()
    while left_by(docker, process.pid):
        assert time.monotonic() < deadline, left_by(docker, process.pid)
        pause.wait(0.2)


FIXED = """
networks: {lan: {subnet: 10.0.9.0/24}}
namespaces: {app: {networks: {lan: {address: 10.0.9.25}}}}
containers: {app: {server: app, listen: [{on: "10.0.9.25:8080"}]}}
probes:
  one:
    request: {url: "http://10.0.9.25:8080/"}
    expect: {status: 200, route: [app]}
"""


def test_two_runs_side_by_side_do_not_meet(docker: Docker, project: Project) -> None:
    """The same names in both; where both want one subnet, the second waits for the first and says so."""
    project.scenario("fixed", FIXED)
    project.scenario("free", FIXED.replace("networks: {lan: {subnet: 10.0.9.0/24}}\n", "").replace("10.0.9.25", "app")
                     .replace("{networks: {lan: {address: app}}}", "{}").replace('on: "app:', 'on: "0.0.0.0:'))  # fmt: skip
    both = [project.begin("run") for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert [left_by(docker, process.pid) for process in both] == [[], []]
    assert len(list((project.folder / "runs").glob("2*"))) == 2
