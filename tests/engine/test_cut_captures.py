"""A capture that ends inside a block: what came behind it may have been anything, so nothing is proved by its absence."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from lab.engine.errors import EvidenceError
from lab.engine.folder import read_observations
from lab.trace import trace

EVIDENCE = Path(__file__).parents[1] / "trace" / "evidence" / "no-listener.envoy.tar.xz"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    with tarfile.open(EVIDENCE) as packed:
        packed.extractall(tmp_path, filter="data")
    [inventory] = tmp_path.rglob("inventory.json")
    return inventory.parent


def cut(case: Path, size: int) -> str:
    """Cut every capture but the client's; the namespaces."""
    captures = [path for path in (case / "packets").glob("*.pcapng") if path.stem != "client"]
    for path in captures:
        path.write_bytes(path.read_bytes()[:-size])
    return " ".join(sorted(path.stem for path in captures))


def test_whole_captures_leave_no_gap_and_a_request_that_got_nowhere_was_not_dispatched(case: Path) -> None:
    seen = read_observations(case)
    assert not [gap for gap in seen.gaps if gap.witness == "packets"]
    assert [route.dispatched for route in trace(seen)] == [False] * len(trace(seen))


@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_capture_that_was_cut_is_a_gap_and_what_it_did_not_show_is_not_known(case: Path, size: int) -> None:
    namespaces = cut(case, size)
    seen = read_observations(case)
    found = [gap for gap in seen.gaps if gap.witness == "packets"]
    assert " ".join(gap.namespace for gap in found) == namespaces
    assert all("ends inside a block, at byte " in gap.why for gap in found)
    assert None in [route.dispatched for route in trace(seen)]


def test_a_capture_that_is_none_is_an_error(case: Path) -> None:
    next((case / "packets").glob("*.pcapng")).write_bytes(b"no capture" * 5)
    with pytest.raises(EvidenceError, match="no section header"):
        read_observations(case)
