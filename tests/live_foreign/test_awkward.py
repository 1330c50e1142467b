"""What people really try: a wrong port, a name that nobody knows, containers that come and go. The answer helps, and is never a
traceback."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.engine import locate
from tests.command import ROOT, Done, Project, left_by
from tests.foreign.making import ready
from tests.foreign.standing import POLL, Deployment, first_pid, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.foreign.standing import Compose

SERVE = """
    image: foreign/apps
    volumes: ["{apps}:/apps:ro"]
    command: python3 /apps/serve.py 0.0.0.0 3000"""
COMPOSE = f"""
services:
  app:{SERVE} app
    ports: ["127.0.0.1:28132:3000"]
  mute:{SERVE} mute never
    ports: ["127.0.0.1:28133:3000"]
  restless:
    image: foreign/apps
    command: sleep 0.5
    restart: always
"""
TRACEBACK = "Traceback"


@pytest.fixture(scope="module")
def compose() -> Compose:
    return ready()


@pytest.fixture(scope="module")
def shop(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    place = tmp_path_factory.mktemp("awkward")
    (place / "compose.yaml").write_text(COMPOSE.format(apps=ROOT / "tests/foreign/apps"))
    (place / "truth.yaml").write_text("ready: {app: [3000], mute: [3000]}\n")
    with standing(compose, Deployment("awkward", place)) as deployment:
        yield deployment


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "scenarios").mkdir()
    return Project(tmp_path)


def trace(project: Project, shop: Deployment, *words: str) -> Done:
    done = project.lab("trace", "--project", shop.project, *words)
    assert TRACEBACK not in done.all
    assert left_by(locate.engine(), done.pid) == []
    return done


def test_a_port_where_nobody_listens_names_those_that_are_published(project: Project, shop: Deployment) -> None:
    done = trace(project, shop, "http://127.0.0.1:28134/")
    assert done.code == 1
    assert "stopped at refused" in done.out
    assert "127.0.0.1:28132 → 3000 of app" in done.out


def test_a_name_that_nobody_knows_says_how_to_give_its_address(project: Project, shop: Deployment) -> None:
    done = trace(project, shop, "http://app:3000/")
    assert done.code == 1
    assert "--resolve app:3000:ADDRESS" in done.out
    assert "--from client" in done.out
    there = trace(project, shop, "http://app:3000/", "--from", "client")
    assert there.code == 0, "and the advice is good"


def test_containers_that_restart_all_the_time_keep_no_other_from_being_traced(project: Project, shop: Deployment) -> None:
    for _ in range(3):
        done = trace(project, shop, "http://127.0.0.1:28132/")
        assert done.code == 0, done.all
        assert "answered 200 by app" in done.out


def test_a_container_that_dies_with_the_request_in_hand_is_told(compose: Compose, project: Project, shop: Deployment) -> None:
    pid = first_pid(compose, shop, "mute")
    process = project.begin("trace", "--project", shop.project, "http://127.0.0.1:28133/", "--timeout", "20")
    until = time.monotonic() + 60
    while not _has_connection(pid) and time.monotonic() < until:
        time.sleep(POLL)
    compose.run(shop, "kill", "mute")
    out, err = process.communicate(timeout=60)
    try:
        assert process.returncode == 1, out + err
        assert TRACEBACK not in out + err
        assert "no answer" in out
        assert "stopped at" in out
        assert "mute" in out
    finally:
        compose.run(shop, "start", "mute")


def _has_connection(pid: int) -> bool:
    """Whether somebody is connected to port 3000 (0BB8) in its namespace; state 01 is ESTABLISHED."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()[1:]]
    return any(row[1].endswith(":0BB8") and row[3] == "01" for row in rows)


def test_a_project_that_does_not_run_names_those_that_do(project: Project, shop: Deployment) -> None:
    done = project.lab("trace", "--project", "nowhere", "http://127.0.0.1:28132/")
    assert done.code == 2
    assert "no container of a compose project 'nowhere' runs" in done.err
    assert shop.project in done.err
