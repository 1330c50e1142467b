"""How the engine says what takes long: whoever calls it decides where that goes."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Progress(Protocol):
    """Phases and notes; safe for threads. `lab.report.progress.Progress` is one."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Mark a phase from start to end; an exception marks it failed and goes on."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Mark a phase whose end is told by the result that follows."""

    def note(self, text: str) -> None:
        """Say something that is not a phase."""


class Silent:
    """Progress that goes nowhere."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:  # noqa: ARG002 - the protocol's name
        """Say nothing."""
        yield

    step = phase

    def note(self, text: str) -> None:
        """Say nothing."""
