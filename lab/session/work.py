"""One run under way: cases carried out one after the other, each judged before it is taken down."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.engine import bench as benches
from lab.engine.arrange import Standing, leave_to_people, stand_up
from lab.engine.clean import keep as keep_run
from lab.engine.codec import to_json
from lab.engine.collecting import collect, write_configs
from lab.engine.errors import EngineError, MachineError, UnsupportedError
from lab.engine.probing import send_probes
from lab.engine.project import point_latest
from lab.engine.takedown import take_down
from lab.model.plan import Plan
from lab.model.scenario import Case
from lab.model.verdicts import CaseResult, Outcome
from lab.report import page
from lab.report import result as documents
from lab.session import running
from lab.session.judging import judge_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.engine.bench import Bench
    from lab.engine.staging import Watcher
    from lab.report.progress import Progress
    from lab.session.jobs import Job


@dataclass(slots=True)
class Work:
    """One run under way."""

    jobs: list[Job]
    bench: Bench
    folder: Path
    progress: Progress
    keep: bool
    engine: dict[str, object]
    begun: float = field(default_factory=time.monotonic)
    done: list[CaseResult] = field(default_factory=list)
    kept: list[Standing] = field(default_factory=list)
    standing: Standing | None = None
    watcher: Watcher | None = None
    """Whoever goes along with each step."""
    only: str | None = None
    """The only probe to be sent; None: all."""

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.begun

    @property
    def shown_folder(self) -> str:
        """The run folder as a person would type it."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def results(self) -> Iterator[CaseResult]:
        """Carry out the cases one after the other. Each result is given before its arrangement is taken down."""
        for job in self.jobs:
            yield self.carry_out(job)
            self._unless_gone(job)
            self.settle(job)

    def _unless_gone(self, job: Job) -> None:
        """End the run if the engine went away: evidence from then on would be worth nothing."""
        if self.done[-1].outcome is Outcome.LAB_ERROR and (gone := benches.gone(self.bench)):
            self.standing = None
            raise MachineError(
                f"the engine went away while {job.case.id} was under way, so the run ends here: {gone.text}",
                "bring it back; what this run left on it is removed then, at the latest by the next command",
            )

    def carry_out(self, job: Job) -> CaseResult:
        """Carry out one case and judge it; it still stands afterwards, until `settle`."""
        if job.plan is None:
            return self._finished(job, _without_checks(job, Outcome.UNSUPPORTED, job.unsupported))
        if job.plan.running:
            return self._finished(job, self._looked_into(job, job.plan))
        self.standing = Standing(self.bench, job.plan, job.case.scenario.id)
        return self._finished(job, self._carried_out(job, self.standing))

    def settle(self, job: Job | None = None) -> None:
        """Take down what stands, or keep it if it was asked for and the case did not pass."""
        standing, self.standing = self.standing, None
        if standing is None:
            return
        if job and self.keep and self.done[-1].outcome is not Outcome.PASS:
            keep_run(self.bench.docker, self.bench.run)
            leave_to_people(standing)
            self.kept.append(standing)
            return
        with self.progress.step(f"{standing.plan.case}: clean up"):
            take_down(standing)

    def _carried_out(self, job: Job, standing: Standing) -> CaseResult:
        begun = time.monotonic()
        folder = self.folder / job.case.id
        folder.mkdir(parents=True)
        _write_asked(job, standing.plan, folder)
        write_configs(standing, folder)
        try:
            with self.progress.step(f"{self._place()}{job.case.id}: start"):
                stand_up(standing)
            if self.watcher:
                self.progress.close()  # the terminal is the watcher's now
            with nullcontext() if self.watcher else self.progress.step(f"{self._place()}{job.case.id}: probe"):
                send_probes(standing, folder, self.watcher, self.only)
                collect(standing, folder)
            return judge_folder(job.case, folder, time.monotonic() - begun)
        except UnsupportedError as refusal:
            _salvage(standing, folder)
            return _without_checks(job, Outcome.UNSUPPORTED, str(refusal), time.monotonic() - begun)
        except EngineError as error:
            _salvage(standing, folder)
            return _without_checks(job, Outcome.LAB_ERROR, str(error), time.monotonic() - begun)

    def _looked_into(self, job: Job, plan: Plan) -> CaseResult:
        """A case whose target runs already: nothing is brought up, and nothing taken down but what was made to look."""
        begun = time.monotonic()
        folder = self.folder / job.case.id
        folder.mkdir(parents=True)
        _write_asked(job, plan, folder)
        try:
            with self.progress.step(f"{self._place()}{job.case.id}: send and follow"):
                running.carry_out(self.bench, job, plan.running, folder)
            return judge_folder(job.case, folder, time.monotonic() - begun)
        except EngineError as error:
            return _without_checks(job, Outcome.LAB_ERROR, str(error), time.monotonic() - begun)

    def _place(self) -> str:
        return f"{len(self.done) + 1}/{len(self.jobs)} " if len(self.jobs) > 1 else ""

    def _finished(self, job: Job, result: CaseResult) -> CaseResult:
        self.done.append(result)
        folder = self.folder / job.case.id
        if folder.is_dir():
            _write_json(folder / "result.json", documents.case(result))
        return result

    def document(self) -> dict[str, object]:
        """The document `lab-result/1` of what is done so far."""
        facts = dict(self.bench.facts)
        witnesses = facts.get("witnesses", {})
        host = {"kernel": facts.get("kernel"), "machine": facts.get("machine")}
        return documents.document(self.done, host, self.engine, witnesses)

    def save(self) -> None:
        """Write `result.json` and the page, and let `runs/latest` point here."""
        document = self.document()
        _write_json(self.folder / "result.json", document)
        html = page.page(self.done, self.folder.name, document["host"], self.engine)  # type: ignore[arg-type]
        (self.folder / "report.html").write_text(html, "utf-8")
        point_latest(self.folder.parent, self.folder)


def _write_asked(job: Job, plan: Plan, folder: Path) -> None:
    (folder / "scenario.yaml").write_text(job.text, "utf-8")
    (folder / "case.json").write_bytes(to_json(job.case, Case))
    (folder / "plan.json").write_bytes(to_json(plan, Plan))


def _write_json(path: Path, value: object) -> None:
    """Whole or not at all: who reads results must not find half of one where a disk was full."""
    beside = path.with_name(f".{path.name}")
    try:
        beside.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _salvage(standing: Standing, folder: Path) -> None:
    """After an error, bring home what there is; that this fails too is expected when the engine is gone."""
    try:
        collect(standing, folder)
    except EngineError as error:
        (folder / "not-collected.txt").write_text(f"{error}\n", "utf-8")


def _without_checks(job: Job, outcome: Outcome, error: str, seconds: float = 0.0) -> CaseResult:
    case, scenario = job.case, job.case.scenario
    return CaseResult(
        case.id, scenario.id, scenario.title, scenario.claims, outcome, seconds, (), (), case.file, error=error, folder=case.id
    )
