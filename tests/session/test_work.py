"""One run under way, without an engine: the order of things, what is kept, and how it ends when something breaks."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lab.engine.bench import Deaths
from lab.engine.catalogue import load_catalogue
from lab.engine.docker.fake import fake_docker
from lab.engine.errors import MachineError, ServerError
from lab.engine.labels import new_run
from lab.engine.project import find_project
from lab.model.verdicts import CaseResult, Outcome
from lab.session import work as works
from lab.session.jobs import chosen
from lab.session.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "images")
SCENARIO = """id: one
title: t
namespaces: {web: {}}
containers:
  proxy:
    namespace: web
    server: {each: [nginx, haproxy]}
    listen: [{on: "0.0.0.0:8080", routes: [{to: "127.0.0.1:3000"}]}]
  app: {namespace: web, server: app, listen: [{on: "127.0.0.1:3000"}]}
probes: {order: {request: {url: "http://web:8080/"}, expect: {status: 200}}}
"""


@dataclass
class Story:
    """What was done, in order, and where it is to break."""

    did: list[str] = field(default_factory=list)
    breaks: dict[str, Exception] = field(default_factory=dict)
    outcome: Outcome = Outcome.PASS

    def step(self, name: str) -> Callable[..., None]:
        def do(*_: object, **__: object) -> None:
            self.did.append(name)
            if name in self.breaks:
                raise self.breaks[name]

        return do


class Quiet:
    def __init__(self) -> None:
        self.steps: list[str] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.steps.append(name)
        yield

    phase = step

    def close(self) -> None: ...


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    told = Story()
    for name in ("stand_up", "send_probes", "collect", "take_down", "leave_to_people", "write_configs", "keep_run"):
        monkeypatch.setattr(works, name, told.step(name))

    def judged(case: Any, folder: Path, seconds: float) -> CaseResult:
        told.did.append("judge")
        return CaseResult(case.id, case.scenario.id, "t", (), told.outcome, seconds, (), (), folder=folder.name)

    monkeypatch.setattr(works, "judge_folder", judged)
    return told


@pytest.fixture
def work(tmp_path: Path, story: Story) -> Work:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "one.yaml").write_text(SCENARIO)
    jobs = chosen(find_project(tmp_path), CATALOGUE, ["one"])
    run = new_run("now")
    bench = SimpleNamespace(docker=fake_docker(), run=run, deaths=Deaths(), facts={"kernel": "6", "witnesses": {}}, tags={})
    folder = tmp_path / "runs" / run.id
    folder.mkdir(parents=True)
    return Work(jobs, bench, folder, Quiet(), False, {"version": "1"})  # type: ignore[arg-type]


WHOLE = ["write_configs", "stand_up", "send_probes", "collect", "judge"]


def test_a_verdict_is_given_before_its_arrangement_is_taken_down(work: Work, story: Story) -> None:
    results = work.results()
    assert next(results).case == "one.nginx"
    assert story.did == WHOLE
    assert next(results).case == "one.haproxy"
    assert story.did == [*WHOLE, "take_down", *WHOLE]
    assert list(results) == []
    assert story.did[-1] == "take_down"


def test_each_case_leaves_what_was_asked_and_what_was_found(work: Work) -> None:
    list(work.results())
    work.save()
    case = work.folder / "one.nginx"
    assert (case / "scenario.yaml").read_text() == SCENARIO
    assert json.loads((case / "plan.json").read_text())["case"] == "one.nginx"
    assert json.loads((case / "result.json").read_text())["outcome"] == "PASS"
    document = json.loads((work.folder / "result.json").read_text())
    assert [one["id"] for one in document["scenarios"]] == ["one.nginx", "one.haproxy"]
    assert (work.folder.parent / "latest").resolve() == work.folder
    assert (work.folder / "report.html").read_text().startswith("<!doctype html>")


def test_progress_counts_the_cases(work: Work) -> None:
    list(work.results())
    assert [step for step in work.progress.steps if "start" in step] == ["1/2 one.nginx: start", "2/2 one.haproxy: start"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("where", "collects"), [("stand_up", 1), ("send_probes", 1), ("collect", 2)])
def test_what_breaks_is_an_error_of_the_lab_with_its_words_and_the_next_case_goes_on(
    work: Work, story: Story, where: str, collects: int
) -> None:
    story.breaks = {where: ServerError("container app ended", "mend it", ("its last words",))}
    results = list(work.results())
    assert [result.outcome for result in results] == [Outcome.LAB_ERROR] * 2
    assert results[0].error == "container app ended\n    its last words\nNext: mend it"
    assert story.did.count("collect") == 2 * collects, "what there is, is brought home"
    assert story.did.count("take_down") == 2


def test_that_what_there_was_could_not_be_brought_home_is_noted(work: Work, story: Story) -> None:
    story.breaks = {"stand_up": ServerError("it ended"), "collect": MachineError("no answer")}
    next(work.results())
    assert (work.folder / "one.nginx" / "not-collected.txt").read_text() == "no answer\n"


@pytest.mark.parametrize(("keep", "outcome", "kept"), [(True, "FAIL", 2), (True, "PASS", 0), (False, "FAIL", 0)])
def test_only_what_did_not_pass_is_kept_and_only_if_it_was_asked_for(
    work: Work, story: Story, keep: bool, outcome: str, kept: int
) -> None:
    work.keep, story.outcome = keep, Outcome(outcome)
    list(work.results())
    assert len(work.kept) == kept
    assert (story.did.count("leave_to_people"), story.did.count("take_down")) == (kept, 2 - kept)


def test_the_run_ends_when_the_engine_goes_away(work: Work, story: Story) -> None:
    story.breaks = {"send_probes": ServerError("the client is gone")}
    work.bench.deaths.lose(MachineError("the event stream ended"))
    results = work.results()
    assert next(results).outcome is Outcome.LAB_ERROR
    with pytest.raises(MachineError, match=r"went away while one\.nginx was under way.*the event stream ended"):
        next(results)
    work.settle()
    assert "take_down" not in story.did, "nobody is there to take it down"
    work.save()
    assert (work.folder / "result.json").is_file()


def test_interrupted_in_the_middle_it_still_takes_down(work: Work, story: Story) -> None:
    story.breaks = {"send_probes": KeyboardInterrupt()}  # type: ignore[dict-item]
    with pytest.raises(KeyboardInterrupt):
        next(work.results())
    work.settle()
    assert story.did[-1] == "take_down"
    assert work.done == []


def test_what_cannot_be_done_is_not_begun(work: Work, story: Story) -> None:
    work.jobs = [SimpleNamespace(case=work.jobs[0].case, plan=None, unsupported="nginx does not")]  # type: ignore[list-item]
    [result] = work.results()
    assert (result.outcome, result.error, story.did) == (Outcome.UNSUPPORTED, "nginx does not", [])
