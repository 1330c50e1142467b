"""Mistakes in a scenario file, told so that the person can mend them: place, text underlined, what is allowed."""

from __future__ import annotations

from dataclasses import dataclass


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

    def render(self) -> str:
        """`file:line:column: text`, then the line with the value underlined."""
        head = f"{self.file}:{self.line}:{self.column}: {self.text}"
        if not self.source:
            return head
        return f"{head}\n    {self.source}\n    {' ' * (self.column - 1)}{'^' * max(1, self.width)}"


class ScenarioError(Exception):
    """All mistakes found in a scenario file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Take the problems, in the order of the file."""
        super().__init__(f"{len(problems)} mistakes")
        self.problems = problems

    def render(self) -> str:
        """All of them, as a person reads them."""
        count = f"{len(self.problems)} mistake{'s' if len(self.problems) > 1 else ''}"
        return "\n".join([*(problem.render() for problem in self.problems), count])
