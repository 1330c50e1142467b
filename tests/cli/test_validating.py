"""`lab validate`: mistakes on standard error with exit code 2, of all files at once; nothing wrong, exit code 0."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAILED = ROOT / "tests/scenario/failed"
LAB = (sys.executable, "-c", "from lab.cli import main; main()")
GOOD = (ROOT / "scenarios/tls-ends-in-proxy.yaml").read_text("utf-8")


def lab(*words: str, folder: Path) -> tuple[int, str, str]:
    done = subprocess.run([*LAB, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - fixed words
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of somebody's own with two scenarios that are right."""
    (tmp_path / "scenarios").mkdir()
    for name in ("one", "two"):
        write(tmp_path, name, GOOD)
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    (project / "scenarios" / f"{name}.yaml").write_text(text.replace("id: tls-ends-in-proxy", f"id: {name}"), "utf-8")


def test_nothing_wrong_is_said_with_exit_code_0(project: Path) -> None:
    assert lab("validate", folder=project) == (0, "2 scenarios, 12 cases: no mistakes\n", "")


def test_the_mistakes_of_all_files_are_told_at_once_with_exit_code_2(project: Path) -> None:
    write(project, "one", GOOD.replace("server: app", "server: ap"))
    write(project, "two", GOOD.replace("claims:", "claim:"))
    code, out, err = lab("validate", folder=project)
    assert (code, out) == (2, "")
    assert "scenarios/one.yaml:21:13: `ap` is no server of the lab\n" in err
    assert "        server: ap\n                ^^\n    did you mean `app`?\n" in err
    assert "scenarios/two.yaml:7:1: a scenario has no key `claim`" in err
    assert err.endswith("2 mistakes\n")
    assert "Traceback" not in err


def test_a_program_gets_the_mistakes_as_json(project: Path) -> None:
    assert lab("validate", "--json", folder=project) == (0, "[]\n", "")
    write(project, "two", GOOD.replace("claims:", "claim:"))
    code, out, err = lab("validate", "--json", folder=project)
    assert (code, err) == (2, "")
    (mistake,) = json.loads(out)
    assert (mistake["file"], mistake["line"], mistake["column"], mistake["rule"]) == ("scenarios/two.yaml", 7, 1, "unknown-key")
    assert mistake["intention"] == "did you mean `claims`?"


def test_pytest_tells_mistakes_as_they_are_told_here(project: Path) -> None:
    (project / "scenarios/conftest.py").write_text((ROOT / "scenarios/conftest.py").read_text("utf-8"), "utf-8")
    write(project, "two", GOOD.replace("claims:", "claim:"))
    words = [sys.executable, "-m", "pytest", "-q", "--collect-only", "scenarios"]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - fixed words
    assert done.returncode == 2
    assert "scenarios/two.yaml:7:1: a scenario has no key `claim`" in done.stdout
    assert "Traceback" not in done.stdout
    assert "scenarios/one.yaml::one.nginx::order.status" in done.stdout


def test_a_file_is_named_as_it_was_given(project: Path) -> None:
    code, _, err = lab("validate", str(FAILED / "yaml-bomb.yaml"), folder=project)
    assert code == 2
    assert err.startswith(f"{FAILED / 'yaml-bomb.yaml'}:2:8: the anchor `&a` is refused")


@pytest.mark.parametrize("command", [("run", "two"), ("plan", "two.nginx"), ("list",)])
def test_a_mistake_stops_the_commands_that_need_the_file(project: Path, command: tuple[str, ...]) -> None:
    write(project, "two", GOOD.replace("tls: ended", "tls: endd"))
    code, _, err = lab(*command, folder=project)
    assert code == 2
    assert "did you mean `ended`?" in err


def test_a_mistake_in_one_file_keeps_no_other_from_being_planned(project: Path) -> None:
    write(project, "two", GOOD.replace("tls: ended", "tls: endd"))
    code, out, err = lab("plan", "one.nginx", folder=project)
    assert (code, err) == (0, "")
    assert out.startswith("one.nginx\n")


def test_a_file_that_is_not_there_is_a_mistake_of_the_command_line(project: Path) -> None:
    code, _, err = lab("validate", "scenarios/nowhere-at-all.yaml", folder=project)
    assert (code, err) == (2, "no scenario file scenarios/nowhere-at-all.yaml; lab list shows the scenarios\n")


def test_a_file_whose_name_is_nearly_right_is_offered(project: Path) -> None:
    code, _, err = lab("validate", "scenarios/onee.yaml", folder=project)
    assert (code, err) == (2, f"no scenario file scenarios/onee.yaml; did you mean {project / 'scenarios/one.yaml'}?\n")


def test_a_folder_with_the_name_of_a_file_is_told_as_one(project: Path) -> None:
    (project / "scenarios/many.yaml").mkdir()
    code, _, err = lab("validate", "scenarios/many.yaml", folder=project)
    assert (code, err) == (2, "scenarios/many.yaml is a folder; name the files in it: scenarios/many.yaml/*.yaml\n")


def test_the_schema_is_printed(project: Path) -> None:
    code, out, _ = lab("schema", folder=project)
    assert code == 0
    assert out == (ROOT / "scenarios/scenario.schema.json").read_text("utf-8")


def test_links_that_go_round_in_a_circle_are_files_that_are_not_there(project: Path) -> None:
    for name in ("scenarios/ring.yaml", "scenarios/ring.conf"):
        (project / name).symlink_to(Path(name).name)
    code, out, err = lab("validate", "scenarios/ring.yaml", folder=project)
    assert (code, out, err) == (2, "", "no scenario file scenarios/ring.yaml: the link to ring.yaml leads to no file\n")
    write(project, "one", GOOD.replace("server: app", "server: nginx\n    config: ring.conf"))
    code, out, err = lab("validate", "scenarios/one.yaml", folder=project)
    assert (code, out) == (2, "")
    assert "there is no file `ring.conf` in the scenario's folder" in err
    assert "Traceback" not in err
    (project / "scenarios" / "straight.yaml").symlink_to("two.yaml")
    assert lab("validate", "scenarios/straight.yaml", folder=project) == (0, "1 scenario, 6 cases: no mistakes\n", "")
