"""Scenarios as pytest items, in a process of its own: what JUnit says of each check, and one case in one worker."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.command import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command import Project

SERVE = "command: [perl, /etc/lab/serve.pl], files: {/etc/lab/serve.pl: {source: serve.pl}}, environment: {PORT: '8080'}"
SCENARIO = f"""
namespaces: {{app: {{}}}}
containers:
  app: {{namespace: app, image: lab/base:trixie, {SERVE}, listen: [{{on: "127.0.0.1:8080"}}]}}
probes:
  good:
    from: app
    request: {{url: "http://127.0.0.1:8080/"}}
    expect: {{status: 200, route: [app]}}
  wrong:
    from: app
    request: {{url: "http://127.0.0.1:8080/"}}
    expect: {{status: 404}}
  unknown:
    from: app
    request: {{url: "http://127.0.0.1:8080/"}}
    expect: {{dispatched: true}}
"""
DIES = 'containers: {app: {image: lab/base:trixie, command: [perl, -e, "exit 7"], listen: [{on: "0.0.0.0:8080"}]}}\n'


def pytest_in(project: Project, *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, ET.Element]]:
    (project.folder / "scenarios" / "conftest.py").write_text('pytest_plugins = ("lab.pytest_plugin",)\n')
    report = project.folder / "junit.xml"
    done = subprocess.run(  # noqa: S603 - pytest itself
        [sys.executable, "-m", "pytest", "-q", "-o", "junit_family=xunit1", f"--junitxml={report}", *words, "scenarios"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return done, {case.attrib["name"]: case for case in ET.parse(report).iter("testcase")}  # noqa: S314 - ours


def serving(project: Project) -> None:
    project.file("serve.pl", (ROOT / "scenarios" / "files" / "serve.pl").read_text("utf-8"))
    project.scenario("serves", SCENARIO)


def test_a_failure_is_a_failure_and_what_is_not_known_is_an_error(project: Project) -> None:
    serving(project)
    done, cases = pytest_in(project)
    assert done.returncode == 1, done.stdout
    tags = {name: [child.tag for child in case] for name, case in cases.items()}
    assert tags["good.status"] == tags["good.route"] == []
    assert tags["wrong.status"] == ["failure"]
    assert tags["unknown.dispatched"] == ["error"]
    assert tags["outcome"] == ["failure"], "the case as a whole"
    text = cases["wrong.status"][0].text or ""
    assert "expected 404" in text
    assert "actual   200" in text
    assert "client.jsonl:" in text
    assert "Traceback" not in text + (cases["unknown.dispatched"][0].text or "")


def test_each_item_names_the_file_and_the_line_of_its_expectation(project: Project) -> None:
    serving(project)
    _, cases = pytest_in(project, "-k", "wrong")
    [case] = cases.values()
    lines = (project.folder / "scenarios" / "serves.yaml").read_text().split("\n")
    assert case.attrib["file"] == "scenarios/serves.yaml"
    assert lines[int(case.attrib["line"])].strip() == "expect: {status: 404}", "JUnit of pytest counts lines from 0"


def test_what_the_lab_could_not_carry_out_is_an_error_at_every_check(project: Project) -> None:
    project.scenario("dies", DIES + 'probes: {one: {request: {url: "http://app:8080/"}, expect: {status: 200}}}\n')
    done, cases = pytest_in(project)
    assert done.returncode == 1
    assert {tuple(child.tag for child in case) for case in cases.values()} == {("error",)}
    assert "exit code 7" in (cases["one.status"][0].text or "")


def test_a_case_stays_in_one_worker_and_is_carried_out_once(project: Project) -> None:
    serving(project)
    done, cases = pytest_in(project, "-n", "2")
    assert len(cases) == 5, done.stdout
    runs = [path for path in (project.folder / "runs").iterdir() if not path.is_symlink()]
    carried = [case for run in runs for case in run.glob("*/case.json")]
    assert len(carried) == 1


def test_collecting_asks_no_engine(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "scenarios", "-k", "sidecar"],
        cwd=ROOT,
        env={**os.environ, "LAB_ENGINE": "none", "LAB_RUNS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "sidecar.yaml::sidecar.nginx::order.tls_ends_at" in done.stdout
    assert not list(tmp_path.iterdir())
