"""All checks of a probe: at its end, at each look of a staged one, over all repetitions of a repeated one.

Rule: a key holds for a repeated probe if it holds for each; what differs is shown with its numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.judge.carried import broken_before, held_back, steps_check
from lab.judge.finding import Finding
from lab.judge.findings import READERS, hop_finding, listed, says_of
from lab.judge.repeated import numbered, together
from lab.judge.verdict import decide
from lab.judge.wanted import Wanted, equal, tally_holds, tally_words, wanted
from lab.model.scenario import Expect, HopExpect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lab.model.routes import Evidence, Route
    from lab.model.scenario import Probe
    from lab.model.steps import StepDone
    from lab.model.verdicts import Verdict

TALLY = "tally"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a probe is judged: at its end, or at a look."""

    probe: str
    look: str
    labels: tuple[str, ...]
    """The probe's id, or one for each repetition."""

    @property
    def id(self) -> str:
        """As its checks begin."""
        return f"{self.probe}@{self.look}" if self.look else self.probe


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of all probes."""

    routes: Mapping[tuple[str, str], Route]
    """(label, moment) -> route."""
    steps: Sequence[StepDone]


def checks(name: str, probe: Probe, found: Found) -> Iterator[Verdict]:
    """All verdicts on a probe, in the order of the file: its steps, its looks, its end."""
    labels = tuple(f"{name}#{number}" for number in range(1, probe.repeat + 1)) if probe.repeat > 1 else (name,)
    if probe.steps:
        yield steps_check(name, probe, [one for one in found.steps if one.probe in labels])
    for step in probe.steps:
        if step.look and step.expect:
            yield from _expected(Place(name, step.look, labels), step.expect, found)
    yield from _expected(Place(name, "", labels), probe.expect, found)


def _expected(place: Place, expect: Expect, found: Found) -> Iterator[Verdict]:
    for key in (key for key in Expect.model_fields if key in expect.model_fields_set):
        asked = getattr(expect, key)
        if key == TALLY:
            yield _tally(place, asked, found)
            continue
        want = wanted(key, asked)
        says = f"{place.id}: {says_of(key, want.spoken)}"
        yield _each(place, found, f"{place.id}.{key}", says, want, READERS[key])
        if key == "route":
            yield from _hops(place, asked, found)


def _hops(place: Place, hops: Sequence[str | HopExpect], found: Found) -> Iterator[Verdict]:
    for number, hop in enumerate(hops, start=1):
        if not isinstance(hop, HopExpect):
            continue
        for key in (k for k in HopExpect.model_fields if k in hop.model_fields_set and k != "to"):
            want = equal(str(listed(getattr(hop, key))))
            says = f"{place.id}: {key} of hop {number} is {want.spoken}"
            read = _hop_reader(number, key)
            yield _each(place, found, f"{place.id}.hop{number}.{key}", says, want, read)


def _hop_reader(number: int, key: str) -> Callable[[Route], Finding]:
    return lambda route: hop_finding(route, number, key)


def _each(  # noqa: PLR0913, PLR0917 - one check, whole
    place: Place, found: Found, check: str, says: str, want: Wanted, read: Callable[[Route], Finding]
) -> Verdict:
    """One check over all repetitions."""
    verdicts = []
    for label in place.labels:
        route = found.routes.get((label, place.look))
        finding = read(route) if route else _never(label, place.look)
        verdict = decide(check, says, want, finding, route.contradictions if route else ())
        verdicts.append(held_back(verdict, broken_before(found.steps, label, place.look), place.look))
    return verdicts[0] if len(verdicts) == 1 else together(verdicts)


def _never(label: str, look: str) -> Finding:
    if look:
        return Finding(None, (), f"probe {label} left no report at the look {look}")
    return Finding(None, (), f"probe {label} left no report: it was never sent")


def _tally(place: Place, asked: Mapping[object, object], found: Found) -> Verdict:
    """How many got how far."""
    routes = {label: found.routes.get((label, place.look)) for label in place.labels}
    counted = Counter(str(route.stage) for route in routes.values() if route)
    want = Wanted(tally_words(asked), lambda _: tally_holds(asked, counted))  # type: ignore[arg-type]
    value = ", ".join(f"{stage}: {count}" for stage, count in sorted(counted.items()))
    missing = [label for label, route in routes.items() if route is None]
    finding = Finding(value, tuple(_of_each(routes.values())))
    if missing:
        finding = Finding(None, (), f"{numbered(missing)} left no report")
    against = tuple(c for route in routes.values() if route for c in route.contradictions)
    return decide(f"{place.id}.{TALLY}", f"{place.id}: so many get so far: {want.spoken}", want, finding, against)


def _of_each(routes: object) -> Iterator[Evidence]:
    """For each stage that occurs, the evidence of the first that got so far."""
    told: set[str] = set()
    for route in routes:  # type: ignore[attr-defined]
        if route and str(route.stage) not in told:
            told.add(str(route.stage))
            yield from READERS["stage"](route).evidence
