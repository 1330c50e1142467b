"""A case whose step this machine cannot take says the same when it is judged again: neither a pass nor a failure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.cli.running import exit_code
from lab.engine.codec import to_json
from lab.model.scenario import Case, Scenario
from lab.model.verdicts import Outcome
from lab.session import judge_again

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("outcome", "code"), [(Outcome.UNSUPPORTED, 0), (Outcome.LAB_ERROR, 3)])
def test_what_was_not_carried_out_is_not_judged_again(tmp_path: Path, outcome: Outcome, code: int) -> None:
    probe = {"steps": [{"link": {"into": "web", "lose": [1]}}, {"connect": "web:1"}], "expect": {"status": 200}}
    scenario = Scenario.model_validate_json(json.dumps({"id": "s", "title": "t", "probes": {"p": probe}}))
    (tmp_path / "case.json").write_bytes(to_json(Case("s", scenario, None, "s.yaml", ()), Case))
    why = "lose segment 1 into web: this kernel has no nfnetlink_queue"
    (tmp_path / "result.json").write_text(json.dumps({"outcome": str(outcome), "error": why, "seconds": 1.5}))
    [result] = judge_again(tmp_path)
    assert (result.outcome, result.error, result.seconds, result.verdicts) == (outcome, why, 1.5, ())
    assert exit_code([result]) == code
