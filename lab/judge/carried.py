"""Whether a staged probe was carried out as its steps say, and what that means for the checks behind a step that was not.

Rule: what a step waited for and did not see is a finding of its own, told with what was seen instead. A check behind such a
step can fail, but not pass: it was not made at the moment that the scenario means. A look at what was still moving is no
moment, so nothing passes there either.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lab.model.routes import Evidence, Witness
from lab.model.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.model.scenario import Probe
    from lab.model.steps import StepDone

STEPS = "steps"
"""The check's name: `<probe>.steps`."""

_SEEN_BY: Mapping[str, Witness] = {
    "signal": Witness.PROCESSES,
    "pause": Witness.PROCESSES,
    "link": Witness.KERNEL,
    "await": Witness.SOCKETS,
    "look": Witness.SOCKETS,
}
"""Kind of a step -> who saw that it was done; the client for all others."""

_WAITS = ("await", "send", "look", "fill", "signal")
"""Kinds that may have something to wait for."""


def steps_check(name: str, probe: Probe, done: Sequence[StepDone]) -> Verdict:
    """That all steps came to pass, or the first that did not."""
    wanted = len(probe.steps) * probe.repeat
    expected = f"all {wanted} steps"
    says = f"{name}: {'its step comes' if wanted == 1 else expected + ' come'} to pass"
    bad = [one for one in done if not one.came]
    cited = tuple(cite(one) for one in bad or done if one.do in _WAITS or not one.came) or tuple(map(cite, done))
    witnesses = tuple(dict.fromkeys(str(one.witness) for one in cited))
    if bad:
        outcome = Outcome.FAIL if any(not one.look for one in bad) else Outcome.INCONCLUSIVE
        told = "; ".join(told_of(one, probe.repeat > 1) for one in bad)
        return Verdict(f"{name}.{STEPS}", outcome, says, expected, told, witnesses, cited, told)
    if len(done) < wanted:
        why = f"{len(done)} of {wanted} steps left a record"
        return Verdict(f"{name}.{STEPS}", Outcome.INCONCLUSIVE, says, expected, why, witnesses, cited, why)
    return Verdict(f"{name}.{STEPS}", Outcome.PASS, says, expected, expected, witnesses, cited)


def told_of(step: StepDone, named: bool = False) -> str:
    """A step that did not come to pass, in words."""
    of = f" of {step.probe}" if named else ""
    if step.look:
        return f"step {step.number}{of} ({step.words}) is no moment: {step.why}"
    return f"step {step.number}{of} ({step.words}) did not come to pass: {step.why or 'it was not seen'}"


def cite(step: StepDone) -> Evidence:
    """The step's line."""
    milliseconds = (step.ended_ns - step.begun_ns) / 1e6
    came = "came to pass" if step.came else "did not come to pass"
    why = f": {step.why}" if step.why else ""
    says = f"step {step.number} of {step.probe}, {step.words}: {came} after {milliseconds:.1f} ms{why}"
    return Evidence(_SEEN_BY.get(step.do, Witness.CLIENT), f"steps.jsonl:{step.line}", says)


def broken_before(done: Sequence[StepDone], label: str, look: str) -> StepDone | None:
    """The first step of this probe up to the look (none: to its end) that did not come to pass."""
    own = [one for one in done if one.probe == label]
    upto = next((one.number for one in own if one.look == look), None) if look else None
    return next((one for one in own if not one.came and (upto is None or one.number <= upto)), None)


def held_back(verdict: Verdict, broken: StepDone | None, look: str) -> Verdict:
    """The verdict, as far as it stands behind a step that did not come to pass."""
    if broken is None or verdict.outcome not in (Outcome.PASS, Outcome.FAIL):
        return verdict
    why = told_of(broken)
    if verdict.outcome is Outcome.FAIL:
        return replace(verdict, why=f"{verdict.why}; {why}")
    own = broken.look and broken.look == look
    return replace(verdict, outcome=Outcome.INCONCLUSIVE if own else Outcome.BLOCKED, why=why)
