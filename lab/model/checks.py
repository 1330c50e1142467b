"""The ids of the checks that a scenario asks for, each with the place of its expectation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.scenario import Expect, HopExpect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.scenario import Scenario

Path = tuple[str | int, ...]


def checks_of(scenario: Scenario) -> dict[str, Path]:
    """Check id -> path of its expectation in the scenario, in the order of the file."""
    found = dict(_probe_checks(scenario))
    return found | {f"listening.{name}": ("listening", name) for name in scenario.listening}


def _probe_checks(scenario: Scenario) -> Iterator[tuple[str, Path]]:
    for name, probe in scenario.probes.items():
        at: Path = ("probes", name)
        if probe.steps:
            yield f"{name}.steps", (*at, "steps")
        for number, step in enumerate(probe.steps):
            if step.look and step.expect:
                yield from _expected(f"{name}@{step.look}", step.expect, (*at, "steps", number, "expect"))
        yield from _expected(name, probe.expect, (*at, "expect"))


def _expected(name: str, expect: Expect, at: Path) -> Iterator[tuple[str, Path]]:
    for key in (key for key in Expect.model_fields if key in expect.model_fields_set):
        yield f"{name}.{key}", (*at, key)
        if key == "route":
            yield from _hop_checks(name, expect.route or (), (*at, key))


def _hop_checks(name: str, hops: tuple[str | HopExpect, ...], at: Path) -> Iterator[tuple[str, Path]]:
    for number, hop in enumerate(hops, start=1):
        if isinstance(hop, HopExpect):
            for key in (k for k in HopExpect.model_fields if k in hop.model_fields_set and k != "to"):
                yield f"{name}.hop{number}.{key}", (*at, number - 1, key)


def twin_checks(scenario: Scenario, twin: str) -> dict[str, Path]:
    """The checks of a twin's case: one for each failure that it names, and that nothing else failed."""
    at: Path = ("twins", twin, "caught")
    return {f"twin.{check}": (*at, check) for check in scenario.twins[twin].caught} | {"twin.others": ("twins", twin)}
