"""The same scenarios with the kernel's trace buffer forbidden, and ptrace too: no wrong verdict, only less sure ones.

A check that fails without a witness would say that something was otherwise; all of them hold with every witness, as the
scenarios themselves prove.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.command import Project

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
NAMES = ("frozen-listener.nginx", "sidecar.nginx", "datagrams", "accepted-is-not-handled")


def outcomes(project: Project, without: str) -> Counter[str]:
    """Outcome -> how many checks of all these scenarios have it."""
    for name in NAMES:
        scenario = name.partition(".")[0]
        (project.folder / "scenarios" / f"{scenario}.yaml").write_text((SCENARIOS / f"{scenario}.yaml").read_text())
    project.lab("run", *NAMES, "--no-twins", "--without", without, "--json", "result.json")
    told = json.loads((project.folder / "result.json").read_text())
    checks = [check for case in told["scenarios"] for check in case["checks"]]
    wrong = [f"{check['id']}: {check['why']}" for check in checks if check["outcome"] == "FAIL"]
    assert not wrong
    return Counter(check["outcome"] for check in checks)


@pytest.mark.parametrize("without", ["kernel", "kernel,ptrace"])
def test_nothing_fails_for_want_of_a_witness(project: Project, without: str) -> None:
    found = outcomes(project, without)
    assert found["PASS"] > found.total() / 2
    assert set(found) <= {"PASS", "INCONCLUSIVE", "BLOCKED"}


def test_control_what_only_the_kernel_tells_is_not_told_without_it(project: Project) -> None:
    assert outcomes(project, "kernel,ptrace")["INCONCLUSIVE"] > 0
