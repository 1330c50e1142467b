"""What was found out about one server when it was held against the contract of all servers (docs in ARCHITECTURE.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.model.verdicts import CaseResult, Verdict

END_SECONDS = 3.0
"""A server must have ended so long after TERM: a second of its own (gunicorn's threaded worker looks up once a second) and what
a busy machine adds. The engine would wait ten and then kill it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that a scenario can ask and this server does not claim."""

    what: str
    refused: str | None
    """The words of the refusal; None: it was not refused."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the server's own check said of a configuration."""

    exit_code: int
    says: tuple[str, ...]
    """Its last lines."""


@dataclass(frozen=True, slots=True)
class Life:
    """What was measured of one server outside of requests."""

    user: str
    """`uid:gid` that it was started as."""
    read_only: bool
    """Its root file system was."""
    version: str
    """First line that its version command printed."""
    end_seconds: float | None
    """From TERM to its end; None: it was still there after `END_SECONDS`."""
    good: Checked | None
    """Of the generated configuration; None: its row names no check."""
    broken: Checked | None
    """Of the same with nonsense at its end."""
    start_ms: float | None
    """From the engine's start to its last listener; None: it did not come back."""
    memory_mb: float | None
    """Of its cgroup then, inactive page cache left out."""
    image_mb: float
    """Layers shared with other images included."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One server held against the contract."""

    server: str
    title: str
    cases: tuple[CaseResult, ...]
    """One for each thing that its row claims."""
    verdicts: tuple[Verdict, ...]
    """What is no matter of one case."""
    life: Life | None
    """None: it never stood."""
    error: str = ""
    """What kept it from standing."""
