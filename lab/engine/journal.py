"""What the engine itself writes down while probes are sent: the clients' reports, and what came of each step.

Rule: secrets are written beside the reports and never into them. A line is written when the thing has happened, and is on disk
before the next begins.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lab.model.steps import StepDone


CLIENT_KEYS = "client.keys"
"""Secrets of the clients' TLS sessions, in the NSS key log's format."""


@dataclass(frozen=True, slots=True)
class Journal:
    """Two files of a case's folder."""

    reports: IO[str]
    """`client.jsonl`."""
    steps: IO[str]
    """`steps.jsonl`."""
    keys: IO[str]
    """`client.keys`, which its owner alone may read."""

    def report(self, report: Mapping[str, Any]) -> None:
        """A client's report, and apart from it the secrets of its TLS sessions."""
        _write(self.reports, {name: value for name, value in report.items() if name != "keys"})
        self.keys.write(str(report.get("keys", "")))
        self.keys.flush()

    def step(self, done: StepDone) -> None:
        """What came of a step; its line is its place in the file."""
        _write(self.steps, {name: value for name, value in asdict(done).items() if name != "line"})


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    """The journal of a case, to be written from its beginning."""
    clients, taken = folder / "client.jsonl", folder / "steps.jsonl"
    with (
        clients.open("w", encoding="utf-8") as reports,
        taken.open("w", encoding="utf-8") as steps,
        private(folder / CLIENT_KEYS) as keys,
    ):
        yield Journal(reports, steps, keys)


def private(path: Path) -> IO[str]:
    """A new text file that its owner alone may read, whatever stood there before."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")


def keep(folder: Path, report: Mapping[str, Any]) -> None:
    """One report more in a folder that is no case of a run."""
    with (folder / "client.jsonl").open("a", encoding="utf-8") as reports:
        _write(reports, {name: value for name, value in report.items() if name != "keys"})
    descriptor = os.open(folder / CLIENT_KEYS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as keys:
        keys.write(str(report.get("keys", "")))


def _write(file: IO[str], value: Mapping[str, Any]) -> None:
    file.write(json.dumps(value) + "\n")
    file.flush()
