"""A case judged from its folder: what is not there is never a pass, and what the run said of itself is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.engine.codec import to_json
from lab.engine.errors import EvidenceError
from lab.model.observations import Inventory
from lab.model.scenario import Case, Scenario
from lab.model.verdicts import Outcome
from lab.session.jobs import UsageError
from lab.session.judging import document_again, judge_again, judge_folder

if TYPE_CHECKING:
    from pathlib import Path

DATA = {
    "id": "s",
    "title": "t",
    "claims": ["C16"],
    "containers": {"app": {"server": "app", "listen": [{"on": "0.0.0.0:8080"}]}},
    "probes": {"order": {"request": {"url": "http://app:8080/"}, "expect": {"status": 200, "dispatched": False}}},
    "listening": {"app": ["0.0.0.0:8080"]},
}
CASE = Case("s", Scenario.model_validate_json(json.dumps(DATA)), None, "scenarios/s.yaml", (("order.status", 7),))
NOTHING = Inventory((), (), (), ())


def folder(path: Path, name: str = "s", **result: object) -> Path:
    made = path / name
    made.mkdir(parents=True)
    (made / "case.json").write_bytes(to_json(CASE, Case))
    (made / "inventory.json").write_bytes(to_json(NOTHING, Inventory))
    if result:
        (made / "result.json").write_text(json.dumps(result))
    return made


def test_a_folder_without_evidence_proves_nothing(tmp_path: Path) -> None:
    result = judge_folder(CASE, folder(tmp_path), 1.0)
    assert result.outcome is Outcome.INCONCLUSIVE
    assert {verdict.outcome for verdict in result.verdicts} == {Outcome.INCONCLUSIVE}
    assert {verdict.id for verdict in result.verdicts} == {"order.status", "order.dispatched", "listening.app"}


def test_a_folder_that_was_cut_short_is_an_error_and_not_an_absence(tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made / "sockets.jsonl").write_text('{"time_ns": 1, "look":\n')
    with pytest.raises(EvidenceError, match=r"sockets\.jsonl:1"):
        judge_folder(CASE, made, 1.0)
    (made / "inventory.json").unlink()
    with pytest.raises(EvidenceError, match=r"was cut short(?s:.*)Next: evidence is not repaired"):
        judge_folder(CASE, made, 1.0)


@pytest.mark.parametrize("outcome", [Outcome.LAB_ERROR, Outcome.UNSUPPORTED])
def test_what_never_came_to_evidence_stays_what_it_was(tmp_path: Path, outcome: Outcome) -> None:
    folder(tmp_path, outcome=str(outcome), error="container app ended", seconds=2.5)
    [again] = judge_again(tmp_path)
    assert (again.outcome, again.error, again.seconds, again.verdicts) == (outcome, "container app ended", 2.5, ())


@pytest.mark.parametrize("name", ["case.json", "inventory.json", "result.json", "sockets.jsonl"])
@pytest.mark.parametrize("content", [b'{"id": "s", "chec', b"", b"[1", b"\x80\xff\x00", b"[" * 5000])
def test_a_file_that_is_no_document_any_more_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    at = folder(tmp_path, outcome="PASS", seconds=1.0)
    (at / name).write_bytes(content or b"\n")
    with pytest.raises(EvidenceError, match=name):
        document_again(at, judge_again(at))


def test_what_the_run_said_of_its_checks_is_not_believed(tmp_path: Path) -> None:
    folder(tmp_path, outcome="PASS", seconds=2.5)
    [again] = judge_again(tmp_path)
    assert (again.outcome, again.seconds) == (Outcome.INCONCLUSIVE, 2.5)


def test_a_run_a_case_and_what_is_neither(tmp_path: Path) -> None:
    one = folder(tmp_path, "a")
    folder(tmp_path, "b")
    assert [result.folder for result in judge_again(tmp_path)] == ["a", "b"]
    assert [result.folder for result in judge_again(one)] == ["a"]
    with pytest.raises(UsageError, match="no run folder"):
        judge_again(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no case in it"):
        judge_again(tmp_path / "empty")


def test_the_document_keeps_what_the_run_knew_of_machine_and_engine(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({"host": {"kernel": "6"}, "engine": {"version": "1"}, "scenarios": [1]}))
    document = document_again(tmp_path, judge_again(tmp_path))
    assert (document["host"], document["engine"], document["witnesses"]) == ({"kernel": "6"}, {"version": "1"}, {})
    assert [case["outcome"] for case in document["scenarios"]] == ["INCONCLUSIVE"]  # type: ignore[attr-defined]
