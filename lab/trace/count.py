"""One count: a number, or that no witness could tell it, and the observations that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.model.routes import Evidence


@dataclass(frozen=True, slots=True)
class Count:
    """A number and what it rests on; None: no witness could tell."""

    number: int | None = None
    evidence: tuple[Evidence | None, ...] = ()


UNKNOWN = Count()
