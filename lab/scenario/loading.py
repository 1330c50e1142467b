"""From a file's text to its cases, or to all its mistakes.

A text is read once; its choices of servers and its twins are made by merging trees, so that every value knows its place;
each case is validated and checked for meaning. Rule: what is wrong in form is told and taken out, so that the rest is still
checked for meaning; rules that would be misled by what is missing are not asked.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.model.checks import checks_of, twin_checks
from lab.model.scenario import Case
from lab.scenario import wording
from lab.scenario.expanding import Made, chosen, count, most, twins
from lab.scenario.files import usable
from lab.scenario.form import KEY, MISSING, UNKNOWN, VALUE, Formed, form
from lab.scenario.meaning import FILE_RULES, RULES, View
from lab.scenario.problems import Told
from lab.scenario.reading import read
from lab.scenario.telling import Finding, FullError, Notebook
from lab.scenario.tree import Scalar, every, span_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.model.catalogue import Catalogue
    from lab.scenario.meaning import Rule
    from lab.scenario.tree import Node, Path

_WORDS = {
    UNKNOWN: wording.unknown_key,
    MISSING: wording.missing_key,
    KEY: wording.wrong_key,
    VALUE: wording.wrong_value,
}


def siblings_of(text: str, file: str) -> tuple[str, ...]:
    """Paths of the files beside the scenario that it names, those that lead out of its folder excepted.

    Raises `ScenarioError` if the file cannot be read at all.
    """
    _, root = read(text, file)
    named = [node.value for path, node in every(root) if path[-1:] in (("config",), ("source",)) and isinstance(node, Scalar)]
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str) and usable(name)))


def load(text: str, file: str, catalogue: Catalogue, siblings: Mapping[str, bytes]) -> tuple[Case, ...]:
    """The cases of a scenario file: for each choice of servers the case itself, then its twins.

    `siblings`: content of the files beside it. Raises `ScenarioError` with every mistake, in the order of the file.
    """
    page, root = read(text, file)
    loader = _Loader(file, Notebook(page, root), catalogue, siblings)
    cases: tuple[Case, ...] = ()
    with suppress(FullError):
        cases = tuple(loader.cases())
    loader.book.close()
    return cases


@dataclass(frozen=True, slots=True)
class _Loader:
    file: str
    book: Notebook
    catalogue: Catalogue
    siblings: Mapping[str, bytes]

    def cases(self) -> Iterator[Case]:
        """All cases that can be made; mistakes go to the notebook."""
        made = Made("", self.book.root, ())
        whole = self._formed(made)
        view = self._view(whole, None, made)
        if view is None:
            return
        self._hold(FILE_RULES, view, whole.removed, made)
        if (number := count(whole.tree)) > (allowed := most(self.book.page.text)):
            told = Told(f"this file makes {number} cases", f"{allowed} at most, of a file of this size")
            self.book.note("cases", whole.tree, Finding(("id",), told))
            return
        for choice in chosen(whole.tree):
            yield from self._case(choice, whole.removed)

    def _case(self, made: Made, removed: tuple[Path, ...]) -> Iterator[Case]:
        formed = self._formed(made)
        base = self._view(formed, None, made)
        if base is None:
            return
        removed = (*removed, *formed.removed)
        self._hold(RULES, base, removed, made)
        whole = base.scenario
        yield Case(f"{whole.id}{made.suffix}", whole, None, self.file, _lines(base.tree, checks_of(whole)))
        for twin in twins(Made(made.suffix, formed.tree, made.changes)):
            yield from self._twin(twin, base, removed)

    def _twin(self, made: Made, base: View, removed: tuple[Path, ...]) -> Iterator[Case]:
        formed = self._formed(made)
        view = self._view(formed, base, made)
        if view is None:
            return
        rules = tuple(rule for rule in RULES if rule.twins)
        self._hold(rules, view, (*removed, *formed.removed), made)
        lines = _lines(base.tree, twin_checks(base.scenario, view.twin))
        yield Case(f"{base.scenario.id}{made.suffix}", view.scenario, view.twin, self.file, lines)

    def _formed(self, made: Made) -> Formed:
        formed = form(made.tree)
        for fault in formed.faults:
            told = _WORDS[fault.rule](made.tree, fault.path)
            finding = Finding(fault.path, told, key=fault.rule in (UNKNOWN, KEY))
            self.book.note(fault.rule, made.tree, finding, made.changes)
        return formed

    def _view(self, formed: Formed, base: View | None, made: Made) -> View | None:
        if formed.scenario is None:
            return None
        return View(self.file, formed.tree, formed.scenario, self.catalogue, self.siblings, base, made.twin or "")

    def _hold(self, rules: tuple[Rule, ...], view: View, removed: tuple[Path, ...], made: Made) -> None:
        """Ask the rules, and take down what does not hold."""
        gone = {path[0] for path in removed}
        for rule in rules:
            if gone.intersection(rule.reads):
                continue
            for finding in rule.check(view) if rule.running or not view.running else ():
                if not any(_related(finding.path, path) for path in removed):
                    self.book.note(rule.id, view.tree, finding, made.changes)


def _related(one: Path, other: Path) -> bool:
    """Whether one place lies at, in or above the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _lines(tree: Node, checks: Mapping[str, Path]) -> tuple[tuple[str, int], ...]:
    return tuple((check, span_of(tree, path, key=True).line) for check, path in checks.items())
