"""Standard output: lines for people, JSON for programs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable


HANG = 4
"""Columns by which what is broken off a line stands further in than its beginning."""


def show(lines: Iterable[Text], *, err: bool = False, hang: int = HANG) -> None:
    """Lines on standard output (or error, where standard output is a program's)."""
    console = Console(stderr=err, soft_wrap=True, color_system=None if os.environ.get("NO_COLOR") else "auto")
    for line in lines:
        for part in fitted(line, console, hang) if console.is_terminal else (line,):
            console.print(part)


def say(lines: Iterable[str], *, hang: int = HANG) -> None:
    """The same of lines without colours."""
    show((Text(line) for line in lines), hang=hang)


def fitted(line: Text, console: Console, hang: int = HANG) -> list[Text]:
    """A line as it fits on a terminal: broken between words, what is broken off further in. Elsewhere lines stay whole."""
    within = _indent(line)
    if line.cell_len <= console.width or console.width < 2 * (within + hang):
        return [line]
    first = line[within:].wrap(console, console.width - within)[0]
    rest = line[within + len(first.plain.rstrip()) :]
    others = rest[_indent(rest) :].wrap(console, console.width - within - hang)
    return [Text(" " * within).append_text(first), *(Text(" " * (within + hang)).append_text(part) for part in others)]


def _indent(line: Text) -> int:
    return len(line.plain) - len(line.plain.lstrip())


def own_name() -> str:
    """The command as it is typed here: `lab` where the shell finds this one, else the way it was called."""
    called = Path(sys.argv[0])
    found = shutil.which("lab")
    if (found and called.exists() and Path(found).samefile(called)) or called.name != "lab":
        return "lab"
    here = Path.cwd()
    return str(called.relative_to(here)) if called.is_absolute() and called.is_relative_to(here) else str(called)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_json(value: Any, path: Path) -> None:
    """One JSON document to a file, whole or not at all; `-` is standard output."""
    if str(path) == "-":
        print_json(value)
        return
    fresh = path.with_name(f".{path.name}.part")
    fresh.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
    fresh.replace(path)
