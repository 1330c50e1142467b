"""`lab up` and what one does with it: the lab's own commands, and plain docker and compose."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from lab.engine import docker as engine
from tests import compose_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.engine.docker import Docker
    from tests.command import Project

NAME = "inspected-by-a-test"
CASE = """
namespaces:
  web: {names: [shop.example], publish: [{port: 8443}]}
containers:
  proxy:
    namespace: web
    server: nginx
    listen: [{on: "0.0.0.0:8443", tls: ended, names: [shop.example], routes: [{to: "127.0.0.1:3000"}]}]
  app: {namespace: web, server: app, listen: [{on: "127.0.0.1:3000"}]}
probes:
  order:
    request: {url: "https://shop.example:8443/orders"}
    expect: {status: 200}
"""


@pytest.fixture
def standing(project: Project) -> Iterator[dict[str, Any]]:
    project.scenario(NAME, CASE)
    done = project.lab("up", NAME, "--json")
    assert done.code == 0, done.all
    yield json.loads(done.out)
    project.lab("down", NAME)


def run(command: str) -> str:
    done = subprocess.run(  # noqa: S603 - words that the lab printed for people
        command.replace(" -it ", " -i ").split(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_printed_to_look_at_works_as_it_stands(docker: Docker, project: Project, standing: dict[str, Any]) -> None:
    look = {hint["what"]: hint["how"] for hint in standing["look"]}
    assert json.loads(run(look["request"]))["target"] == "/orders"
    assert "127.0.0.1:3000" in run(look["sockets of web"])
    assert f"lab-{NAME}-proxy" in run(look["containers"])
    assert "tcpdump -ni any" in look["capture in web"]
    assert look["published"].startswith("127.0.0.1:")

    ps = project.lab("ps")
    assert sum(NAME in line for line in ps.out.splitlines()) == 4
    assert "stands" in ps.out
    assert "pid" not in project.lab("shell", NAME, "app", "cat", "/etc/lab/app.json").err
    assert '"port": 3000' in project.lab("shell", NAME, "app", "cat", "/etc/lab/app.json").out
    assert '"event": "listening"' in project.lab("logs", NAME, "app").out
    assert project.lab("up", NAME).code == 2, "one of it is enough"

    again = project.lab("run", NAME)
    assert again.code == 0, again.all
    assert sum(NAME in row["case"] for row in json.loads(project.lab("ps", "--json").out)) == 4, "a run leaves it alone"

    assert project.lab("down", NAME).out == f"took down {NAME}\n"
    assert not engine.labelled(docker, {"lab.case": NAME})


def test_compose_knows_what_stands(docker: Docker, project: Project, standing: dict[str, Any]) -> None:
    listed = json.loads(composed(docker, "ls", "--all", "--format", "json"))
    [one] = [row for row in listed if row["Name"] == f"lab-{standing['run']}-{NAME}"]
    assert one["Status"] == "running(4)"
    named = ("--project-name", one["Name"])
    assert {"app", "proxy", "web-net", "client"} == set(composed(docker, *named, "ps", "--services").split())
    assert '"event": "listening"' in composed(docker, *named, "logs", "app")
    composed(docker, *named, "down")
    assert NAME not in project.lab("ps").out
    assert not engine.labelled(docker, {"lab.run": standing["run"]}), "the volumes with the keys are gone too"


def composed(docker: Docker, *words: str) -> str:
    done = compose_tool.run(docker, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout
