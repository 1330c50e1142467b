"""What was held against what, and the outcome. Missing evidence is never a pass."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lab.model.routes import Evidence, Route  # noqa: TC001 - read at run time, when a result is read back
from lab.model.steps import StepDone  # noqa: TC001


class Outcome(StrEnum):
    PASS = "PASS"  # noqa: S105 - an outcome, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    UNSUPPORTED = "UNSUPPORTED"
    BLOCKED = "BLOCKED"
    LAB_ERROR = "LAB_ERROR"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check and its outcome."""

    id: str
    """`<probe>.<key>`, `listening.<container>`, or for a twin `twin.<name>`."""
    outcome: Outcome
    says: str
    """The check in words."""
    expected: object
    actual: object
    witnesses: tuple[str, ...] = ()
    """Independent witnesses that the outcome rests on, by name."""
    evidence: tuple[Evidence, ...] = ()
    why: str = ""
    """For anything but PASS: the reason in one or two sentences, with the next move if there is one."""
    lead: int = 0
    """How many of `evidence`, from the first, the value was read from; 0: it rests on all of it."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case judged."""

    case: str
    scenario: str
    title: str
    claims: tuple[str, ...]
    outcome: Outcome
    seconds: float
    verdicts: tuple[Verdict, ...]
    routes: tuple[Route, ...]
    file: str = ""
    """The scenario file, and the line on which each check's expectation stands."""
    lines: tuple[tuple[str, int], ...] = ()
    error: str = ""
    """For LAB_ERROR: what happened, where, and the next move."""
    folder: str = ""
    """The case's folder inside the run folder."""
    steps: tuple[StepDone, ...] = ()
    """What came of the steps of staged probes."""
