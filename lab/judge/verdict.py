"""From expectation and finding to a verdict. Wall 3 stands here and nowhere else: no evidence, no pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Witness
from lab.model.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.judge.finding import Finding
    from lab.judge.wanted import Wanted
    from lab.model.routes import Contradiction, Evidence

SINGLE = "single witness"

_OWN_WORD = frozenset({Witness.LOGS, Witness.APPLICATION})
"""What a server says of itself is agreement or lie, never enough alone."""


SHOWN = 300
"""Characters of a long value that a verdict shows."""


def decide(check: str, says: str, want: Wanted, found: Finding, against: tuple[Contradiction, ...]) -> Verdict:
    """The verdict on one check.

    INCONCLUSIVE if witnesses contradict each other, if the value could not be told, if nothing was cited, or if only the
    server's own word stands for it; else PASS or FAIL by comparison.
    """
    witnesses = independent(found.lead or found.evidence)
    outcome, why = _outcome(want, found, against, witnesses)
    lead = tuple(dict.fromkeys(found.lead))
    evidence = tuple(dict.fromkeys((*lead, *found.evidence)))
    return Verdict(check, outcome, says, want.shown, _short(found.value), witnesses, evidence, why, len(lead))


def _short(value: object) -> object:
    return f"{value[:SHOWN]}…" if isinstance(value, str) and len(value) > SHOWN else value


def _outcome(
    want: Wanted, found: Finding, against: tuple[Contradiction, ...], witnesses: tuple[str, ...]
) -> tuple[Outcome, str]:
    if against:
        return Outcome.INCONCLUSIVE, contradiction_words(against)
    if found.value is None:
        return Outcome.INCONCLUSIVE, found.unknown or "no witness could tell"
    if not witnesses:
        return Outcome.INCONCLUSIVE, "no observation stands behind this value"
    if set(witnesses) <= {str(w) for w in _OWN_WORD}:
        return (
            Outcome.INCONCLUSIVE,
            f"only the server's own word ({', '.join(witnesses)}) stands behind {found.value!r}",
        )
    if not want.holds(found.value):
        return Outcome.FAIL, f"expected {want.shown}, but found {_short(found.value)}"
    return Outcome.PASS, SINGLE if len(witnesses) == 1 else ""


def independent(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """Names of the witnesses that are cited, each once, in order of first mention."""
    return tuple(dict.fromkeys(str(e.witness) for e in evidence))


def contradiction_words(against: tuple[Contradiction, ...]) -> str:
    """Both sides of each contradiction, in one line."""
    return "; ".join(
        f"{c.about}: {c.one.witness} says {c.one.says} ({c.one.where}), "
        f"but {c.other.witness} says {c.other.says} ({c.other.where})"
        for c in against
    )
