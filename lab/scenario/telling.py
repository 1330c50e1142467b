"""Gathers the mistakes of a file: each once, at its place, in the order of the file.

Rule: what the scenario itself has wrong is told once, not again for each server and each twin. What is wrong only after a
change (of a twin, of a server's variant) is pointed at inside the change; if the change made something wrong that stands
outside it, at the change's key, with the line that no longer holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lab.scenario.problems import Problem, ScenarioError, Told
from lab.scenario.tree import at, span_of

if TYPE_CHECKING:
    from lab.scenario.page import Page
    from lab.scenario.tree import Node, Path, Span


MOST = 200
"""Mistakes gathered of one file; each costs up to milliseconds, for what was likely meant is looked for."""


class FullError(Exception):
    """There are so many mistakes that no more are looked for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a path of a tree."""

    path: Path
    told: Told
    key: bool = False
    """Point at the key, not at the value."""
    part: str = ""
    """What of the value to point at."""


@dataclass(frozen=True, slots=True)
class Change:
    """A patch of the file over its scenario: of a twin, or of a server."""

    path: Path
    """Of the patch in the file."""
    whole: Path
    """Of the patch and what belongs to it."""
    words: str
    """`twin passes-through`."""


@dataclass(slots=True)
class Notebook:
    """What is wrong with one file."""

    page: Page
    root: Node
    problems: dict[tuple[object, ...], Problem] = field(default_factory=dict)

    def note(self, rule: str, tree: Node, finding: Finding, changes: tuple[Change, ...] = ()) -> None:
        """Take down what is wrong with a tree that these changes made of the file."""
        span = span_of(tree, finding.path, key=finding.key)
        key = (rule, span.start, finding.part, finding.path[-1:])
        if key in self.problems:
            return
        if len(self.problems) >= MOST:
            raise FullError
        outside = changes and not any(span.within(self._span(change)) for change in changes)
        told, span, part = self._moved(finding, span, changes[-1]) if outside else (finding.told, span, finding.part)
        self.problems[key] = self.page.problem(span, told, rule, part)

    def _span(self, change: Change) -> Span:
        patch = at(self.root, change.whole)
        return patch.span if patch else self.root.span

    def _moved(self, finding: Finding, span: Span, change: Change) -> tuple[Told, Span, str]:
        told = replace(finding.told, text=f"after the change of {change.words}, line {span.line}: {finding.told.text}")
        return told, span_of(self.root, change.path, key=True), ""

    def close(self) -> None:
        """Raise `ScenarioError` if anything is wrong."""
        if self.problems:
            raise ScenarioError(tuple(sorted(self.problems.values(), key=lambda one: (one.line, one.column))))
