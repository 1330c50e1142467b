"""Captures with comments: beside the evidence, which stays as it was, and for the eyes of whoever may read it."""

from __future__ import annotations

import json
import shutil
import tarfile
from hashlib import sha256
from pathlib import Path
from stat import S_IMODE

import pytest

from lab.engine.codec import to_json
from lab.engine.errors import EvidenceError
from lab.engine.folder import packets, read_observations
from lab.model.asked import Asked
from lab.model.scenario import Case, Scenario
from lab.session.annotating import annotate
from lab.session.jobs import UsageError

EVIDENCE = Path(__file__).parents[1] / "trace" / "evidence" / "tls-ends-in-proxy.nginx.tar.xz"
SCENARIO = {
    "id": "s", "title": "t", "claims": [],
    "containers": {"app": {"server": "app", "listen": [{"on": "0.0.0.0:8080"}]}},
    "probes": {"order": {"request": {"url": "http://app:8080/"}, "expect": {"status": 200}}},
}  # fmt: skip
CASE = Case("s", Scenario.model_validate_json(json.dumps(SCENARIO)), None, "scenarios/s.yaml", ())


@pytest.fixture
def case(tmp_path: Path) -> Path:
    with tarfile.open(EVIDENCE) as packed:
        packed.extractall(tmp_path / "run", filter="data")
    [found] = {path.parent for path in (tmp_path / "run").rglob("inventory.json")}
    (found / "case.json").write_bytes(to_json(CASE, Case))
    return found


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "annotated"
    }


def test_captures_with_comments_lie_beside_the_evidence_which_stays_as_it_was(case: Path) -> None:
    before, seen = hashes(case), read_observations(case)
    written = list(annotate(case))
    assert [(one.path.parent.name, one.path.stem) for one in written] == [("annotated", "client"), ("annotated", "web")]
    assert all(one.packets > 5 for one in written)
    assert hashes(case) == before
    shutil.rmtree(case / "packets")
    (case / "annotated").rename(case / "packets")
    assert tuple(packets(case)) == seen.packets


def test_a_run_s_cases_are_all_annotated(case: Path) -> None:
    run = case.parent
    shutil.copytree(case, run / "another")
    assert {one.path.parents[1].name for one in annotate(run)} == {case.name, "another"}


def test_a_trace_s_folder_is_annotated(case: Path) -> None:
    run = case.parent
    (case / "case.json").unlink()
    case.rename(run / "trace")
    (run / "trace" / "asked.json").write_bytes(
        to_json(Asked(("shop.example", 8443), url="https://shop.example:8443/orders"), Asked)
    )
    assert [one.path.name for one in annotate(run)] == ["client.pcapng", "web.pcapng"]


def test_who_may_not_read_a_capture_may_not_read_the_copy(case: Path) -> None:
    (case / "packets" / "client.pcapng").chmod(0o600)
    (case / "packets" / "web.pcapng").chmod(0o644)
    modes = {one.path.name: S_IMODE(one.path.stat().st_mode) for one in annotate(case)}
    assert modes == {"client.pcapng": 0o600, "web.pcapng": 0o644}


def test_a_broken_capture_and_no_run_are_told_and_leave_nothing(case: Path) -> None:
    capture = case / "packets" / "web.pcapng"
    capture.write_bytes(b"no capture" * 3)
    with pytest.raises(EvidenceError, match=r"web\.pcapng"):
        list(annotate(case))
    assert not (case / "annotated").exists()
    with pytest.raises(UsageError, match="no run folder"):
        list(annotate(case / "absent"))
