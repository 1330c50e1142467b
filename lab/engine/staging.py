"""Carry out a staged probe, step by step, on the client's and the recorder's verbs.

Rule: a step is over when what it waits for was seen, never because time has passed; what was not seen is written down with
what was seen instead, and the probe goes on, for that too is a finding. What this machine cannot do raises
`UnsupportedError`. Faults last until a step undoes them or the arrangement is taken down. Weak spot: a look waits until
nothing moves, so what moves by a timer of its own soon afterwards is not part of the moment.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lab.engine.acts import DOES, Came, report
from lab.engine.looking import ask, calm, look
from lab.engine.wire import marked
from lab.model.steps import PlannedHandshake, PlannedLook, PlannedSend, StepDone
from lab.plan.told import words

if TYPE_CHECKING:
    from lab.engine.agent import Agent
    from lab.engine.arrange import Standing
    from lab.engine.journal import Journal
    from lab.model.plan import PlannedProbe
    from lab.model.steps import PlannedStep


@dataclass(frozen=True, slots=True)
class Stop:
    """A step as whoever goes along is told of it; a probe without steps is one."""

    number: int
    of: int
    words: str
    about: str = ""
    look: str = ""


class Watcher(Protocol):
    """Whoever goes along with the probes, step by step."""

    def before(self, staging: Staging, stop: Stop) -> None:
        """The step is about to be taken."""

    def after(self, staging: Staging, stop: Stop, came: Came) -> None:
        """It was taken."""


@dataclass(slots=True)
class Staging:
    """A staged probe under way."""

    standing: Standing
    probe: PlannedProbe
    label: str
    """Its id, with `#N` for the Nth repetition."""
    journal: Journal
    watcher: Watcher | None = None
    local: list[Any] | None = None
    """The client's own end of the connection."""
    sent: int = 0
    """Steps that send something of a request and were taken."""

    @property
    def client(self) -> Agent:
        """The client that sends it."""
        return self.standing.clients[self.probe.vantage]

    def tell(self, do: str, **fields: object) -> Came:
        """Have the client do something; what went wrong there is for its report, and is told."""
        told = ask(self.client, do, self.probe.timeout, **fields)
        self.local = told.get("local") or self.local
        error = told.get("error")
        return Came(why=f"the client failed during {error['during']}: {error['kind']}, {error['text']}" if error else "")

    def record(self, do: str, **fields: object) -> dict[str, Any]:
        """Ask the recorder."""
        return ask(self.standing.bench.recorder, do, self.probe.timeout, case=self.standing.plan.case, **fields)


def carry_out(staging: Staging) -> None:
    """Take all steps, then look once more and report. Raises UnsupportedError."""
    probe = staging.probe
    written = b"".join(map(_written, probe.steps))
    begun = {"probe": staging.label, "token": marked(written), "connect": list(probe.connect), "timeout": probe.timeout}
    ask(staging.client, "begin", 0, **begun)
    for number, step in enumerate(probe.steps, start=1):
        _take(staging, number, step)
    calm(staging.standing, probe.timeout)
    look(staging.standing, staging.label)
    report(staging, "")
    staging.client.ask("release")


def _written(step: PlannedStep) -> bytes:
    """Exact bytes of a request."""
    if isinstance(step.act, PlannedHandshake):
        return step.act.tls.early if step.act.tls else b""
    return b"".join(step.act.pieces) if isinstance(step.act, PlannedSend) else b""


def _take(staging: Staging, number: int, step: PlannedStep) -> None:
    label = step.act.label if isinstance(step.act, PlannedLook) else ""
    stop = Stop(number, len(staging.probe.steps), words(step.act), step.about, label)
    if staging.watcher:
        staging.watcher.before(staging, stop)
    begun = time.time_ns()
    came = DOES[type(step.act)](staging, step.act)
    told = (step.act.do, stop.words, label)
    staging.journal.step(StepDone(0, staging.label, number, *told, begun, time.time_ns(), came.came, came.why))
    if staging.watcher:
        staging.watcher.after(staging, stop, came)
