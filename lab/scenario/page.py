"""A file's text as lines, and mistakes made out of places in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from lab.scenario.problems import Problem, Told
from lab.scenario.tree import Span

_BREAK = re.compile(r"\r\n|\r|\n")
"""YAML 1.2.2, section 5.4. The others that Unicode knows are refused in `reading`."""


@dataclass(frozen=True, slots=True)
class Page:
    """A file, ready to be pointed into."""

    file: str
    text: str
    starts: tuple[int, ...]
    """Characters before each line."""

    def span(self, start: int, end: int) -> Span:
        """The place from one character to another."""
        line = bisect_right(self.starts, start)
        return Span(start, end, line, start - self.starts[line - 1] + 1)

    def problem(self, span: Span, told: Told, rule: str, part: str = "") -> Problem:
        """A mistake at a place; `part`: what of the value to underline."""
        line, column = span.line, span.column
        source = _BREAK.split(self.text[self.starts[line - 1] : self._end(line)])[0]
        width = min(span.end - span.start, len(source) - column + 1)
        if part and (found := source.find(part, column - 1, column - 1 + max(width, 1))) >= 0:
            column, width = found + 1, len(part)
        return Problem(self.file, line, column, told.text, source, max(1, width), told.allowed, told.intention, rule)

    def _end(self, line: int) -> int:
        return self.starts[line] if line < len(self.starts) else len(self.text)


def page(file: str, text: str) -> Page:
    """The lines of a text."""
    return Page(file, text, (0, *(found.end() for found in _BREAK.finditer(text))))
