"""Every scenario is a pytest item by existing: `pytest scenarios/` collects each YAML file into cases, and each case into
its checks. One check is one item, so JUnit, `-k` and annotations speak of checks.

A case is carried out once, when its first check is run, and taken down before the next case begins. With `-n` the checks
of one case stay together in one worker: xdist groups by scope, and a case is one. A check that could not be made is an
error, not a skip. A scenario file elsewhere is collected if it is named: `pytest checks/shop-orders.yaml`.

`lab_trace` is a fixture: `route = lab_trace("https://localhost:8443/orders", project="shop")`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from lab.model.routes import Route
    from lab.model.verdicts import CaseResult, Verdict
    from lab.session import Work
    from lab.session.jobs import Job

WORK = pytest.StashKey["Open"]()
OUTCOME = "outcome"
"""The pseudo-check of every case: it was carried out at all, and its outcome is not worse than its checks."""


class Open:
    """The run of this pytest process: opened by the first item, closed at the end."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self._context: AbstractContextManager[Work] | None = None
        self._work: Work | None = None
        self._results: dict[str, CaseResult] = {}

    def result(self, job: Job) -> CaseResult:
        """The case's result, carrying it out if that was not done yet."""
        if job.case.id not in self._results:
            work = self._opened()
            work.settle()
            self._results[job.case.id] = work.carry_out(job)
        return self._results[job.case.id]

    def _opened(self) -> Work:
        from lab import session
        from lab.report.progress import Mode

        if self._work is None:
            self._context = session.started_with(list(self.jobs.values()), Mode.QUIET)
            self._work = self._context.__enter__()
        return self._work

    def close(self) -> None:
        """Save and clean up."""
        if self._context is not None:
            self._context.__exit__(None, None, None)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Before xdist takes its own default, which would carry a case out in every worker that gets a check of it. (Its groups
    by mark have no effect with pytest 9.2, whose node ids are no plain strings any more; xdist 3.8.)"""
    if getattr(config.option, "numprocesses", None) and getattr(config.option, "dist", "") in ("no", "loadgroup"):
        config.option.dist = "loadscope"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take note of the cases that are to be run, so that their images are there before the first."""
    jobs = session.config.stash[WORK].jobs
    jobs.update({item.job.case.id: item.job for item in session.items if isinstance(item, CheckItem)})


def pytest_configure(config: pytest.Config) -> None:
    config.stash[WORK] = Open()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[WORK].close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    named = parent.session.isinitpath(file_path)
    if file_path.suffix == ".yaml" and (named or file_path.parent.name == "scenarios"):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


@pytest.fixture
def lab_trace(request: pytest.FixtureRequest) -> Callable[..., Route]:
    """Trace one request to containers that run already: `lab_trace(url, project="shop") -> lab.model.routes.Route`.

    Options are those of `lab trace`, by the names of `lab.cli.asking.Given` (`where`, `project`, `containers`, `resolve`,
    `raw`, `connect`, `method`, `headers`, `data`, `insecure`, `http1`, `http2`, `http3`, `proxy`, `timeout`, `no_header`),
    and the paths `cacert`, `cert`, `key`. Raises UsageError for what is not there, EngineError. In the report of a test that
    fails the route is drawn.
    """
    return lambda url=None, **options: _traced(request.node, url, options)


def _traced(node: pytest.Item, url: str | None, options: dict[str, Any]) -> Route:
    from lab.cli import asking
    from lab.report import terminal
    from lab.report.progress import Mode
    from lab.session import tracing

    files = [Path(path) if (path := options.pop(name, None)) else None for name in ("cacert", "cert", "key")]
    asked = asking.asked(asking.Given(url, **options))
    if asked.watch:
        raise ValueError("lab_trace sends one request; `lab trace --watch` is for what passes by itself")
    [route] = tracing.send_and_follow(asked, asking.secrets(*files), Mode.QUIET).routes
    node.add_report_section("call", "lab trace", "\n".join(line.plain for line in terminal.draw(route)))
    return route


class ScenarioFile(pytest.File):
    """One scenario file."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        from lab.engine.catalogue import load_catalogue
        from lab.engine.project import find_project
        from lab.session.jobs import read_jobs

        project = find_project(self.path.parent)
        for job in read_jobs(project, load_catalogue(project.images), self.path):
            yield CaseNode.from_parent(self, name=job.case.id, job=job)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override] # as pytest.Collector's
        """Mistakes of the file as `lab validate` tells them, without a traceback."""
        from lab.scenario import ScenarioError

        return excinfo.value.render() if isinstance(excinfo.value, ScenarioError) else super().repr_failure(excinfo)


class CaseNode(pytest.Collector):
    """One case; its checks are its items."""

    def __init__(self, job: Job, **more: Any) -> None:
        super().__init__(**more)
        self.job = job

    def collect(self) -> Iterator[pytest.Item]:
        for check, line in (*self.job.case.check_lines, (OUTCOME, 1)):
            yield CheckItem.from_parent(self, name=check, job=self.job, line=line)


class CheckItem(pytest.Item):
    """One check of a case."""

    def __init__(self, job: Job, line: int, **more: Any) -> None:
        super().__init__(**more)
        self.job = job
        self.line = line
        self.result: CaseResult

    def setup(self) -> None:
        """Carry the case out. What cannot be known is an error here, so that JUnit tells it from a failure."""
        self.result = self.config.stash[WORK].result(self.job)
        if str(self.result.outcome) == "UNSUPPORTED":
            pytest.skip(self.result.error)
        if str(self.result.outcome) == "LAB_ERROR":
            raise CheckError(self.result.error)
        if self.name != OUTCOME:
            _known(_verdict(self.result.verdicts, self.name))

    def runtest(self) -> None:
        if self.name == OUTCOME:
            _hold_outcome(self.result)
        else:
            _hold(_verdict(self.result.verdicts, self.name))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line - 1, f"{self.job.case.id}: {self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, CheckError | CheckFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


class CheckFailure(AssertionError):  # noqa: N818 - pytest's own word
    """The check does not hold."""


class CheckError(Exception):
    """The check could not be made, or its outcome is not known."""


def _verdict(verdicts: Iterable[Verdict], name: str) -> Verdict:
    for verdict in verdicts:
        if verdict.id == name:
            return verdict
    raise CheckError(f"the check {name} was announced and never made")


def _known(verdict: Verdict) -> None:
    if str(verdict.outcome) in ("UNSUPPORTED", "BLOCKED"):
        pytest.skip(_text(verdict))
    if str(verdict.outcome) not in ("PASS", "FAIL"):
        raise CheckError(_text(verdict))


def _hold(verdict: Verdict) -> None:
    if str(verdict.outcome) != "PASS":
        raise CheckFailure(_text(verdict))


def _text(verdict: Verdict) -> str:
    from lab.report import terminal

    return "\n".join(line.plain for line in terminal.check(verdict))


def _hold_outcome(result: CaseResult) -> None:
    if str(result.outcome) not in ("PASS", "UNSUPPORTED"):
        raise CheckFailure(f"{result.case}: {result.outcome}; evidence in {result.folder}")
