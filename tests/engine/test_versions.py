"""What servers print of their versions is kept beside the checkout, also when several runs ask at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from lab.engine import versions

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CATALOGUE: Any = SimpleNamespace(servers={name: SimpleNamespace(version=("-v",)) for name in ("nginx", "node", "quiet")})
CATALOGUE.servers["quiet"].version = ()


def test_runs_side_by_side_keep_a_whole_file_and_leave_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    together = Barrier(8)

    def ask(*words: Any) -> str:
        together.wait(5)
        return f"{words[2]} 1.0"

    monkeypatch.setattr(versions, "_ask", ask)
    nothing: Any = None
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: versions.of(nothing, nothing, CATALOGUE, {"nginx": "lab/nginx:1"}, tmp_path), range(8)))
    assert told == [{"nginx": "nginx 1.0"}] * 8
    assert json.loads((tmp_path / "versions.json").read_text()) == {"lab/nginx:1": "nginx 1.0"}
    assert [path.name for path in tmp_path.iterdir()] == ["versions.json"]


def test_what_is_known_is_not_asked_again_and_what_has_no_command_never(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(versions, "_ask", lambda *words: asked.append(words[2]) or "1.0")
    nothing: Any = None
    for tags in ({"nginx": "a"}, {"nginx": "a", "node": "b", "quiet": "c"}, {"nginx": "new"}):
        versions.of(nothing, nothing, CATALOGUE, tags, tmp_path)
    assert asked == ["nginx", "node", "nginx"]
