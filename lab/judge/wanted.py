"""An expectation: in the words in which a finding of its kind is told, and as a question to the finding.

Rule: a table by key; what is not in it is equal or is not. Weak spot: `answer` and `diagnosis` ask for a part of a text,
so a short part is soon found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.judge.findings import ARROW, NOWHERE
from lab.model.scenario import HopExpect, Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from lab.model.routes import Stage

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """One expectation."""

    shown: object
    """What a report prints as expected."""
    holds: Callable[[Any], bool]
    """Whether a finding's value is what was expected."""

    @property
    def spoken(self) -> object:
        """Within a sentence."""
        return {True: "yes", False: "no"}[self.shown] if isinstance(self.shown, bool) else self.shown


def wanted(key: str, value: Any) -> Wanted:
    """The expectation that a scenario states under this key."""
    if isinstance(value, Range):
        return Wanted(range_words(value), lambda found: inside(value, found))
    make = _KINDS.get(key)
    return make(value) if make else equal(value if isinstance(value, (bool, int)) else str(value))


def equal(value: Value) -> Wanted:
    """Just this value."""
    return Wanted(value, lambda found: bool(found == value))


def _part(text: str) -> Wanted:
    return Wanted(f"…{text}…", lambda found: text in str(found))


def _order(events: tuple[str, ...]) -> Wanted:
    return Wanted(ARROW.join(events), lambda found: _follow(events, str(found).split(ARROW)))


def _follow(wanted_events: Iterable[str], seen: Iterable[str]) -> bool:
    """Whether each begins an event that comes after the one before it."""
    left = iter(seen)
    return all(any(event.startswith(each) for event in left) for each in wanted_events)


def range_words(value: int | Range) -> str:
    """`3`, `at least 1`, `at most 5`, `1 to 5`."""
    if isinstance(value, int):
        return str(value)
    if value.at_most is None:
        return f"at least {value.at_least}"
    return f"{value.at_least} to {value.at_most}" if value.at_least else f"at most {value.at_most}"


def inside(value: int | Range, found: int) -> bool:
    """Whether a count is the one expected, or in the range."""
    if isinstance(value, int):
        return found == value
    return value.at_least <= found and (value.at_most is None or found <= value.at_most)


def tally_words(value: Mapping[Stage, int | Range]) -> str:
    """`answered: at least 1, readable: 2`."""
    return ", ".join(f"{stage}: {range_words(count)}" for stage, count in value.items())


def tally_holds(value: Mapping[Stage, int | Range], found: Mapping[str, int]) -> bool:
    """Every stage as often as it may; none that is not named."""
    named = {str(stage) for stage in value}
    return set(found) <= named and all(inside(count, found.get(str(stage), 0)) for stage, count in value.items())


_KINDS: Mapping[str, Callable[[Any], Wanted]] = {
    "route": lambda hops: equal(ARROW.join(hop.to if isinstance(hop, HopExpect) else hop for hop in hops)),
    "tls_ends_at": lambda names: equal(ARROW.join(names) or NOWHERE),
    "clear_on": lambda hops: equal(", ".join(map(str, hops)) or "none"),
    "by_stream": lambda stages: equal(", ".join(sorted(f"{name}: {stage}" for name, stage in stages.items()))),
    "answer": _part,
    "diagnosis": _part,
    "order": _order,
}
