"""What a person sees of each kind of mistake, to the letter. `pytest tests/scenario --snapshot-update` writes the texts anew;
read them before they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.scenario import ScenarioError, decode, load, siblings_of
from tests.scenario.shop import CATALOGUE

FAILED = Path(__file__).parent / "failed"
FILES = sorted(FAILED.glob("*.yaml"))


def told(path: Path) -> str:
    """All that is said of a file."""
    try:
        text = decode(path.read_bytes(), path.name)
        siblings_of(text, path.name)
        load(text, path.name, CATALOGUE, {})
    except ScenarioError as error:
        return error.render() + "\n"
    return "no mistakes\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mistake_is_told_as_it_was(path: Path, request: pytest.FixtureRequest) -> None:
    golden = path.with_suffix(".txt")
    if request.config.getoption("update_snapshots"):
        golden.write_text(told(path), "utf-8")
    assert told(path) == golden.read_text("utf-8")
    assert told(path) != "no mistakes\n"


def test_every_text_has_its_file() -> None:
    assert [path.stem for path in sorted(FAILED.glob("*.txt"))] == [path.stem for path in FILES]
