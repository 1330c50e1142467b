"""Mistakes in a scenario file, told so that the person can mend them: place, text underlined, what is allowed, and what
was likely meant.

Rule: a line of a file is shown as data; characters that would move the cursor or turn the text round are replaced. Weak
spot: the underline is as wide as a terminal of its own counts characters, which differs for some emoji.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

SHOWN = 50
"""Mistakes told of one file; after these a person mends first."""

_BEFORE, _AFTER = 60, 100
"""Characters of a long line shown before and after the place."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is wrong, in words; where, is another matter."""

    text: str
    allowed: str = ""
    """What may stand there."""
    intention: str = ""
    """What was likely meant, or the next move."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    file: str
    line: int
    """From 1; 0 when it belongs to no line."""
    column: int
    """From 1."""
    text: str
    source: str = ""
    """The line of the file."""
    width: int = 1
    """Characters to underline."""
    allowed: str = ""
    """What may stand there."""
    intention: str = ""
    """What was likely meant, or the next move."""
    rule: str = ""
    """Which rule it breaks, for programs and tests."""

    def render(self) -> str:
        """`file:line:column: text`, the line with the value underlined, what was likely meant, what is allowed."""
        lines = [shown(f"{self.file}:{self.line}:{self.column}: {self.text}")]
        if self.source:
            lines += [f"    {line}" for line in _underlined(self.source, self.column - 1, self.width)]
        lines += [f"    {shown(self.intention)}"] if self.intention else []
        lines += [f"    allowed: {shown(self.allowed)}"] if self.allowed else []
        return "\n".join(lines)


class ScenarioError(Exception):
    """All mistakes found in scenario files."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Take the problems, in the order of the file."""
        super().__init__(_count(len(problems)))
        self.problems = problems

    def render(self) -> str:
        """Render all of them, as a person reads them."""
        told = [problem.render() for problem in self.problems[:SHOWN]]
        more = len(self.problems) - len(told)
        count = _count(len(self.problems)) + (f" or more, the first {len(told)} shown" if more else "")
        return "\n".join([*told, count])


def _count(number: int) -> str:
    return f"{number} mistake{'' if number == 1 else 's'}"


def short(text: str) -> str:
    """Text that does not fill the screen."""
    return text if len(text) <= 60 else f"{text[:57]}…"


def shown(text: str) -> str:
    """Text that does nothing to a terminal: one visible character for each that would."""
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char == "\t":
        return " "
    if ord(char) < 0x20:
        return chr(0x2400 + ord(char))  # Unicode's pictures of control characters
    return "\ufffd" if unicodedata.category(char) in _UNSEEN else char


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _underlined(source: str, start: int, width: int) -> tuple[str, str]:
    first, last = max(0, start - _BEFORE), start + _AFTER
    if first <= 2:
        first = 0
    line = ("…" if first else "") + shown(source[first:last]) + ("…" if last < len(source) else "")
    before = ("…" if first else "") + shown(source[first:start])
    under = shown(source[start : min(start + width, last)])
    return line, " " * _cells(before) + "^" * max(1, _cells(under))


def _cells(text: str) -> int:
    """Columns of a terminal that text takes (UAX 11: wide characters take two, combining ones none)."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
