"""The command line as a person and a program meet it; nothing here needs an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from lab.cli import app, screen
from lab.cli.running import exit_code
from lab.model.verdicts import CaseResult, Outcome
from tests.command import LAB, ROOT, Project

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]

PLAIN = """
containers:
  app: {server: app, listen: [{on: "0.0.0.0:8080"}]}
probes:
  one:
    request: {url: "http://app:8080/"}
    expect: {status: 200}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "scenarios").mkdir()
    made = Project(tmp_path)
    made.scenario("plain", PLAIN)
    return made


def options(name: str) -> set[str]:
    return {word for parameter in COMMANDS[name].params for word in parameter.opts}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_says_what_it_does_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0
    assert f"Example: lab {name}" in shown.stdout


def test_help_tells_every_command_in_a_line_that_fits() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout
    assert [name for name in COMMANDS if f"\n  {name} " not in shown] == []
    assert "..." not in shown.partition("Commands:")[2], "a description was cut"


def test_the_command_alone_explains_itself() -> None:
    assert "Begin with: lab list" in CliRunner().invoke(app, []).output


READ_BY_PROGRAMS = "run judge trace list plan validate up ps contract images engine doctor clean".split()  # noqa: SIM905
TAKE_LONG = "run trace up contract images engine doctor clean".split()  # noqa: SIM905


@pytest.mark.parametrize("name", READ_BY_PROGRAMS)
def test_what_a_program_reads_can_be_had_as_json(name: str) -> None:
    assert "--json" in options(name)


@pytest.mark.parametrize("name", TAKE_LONG)
def test_what_takes_long_shows_progress_as_it_is_told_to(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "80"}).stdout
    assert "--progress <auto|tty|plain|json|quiet>" in shown


def test_a_failed_case_can_be_kept() -> None:
    assert "--keep" in options("run")


def test_help_answers_at_once() -> None:
    """150 ms of work; the least of five, for the machine may be busy."""
    assert min(_cpu_seconds("--help") for _ in range(5)) < 0.15


def _cpu_seconds(*words: str) -> float:
    before = os.times()
    subprocess.run([*LAB, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - the lab itself
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, lab.cli; print(*{'docker', 'pydantic', 'rich', 'trustme', 'ruamel', 'requests'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("lab ", {"run", "list", "up"}),
        ("lab run tls-ends-in-p", {"tls-ends-in-proxy", "tls-ends-in-proxy.nginx"}),
        ("lab up side", {"sidecar", "sidecar.envoy"}),
        ("lab images ng", {"nginx"}),
        ("lab run --prog", {"--progress"}),
        ("lab engine st", {"status", "start", "stop"}),
    ],
)
def test_the_shell_completes(words: str, wanted: set[str]) -> None:
    number = str(len(words.split(" ")) - 1)
    environment = {**os.environ, "_LAB_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": number}
    code = "import sys; sys.argv[0] = 'lab'; from lab.cli import main; main()"
    done = subprocess.run(  # noqa: S603 - the lab itself
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert wanted <= set(done.stdout.split()), done.stderr


def result(outcome: Outcome) -> CaseResult:
    return CaseResult("s", "s", "t", (), outcome, 1.0, (), ())


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([Outcome.PASS, Outcome.UNSUPPORTED], 0),
        ([Outcome.PASS, Outcome.FAIL], 1),
        ([Outcome.PASS, Outcome.INCONCLUSIVE], 1),
        ([Outcome.BLOCKED], 1),
        ([Outcome.FAIL, Outcome.LAB_ERROR], 3),
        ([], 1),
    ],
)
def test_exit_codes_of_outcomes(outcomes: list[Outcome], code: int) -> None:
    assert exit_code([result(one) for one in outcomes]) == code


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "plian"), 2, "did you mean plain"),
        (("run", "absent.yaml"), 2, "absent.yaml"),
        (("run", "--no-such-option"), 2, "--no-such-option"),
        (("nonsense",), 2, "nonsense"),
        (("run", "--progress", "loud"), 2, "auto"),
        (("judge", "nowhere"), 2, "nowhere"),
        (("run", "plain"), 3, "LAB_ENGINE=none"),
        (("up", "plain"), 3, "LAB_ENGINE=none"),
        (("images",), 3, "LAB_ENGINE=none"),
        (("ps",), 3, "LAB_ENGINE=none"),
    ],
)
def test_exit_codes_of_mistakes_and_their_words_on_standard_error(
    project: Project, words: tuple[str, ...], code: int, said: str
) -> None:
    done = project.lab(*words, LAB_ENGINE="none")
    assert (done.code, done.out) == (code, ""), done.err
    assert said in done.err
    assert "Traceback" not in done.err


