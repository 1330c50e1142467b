"""Standard output: lines for people, JSON for programs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.text import Text


def show(lines: Iterable[Text], *, err: bool = False) -> None:
    """Lines on standard output (or error, where standard output is a program's)."""
    console = Console(stderr=err, soft_wrap=True, color_system=None if os.environ.get("NO_COLOR") else "auto")
    for line in lines:
        console.print(line)


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
