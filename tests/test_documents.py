"""What the documents tell to type exists: commands, their options, make's targets, the paths that are named, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command

from lab.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "scenarios/README.md"])
WRITTEN_BY_THE_READER = {"scenarios/shop-orders.yaml"}
PATH = re.compile(r"(\.ci|lab|tests|images|scenarios|docs|compose)/[\w./-]+")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def told(text: str) -> list[str]:
    """What stands as code: between backticks, or indented by four."""
    return re.findall(r"`([^`\n]+)`", text) + [line.strip() for line in re.findall(r"^ {4}(.+)$", text, re.MULTILINE)]


def wrong(text: str) -> Iterator[str]:
    """What a reader would type in vain."""
    for code in told(text):
        if command := re.match(r"(?:\.venv/bin/)?lab ([a-z]+)([^#]*)", code):
            yield from _wrong_command(command[1], command[2].split())
        elif (target := re.match(r"make ([a-z]+)", code)) and target[1] not in TARGETS:
            yield f"make {target[1]}"
        elif (
            re.fullmatch(r"(\.ci|lab|tests|images|scenarios|docs|compose)/[\w./-]+", code) and code not in WRITTEN_BY_THE_READER
        ):
            yield from () if (ROOT / code).exists() else (code,)


def _wrong_command(name: str, words: list[str]) -> Iterator[str]:
    if name not in COMMANDS:
        yield f"lab {name}"
        return
    known = {option for parameter in COMMANDS[name].params for option in (*parameter.opts, *parameter.secondary_opts)}
    yield from (f"lab {name} {word}" for word in words if word.startswith("-") and word not in known | {"--help"})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_told_to_type_is_there(document: Path) -> None:
    assert list(wrong(document.read_text("utf-8"))) == []


def test_what_is_not_there_is_found() -> None:
    text = "`lab fly`, `lab run --fast`, `make tea`, `tests/nowhere.py`\n\n    .venv/bin/lab judge --slow x # so --this may\n"
    assert list(wrong(text)) == ["lab fly", "lab run --fast", "make tea", "tests/nowhere.py", "lab judge --slow"]
    assert list(wrong("`lab run --no-twins`, `make check`, `lab-result/1`, `tests/foreign`")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target