def test_validate_tells_mistakes_to_people_and_to_programs(project: Project) -> None:
    project.scenario("wrong", "containers: {app: {server: ngin}}\n")
    done = project.lab("validate")
    assert (done.code, done.out) == (2, "")
    assert "scenarios/wrong.yaml:3:" in done.err
    told = project.lab("validate", "--json")
    assert told.code == 2
    assert {problem["file"] for problem in json.loads(told.out)} == {"scenarios/wrong.yaml"}
    assert project.lab("validate", "scenarios/plain.yaml").out == "1 scenario, 1 case: no mistakes\n"
    assert json.loads(project.lab("validate", "plain", "--json").out) == []


def test_list_plan_and_schema_are_json_for_programs(project: Project) -> None:
    [listed] = json.loads(project.lab("list", "--json").out)
    assert (listed["case"], listed["file"], listed["twin"]) == ("plain", "scenarios/plain.yaml", None)
    [plan] = json.loads(project.lab("plan", "plain", "--json").out)
    assert [one["name"] for one in plan["containers"]] == ["app"]
    assert "properties" in json.loads(project.lab("schema").out)


def test_list_and_plan_are_lines_for_people(project: Project) -> None:
    assert project.lab("list").out.splitlines()[:2] == ["plain", "    a test"]
    planned = project.lab("plan", "plain").out
    for words in ("network    lab", "container  app: app in app, waits for 0.0.0.0:8080", "probe      one: from client"):
        assert words in planned


def test_plan_leaves_twins_out_unless_they_are_named() -> None:
    runner = CliRunner()
    assert "~" not in runner.invoke(app, ["plan", "sidecar.nginx"]).stdout
    assert "sidecar.nginx~balancer-ends-it" in runner.invoke(app, ["plan", "sidecar.nginx~balancer-ends-it"]).stdout


def test_what_stands_is_asked_without_starting_an_engine(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without an engine must not get one because somebody asks what stands, or cleans up."""
    from lab.engine import locate, own_engine

    monkeypatch.setattr(locate, "_any", lambda *_: (None, []))
    monkeypatch.setattr(own_engine, "start", lambda *_, **__: pytest.fail("an engine was started"))
    monkeypatch.setattr(own_engine, "install", lambda *_: pytest.fail("an engine was installed"))
    monkeypatch.chdir(project.folder)
    for words in (["ps"], ["logs", "plain"], ["down"], ["shell", "plain"]):
        failed = CliRunner().invoke(app, words).exception
        assert "no container engine answers, so nothing of the lab's stands" in str(failed)
    assert CliRunner().invoke(app, ["clean"]).exit_code == 0


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False), ({"NO_COLOR": "1"}, False), ({}, False)],
)
def test_no_color_is_obeyed_before_all_else(
    environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.text import Text

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**environment, "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    screen.show([Text("✓ PASS", style="bold green")])
    assert ("\x1b[" in capsys.readouterr().out) is coloured


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    screen.write_json({"a": 1}, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == {"a": 1}
    with pytest.raises(TypeError):
        screen.write_json({"a": object()}, tmp_path / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    assert json.loads((tmp_path / "out.json").read_text()) == {"a": 1}
