"""One finding: a value in the words that a report prints, with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.model.routes import Evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one check."""

    value: str | int | bool | None
    """None: it could not be told, and `unknown` says why."""
    evidence: tuple[Evidence, ...] = ()
    unknown: str = ""
    lead: tuple[Evidence, ...] = ()
    """Those of `evidence` that the value was read from: their witnesses are the check's. Empty: all of it."""
