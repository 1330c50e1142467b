"""What could not be seen is said, and where all was seen nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.engine.codec import to_json
from lab.model.observations import Gap
from lab.session.unseen import unseen

if TYPE_CHECKING:
    from pathlib import Path

HERE = {"local": True, "rootless": False}
GOOD: dict[str, Any] = {"packets": {"available": True, "how": "AF_PACKET", "why": ""}}


def said(folder: Path, witnesses: dict[str, Any] | None = None, gaps: tuple[Gap, ...] = (), **engine: bool) -> str:
    (folder / "gaps.json").write_bytes(to_json(gaps, tuple[Gap, ...]))
    return "\n".join(unseen(folder, GOOD if witnesses is None else witnesses, {**HERE, **engine}))


def test_where_all_was_seen_nothing_is_said(tmp_path: Path) -> None:
    assert said(tmp_path) == ""


def test_a_witness_that_is_refused_is_named_with_what_would_allow_it(tmp_path: Path) -> None:
    refused = {"kernel": {"available": False, "how": "tracefs, strace", "why": "tracefs: not permitted"}}
    text = said(tmp_path, refused, (Gap("kernel", "", "tracefs: not permitted"),))
    assert text.count("tracefs: not permitted") == 1, "once, though the gaps have it too"
    assert "what would allow it: tracefs with" in text


def test_a_witness_that_stands_in_for_a_better_one_says_so(tmp_path: Path) -> None:
    text = said(tmp_path, {"kernel": {"available": True, "how": "strace: calls", "why": "tracefs: not permitted"}})
    assert text.startswith("kernel, as well as it can be: tracefs: not permitted; in its place strace")


def test_an_engine_elsewhere_and_a_rootless_one_are_named(tmp_path: Path) -> None:
    assert "`localhost` and --from host are that one" in said(tmp_path, local=False)
    assert "the engine is rootless" in said(tmp_path, rootless=True)


def test_what_was_lost_is_named_with_its_place(tmp_path: Path) -> None:
    assert said(tmp_path, gaps=(Gap("packets", "web", "7 packets were lost"),)) == "packets of web: 7 packets were lost"
