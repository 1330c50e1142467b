"""Files of evidence: one folder a case, JSON a line.

Rule: a line is written whole and once, and is on disk when a request that caused it is answered. Weak spot: lines of
several threads are in the order of writing, not of time; each carries its own time.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path("/evidence")
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~+-]{0,200}")


@dataclass(slots=True)
class Lines:
    """An open `.jsonl` file."""

    file: BinaryIO
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def folder(root: Path, case: str) -> Path:
    """The case's folder. Raises ValueError for a name that is no plain file name."""
    if not _CASE.fullmatch(case):
        raise ValueError(
            f"case {case!r}: letters, digits, dots, dashes, plus signs and tildes, beginning with a letter or digit"
        )
    return root / case


def open_lines(path: Path) -> Lines:
    path.parent.mkdir(parents=True, exist_ok=True)
    return Lines(path.open("wb"))


def write(lines: Lines, values: list[dict[str, Any]]) -> None:
    """Append one line a value, and hand them to the operating system."""
    text = "".join(json.dumps(value, separators=(",", ":")) + "\n" for value in values)
    with lines.lock:
        lines.file.write(text.encode())
        lines.file.flush()
        lines.count += len(values)


def close(lines: Lines) -> None:
    with lines.lock:
        lines.file.close()


def files(path: Path) -> list[str]:
    """Names of all files below, relative, sorted."""
    return sorted(str(each.relative_to(path)) for each in path.rglob("*") if each.is_file())


def remove(path: Path) -> None:
    """Remove a case's folder; none is no error."""
    if path.exists():
        shutil.rmtree(path)
