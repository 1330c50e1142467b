"""What the engine itself writes down while probes are sent: the clients' reports, and what came of each step.

Rule: a line is written when the thing has happened, and is on disk before the next begins.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lab.model.steps import StepDone


@dataclass(frozen=True, slots=True)
class Journal:
    """Two files of a case's folder."""

    reports: IO[str]
    """`client.jsonl`."""
    steps: IO[str]
    """`steps.jsonl`."""

    def report(self, report: Mapping[str, Any]) -> None:
        """A client's report."""
        _write(self.reports, report)

    def step(self, done: StepDone) -> None:
        """What came of a step; its line is its place in the file."""
        _write(self.steps, {name: value for name, value in asdict(done).items() if name != "line"})


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    """The journal of a case, to be written from its beginning."""
    clients, taken = folder / "client.jsonl", folder / "steps.jsonl"
    with clients.open("w", encoding="utf-8") as reports, taken.open("w", encoding="utf-8") as steps:
        yield Journal(reports, steps)


def _write(file: IO[str], value: Mapping[str, Any]) -> None:
    file.write(json.dumps(value) + "\n")
    file.flush()
