"""The captures of a run once more, with what was found out as comments on their packets.

Rule: the evidence is not touched; the copies lie beside it, in `annotated/`, and can be read by whoever can read the capture
(one with secrets in it by its owner alone). Weak spot: the story is what this version of the lab reads out of the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.engine.errors import EvidenceError
from lab.model.asked import PROBE
from lab.report.comments import annotated, comments
from lab.session import tracing
from lab.session.judging import judge_again
from lab.trace.pcapng import BrokenCapture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.model.routes import Route

FOLDER = "annotated"


@dataclass(frozen=True, slots=True)
class Annotated:
    """One capture that was written."""

    path: Path
    packets: int
    """That carry a comment."""


def annotate(folder: Path) -> Iterator[Annotated]:
    """Each capture of a run folder, of one case's, or of a trace's. Raises UsageError, EvidenceError."""
    for case, routes in _told(folder):
        for file, said in sorted(comments(routes).items()):
            yield Annotated(_write(case, file, said), len(said))


def _told(folder: Path) -> Iterator[tuple[Path, tuple[Route, ...]]]:
    if tracing.is_trace(folder):
        yield folder / PROBE, tracing.told_again(folder).routes
        return
    one = (folder / "case.json").exists()
    for result in judge_again(folder):
        yield folder if one else folder / result.folder, result.routes


def _write(case: Path, file: str, said: dict[int, list[str]]) -> Path:
    source = case / file
    try:
        data = annotated(source.read_bytes(), file, said)
    except (OSError, BrokenCapture) as error:
        raise EvidenceError(f"{source} cannot be annotated: {error}") from error
    target = case / FOLDER / source.name
    half = target.with_suffix(".half")
    target.parent.mkdir(exist_ok=True)
    try:
        half.touch(mode=source.stat().st_mode & 0o777)
        half.write_bytes(data)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    return target


__all__ = ["Annotated", "annotate"]
