"""Standard output: lines for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.text import Text


def show(lines: Iterable[Text], *, err: bool = False) -> None:
    """Lines on standard output (or error, where standard output is a program's)."""
    console = Console(stderr=err, soft_wrap=True)
    for line in lines:
        console.print(line)


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
