"""`lab watch`: a scenario step by step. Before each step it is said what will be done; afterwards what every witness saw.

Rule: the evidence is read back from the case's folder as always, so what is shown is what is judged later. To have all of it
the lab waits after each step until nothing moves, which a run does only before a look: a watched probe is slower, and sees
the same. Weak spot: snapshots that are taken for the person are in the evidence too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rich.text import Text

from lab.engine.catalogue import load_catalogue
from lab.engine.collecting import so_far
from lab.engine.folder import read_observations, report_of
from lab.engine.looking import calm, look
from lab.engine.project import find_project
from lab.judge.cases import outcome_of
from lab.report import terminal, watch
from lab.session.jobs import UsageError, arranged, chosen
from lab.trace import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from lab.engine.acts import Came
    from lab.engine.staging import Staging, Stop
    from lab.model.observations import Observations
    from lab.model.verdicts import CaseResult
    from lab.session.jobs import Job
    from lab.session.work import Work

NOW = "now"
"""The moment at which a probe is between two looks."""


@dataclass(slots=True)
class Along:
    """Goes along with each step and shows it. `pause` waits for the person, with words for what comes next."""

    folder: Path
    show: Callable[[Iterable[Text]], None]
    pause: Callable[[str], None]
    shown: dict[str, int] = field(default_factory=dict)
    """How much of the evidence has been shown."""
    probe: str = ""

    def before(self, staging: Staging, stop: Stop) -> None:
        """Say what will be done, and wait."""
        if staging.label != self.probe:
            self.probe = staging.label
            self.show([Text(), Text.assemble("probe ", (staging.label, "bold"), f", from {staging.probe.vantage}")])
            self._catch_up(staging)
        self.show(_announced(stop))
        self.pause("take this step")

    def after(self, staging: Staging, stop: Stop, came: Came) -> None:
        """Show what every witness saw since the last step, and how far the probe is."""
        moving = calm(staging.standing, staging.probe.timeout)
        label = f"{staging.label} after step {stop.number}"
        look(staging.standing, label)
        so_far(staging.standing, self.folder)
        seen = read_observations(self.folder)
        if staging.probe.steps and not stop.look:
            seen = _with_report(staging, seen)
        local = (str(staging.local[0]), int(staging.local[1])) if staging.local else None
        self.show(_came(came, moving))
        self.show(watch.told(watch.Seen(seen, self.shown, label, local), brief=bool(stop.look)))
        self.show(_so_far(seen, drawn=bool(stop.look) or not staging.probe.steps))
        self.shown = watch.counted(seen)

    def _catch_up(self, staging: Staging) -> None:
        """What there was before the first step is not shown as the first step's."""
        so_far(staging.standing, self.folder)
        self.shown = watch.counted(read_observations(self.folder))


def _with_report(staging: Staging, seen: Observations) -> Observations:
    """As if there were a look now: with what the client would say of it."""
    answer = {**staging.client.ask("report"), "namespace": staging.probe.vantage, "moment": NOW, "finished": False}
    return replace(seen, clients=(*seen.clients, report_of(answer, len(seen.clients) + 1)))


def _announced(stop: Stop) -> Iterator[Text]:
    yield Text()
    yield Text.assemble((f"  step {stop.number} of {stop.of}: ", "dim"), (stop.words, "bold"))
    if stop.about:
        yield Text(f"    {stop.about}", style="italic")


def _came(came: Came, moving: str) -> Iterator[Text]:
    if not came.came:
        yield Text(f"    it did not come to pass: {came.why}", style="yellow")
    elif came.why:
        yield Text(f"    {came.why}", style="dim")
    if moving:
        yield Text(f"    still moving: {moving}", style="yellow")


def _so_far(seen: Observations, *, drawn: bool) -> Iterator[Text]:
    """How far the probe is: drawn at a look, in a line elsewhere."""
    route = trace(seen)[-1]
    if drawn:
        yield from terminal.draw(route)
    else:
        yield Text.assemble("    = ", (route.diagnosis, "bold"))


def watched(name: str, probe: str | None) -> Job:
    """The case to be watched: the one that is named, or the first of its scenario. Raises UsageError."""
    project = find_project()
    jobs = chosen(project, load_catalogue(project.images), [name])
    job = next((one for one in jobs if one.case.id == name), jobs[0])
    plan = arranged(job, f"lab run {job.case.id} --timeline tells it in the order of time")
    known = [one.id for one in plan.probes]
    if probe is not None and probe not in known:
        raise UsageError(f"{job.case.id} has no probe {probe!r}; it has {', '.join(known)}")
    return job


def watch_case(
    work: Work, job: Job, probe: str | None, show: Callable[[Iterable[Text]], None], pause: Callable[[str], None]
) -> CaseResult:
    """Carry the case out with somebody going along; its result, of one probe if one was named. It still stands afterwards."""
    work.watcher, work.only = Along(work.folder / job.case.id, show, pause), probe
    result = work.carry_out(job)
    if probe is None:
        return result
    own = tuple(verdict for verdict in result.verdicts if verdict.id.partition(".")[0].partition("@")[0] == probe)
    return replace(result, verdicts=own, outcome=outcome_of(own) if own else result.outcome)
