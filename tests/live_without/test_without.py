"""The same scenarios with the kernel's trace buffer forbidden, and ptrace too: no wrong verdict, only less sure ones.

A check that fails without a witness would say that something was otherwise; all of them hold with every witness, as the
scenarios themselves prove.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.command import Project

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
NAMES = ("frozen-listener.nginx", "sidecar.nginx", "datagrams", "accepted-is-not-handled")


WITHOUT = ("kernel", "kernel,ptrace")


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """What was forbidden -> all checks of all these scenarios."""
    return {without: _checks(Project(tmp_path_factory.mktemp("without")), without) for without in WITHOUT}


def _checks(project: Project, without: str) -> list[dict[str, str]]:
    (project.folder / "scenarios").mkdir()
    for name in NAMES:
        file = f"{name.partition('.')[0]}.yaml"
        (project.folder / "scenarios" / file).write_text((SCENARIOS / file).read_text())
    project.lab("run", *NAMES, "--no-twins", "--without", without, "--json", "result.json")
    told = json.loads((project.folder / "result.json").read_text())
    return [check for case in told["scenarios"] for check in case["checks"]]


@pytest.mark.parametrize("without", WITHOUT)
def test_nothing_fails_for_want_of_a_witness(checks: dict[str, list[dict[str, str]]], without: str) -> None:
    assert not [f"{check['id']}: {check['why']}" for check in checks[without] if check["outcome"] == "FAIL"]
    found = Counter(check["outcome"] for check in checks[without])
    assert found["PASS"] > found.total() / 2
    assert set(found) <= {"PASS", "INCONCLUSIVE", "BLOCKED"}


def test_control_what_only_the_kernel_tells_is_not_told_without_it(checks: dict[str, list[dict[str, str]]]) -> None:
    assert any(check["outcome"] == "INCONCLUSIVE" for check in checks["kernel,ptrace"])
