"""One verdict from those on all repetitions of a probe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lab.model.verdicts import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.model.verdicts import Verdict

_WORST = (Outcome.LAB_ERROR, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.BLOCKED, Outcome.UNSUPPORTED, Outcome.PASS)


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of them; values that differ are shown with the numbers of those that have them.

    Its witnesses are those that all rest on, for a pass; its evidence is that of the first with this outcome.
    """
    outcome = min((verdict.outcome for verdict in verdicts), key=_WORST.index)
    first = next(verdict for verdict in verdicts if verdict.outcome is outcome)
    shared = tuple(one for one in first.witnesses if all(one in verdict.witnesses for verdict in verdicts))
    if outcome is Outcome.PASS:
        weakest = min(verdicts, key=lambda verdict: len(verdict.witnesses))
        return replace(first, actual=_values(verdicts), witnesses=shared, why=weakest.why)
    number = verdicts.index(first) + 1
    return replace(first, actual=_values(verdicts), why=f"#{number}: {first.why}")


def _values(verdicts: Sequence[Verdict]) -> object:
    found: dict[object, list[int]] = {}
    for number, verdict in enumerate(verdicts, start=1):
        found.setdefault(verdict.actual, []).append(number)
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{value} ({spans(numbers)})" for value, numbers in found.items())


def spans(numbers: Sequence[int]) -> str:
    """`#1-4, #6`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"#{first}" if first == last else f"#{first}-{last}" for first, last in parts)


def numbered(labels: Sequence[str]) -> str:
    """`order#2`, or the first and how many more."""
    more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
    return f"{labels[0]}{more}"
