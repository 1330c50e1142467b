"""Progress for people and programs, on standard error: one line a phase.

`tty` shows what is under way on one line that is rewritten; `plain` writes a line when a phase has lasted or ends;
`json` one object a line; `quiet` nothing. `auto` takes `tty` on a terminal, else `plain`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.status import Status


class Mode(StrEnum):
    AUTO = "auto"
    TTY = "tty"
    PLAIN = "plain"
    JSON = "json"
    QUIET = "quiet"


WORTH_A_LINE = 1.0
"""Seconds after which a phase announces itself although it has not ended: nobody should wonder for longer."""


LONG = 4.0
"""Seconds after which a step of a case announces itself: it is about to end with a result of its own."""

_MARKS = {"done": "✓", "failed": "✗ failed:", "interrupted": "– interrupted:"}


class Progress:
    """Phases under way; safe to use from several threads."""

    def __init__(self, mode: Mode, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self.mode = _settle(mode, self._out)
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        self._status: Status | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """A phase from start to end; an exception marks it failed and goes on."""
        with self._lasting(name, WORTH_A_LINE, told=True):
            yield

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A phase whose end is told by the result that follows: it gets no line of its own, unless it takes long."""
        with self._lasting(name, LONG, told=False):
            yield

    @contextmanager
    def _lasting(self, name: str, patience: float, *, told: bool) -> Iterator[None]:
        begun = time.monotonic()
        self._start(name, begun)
        late = threading.Timer(patience, self._still, (name,))
        late.daemon = True
        late.start()
        try:
            yield
        except BaseException as error:
            late.cancel()
            state = "failed" if isinstance(error, Exception) else "interrupted"
            self._end(name, state, time.monotonic() - begun, told=told)
            raise
        late.cancel()
        self._end(name, "done", time.monotonic() - begun, told=told)

    def note(self, text: str) -> None:
        """A line that is not a phase."""
        with self._lock:
            if self.mode is Mode.JSON:
                self._json(note=text)
            elif self.mode is not Mode.QUIET:
                self._line(text)

    def close(self) -> None:
        """Take the rewritten line away."""
        with self._lock:
            if self._status:
                self._status.stop()
                self._status = None

    def _start(self, name: str, begun: float) -> None:
        with self._lock:
            self._running[name] = begun
            if self.mode is Mode.JSON:
                self._json(phase=name, state="started")
            elif self.mode is Mode.TTY:
                self._show()

    def _still(self, name: str) -> None:
        with self._lock:
            if self.mode is Mode.PLAIN and name in self._running:
                self._line(f"… {name}")

    def _end(self, name: str, state: str, seconds: float, *, told: bool) -> None:
        with self._lock:
            self._running.pop(name, None)
            if self.mode is Mode.JSON:
                self._json(phase=name, state=state, seconds=round(seconds, 3))
            elif self.mode is not Mode.QUIET:
                if told and (state != "done" or seconds >= WORTH_A_LINE):
                    self._line(f"{_MARKS[state]} {name} ({seconds:.1f} s)")
                self._show()

    def _json(self, **event: object) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()

    def _line(self, text: str) -> None:
        if self._status:
            self._status.console.print(text, markup=False, highlight=False)
        else:
            self._out.write(text + "\n")
            self._out.flush()

    def _show(self) -> None:
        if self.mode is not Mode.TTY:
            return
        if self._status is None:
            from rich.console import Console

            self._status = Console(file=self._out, stderr=True).status("")
            self._status.start()
        from rich.text import Text

        self._status.update(Text(", ".join(self._running) or "…"))


def _settle(mode: Mode, out: TextIO) -> Mode:
    if mode is not Mode.AUTO:
        return mode
    return Mode.TTY if out.isatty() else Mode.PLAIN
