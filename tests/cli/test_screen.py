"""Lines on a terminal are broken between words; in a pipe they stay whole, for programs read them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from lab.cli.screen import fitted

LONG = "      ▼  web · eth0 · 10.213.231.226:8443, listener 0.0.0.0:8443  · answered   sockets.jsonl:3"


def fit(text: str, width: int) -> list[str]:
    return [part.plain for part in fitted(Text(text), Console(file=io.StringIO(), width=width))]


@pytest.mark.parametrize("width", [30, 50, 79])
def test_a_long_line_is_broken_between_words_and_none_is_lost(width: int) -> None:
    parts = fit(LONG, width)
    assert all(len(part) <= width for part in parts)
    assert " ".join(parts).split() == LONG.split()
    assert [len(part) - len(part.lstrip()) for part in parts] == [6, *[10] * (len(parts) - 1)]


@pytest.mark.parametrize("width", [len(LONG), 200, 12])
def test_a_line_that_fits_or_cannot_fit_stays_whole(width: int) -> None:
    assert fit(LONG, width) == [LONG]


def test_colours_stay_with_their_words() -> None:
    line = Text.assemble("  ", ("FAIL", "red"), " ", ("a reason that is long enough to be broken", "dim"))
    first, second = fitted(line, Console(file=io.StringIO(), width=30))
    assert [span.style for span in first.spans] == ["red", "dim"]
    assert [span.style for span in second.spans] == ["dim"]
