"""A staged probe against agents that answer by a script: which verbs are asked, in which order, and what is written down."""

from __future__ import annotations

import json
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

import pytest

from lab.engine import docker
from lab.engine.arrange import Standing
from lab.engine.bench import Bench, Deaths
from lab.engine.docker.fake import fake_docker
from lab.engine.errors import UnsupportedError
from lab.engine.labels import new_run
from lab.engine.pki import Authority
from lab.engine.probing import send_probes
from lab.engine.progress import Silent
from lab.engine.takedown import take_down
from lab.model.plan import Plan
from lab.model.scenario import Probe
from lab.plan.probes import planned_probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.engine.agent import Agent

LOCAL = ["10.0.0.3", 40000]
REPORT = {"probe": "p", "token": "", "asked": ["web", 3000], "started_ns": 1, "finished_ns": 2, "local": LOCAL, "peer": None}
REPORT |= {
    "sent": "",
    "tls": None,
    "status": None,
    "http_version": None,
    "headers": [],
    "body": "",
    "error": None,
    "answers": 0,
}
ANSWERS: dict[str, Any] = {
    "look": {},
    "settle": {"settled": True},
    "await": {"seen": True},
    "signal": {"pids": [4007]},
    "receiver": {"pids": [4007, 4008]},
    "link": {},
    "begin": {},
    "release": {},
    "report": REPORT,
    "probe": REPORT,
    **{verb: {"local": LOCAL, "peer": None, "error": None} for verb in ("connect", "tls", "send", "receive", "end")},
    "fill": {"opened": 3, "peer": ["10.0.0.2", 3000], "error": {"during": "connect", "kind": "timeout", "text": "timed out"}},
}
Told = list[tuple[str, dict[str, Any]]]


class Scripted:
    """An agent that answers by its script and keeps what it was asked; an answer may be a function of how often it was."""

    def __init__(self, asked: Told, **script: Any) -> None:
        self.asked, self.script = asked, ANSWERS | script

    def send(self, do: str, **fields: object) -> Future[Any]:
        self.asked.append((do, dict(fields)))
        answer = self.script[do]
        future: Future[Any] = Future()
        future.set_result(answer(sum(one == do for one, _ in self.asked)) if callable(answer) else answer)
        return future

    def wait(self, future: Future[Any], _do: str, _timeout: float) -> Any:
        return future.result(0)

    def ask(self, do: str, timeout: float = 30.0, **fields: object) -> Any:
        return self.wait(self.send(do, **fields), do, timeout)

    def close(self) -> None:
        """Nothing is open."""


class Stage:
    """An arrangement that stands in memory, with one container `app`."""

    def __init__(self, folder: Path, **script: Any) -> None:
        self.folder, self.asked = folder, cast("Told", [])
        agent = cast("Agent", Scripted(self.asked, **script))
        engine = fake_docker()
        nobody = cast("docker.Watch", None)
        bench = Bench(engine, new_run("t"), {}, Authority(), agent, "", {}, Deaths(), nobody, Silent())
        self.standing = Standing(bench, Plan("c", (), (), (), ()), "c", clients={"client": agent, "host": agent})
        made = docker.create_container(engine, docker.ContainerSpec("app", "lab/base:fake", {}))
        docker.start(engine, made)
        self.standing.made.append(made)
        self.standing.servers["app"] = docker.inspect(engine, made)

    def run(self, *steps: dict[str, Any], **more: Any) -> None:
        probe = Probe.model_validate_json(json.dumps({"steps": steps, **more}))
        self.standing.plan = Plan("c", (), (), (), (planned_probe("p", probe),))
        send_probes(self.standing, self.folder)

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    @property
    def verbs(self) -> list[str]:
        return [do for do, _ in self.asked]

    def fields(self, do: str) -> list[dict[str, Any]]:
        return [fields for one, fields in self.asked if one == do]

    @property
    def state(self) -> str:
        [made] = self.standing.made
        return docker.inspect(self.standing.bench.docker, made).state


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Stage]:
    return lambda **script: Stage(tmp_path, **script)


def test_steps_become_verbs_in_their_order(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.run({"connect": "web:3000"}, {"send": {"bytes": "ab", "pieces": [1]}}, {"receive": 2}, {"do": "half-close"})
    assert here.verbs == ["look", "begin", "connect", *["send", "await"] * 2, "receive", "end", "settle", "look", "report",
                          "release", "look"]  # fmt: skip
    assert here.fields("begin")[0] == {"probe": "p", "token": "", "connect": ["web", 3000], "timeout": 5.0}
    assert [one["send"] for one in here.fields("send")] == ["YQ==", "Yg=="]
    waited = here.fields("await")[0]
    assert (waited["what"], waited["namespace"], waited["local"]) == ("arrived", "client", LOCAL)
    assert [one["label"] for one in here.fields("look")] == ["ready", "p", "end"]


def test_a_look_comes_after_rest_and_is_reported_with_its_moment(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.run({"connect": "web:3000"}, {"send": "a"}, {"look": "held"}, {"send": "b"})
    looked = here.verbs.index("settle")
    assert here.verbs[looked : looked + 3] == ["settle", "look", "report"]
    held, last = here.lines("client.jsonl")
    assert (held["moment"], held["finished"], held["namespace"]) == ("held", False, "client")
    assert (last["moment"], last["finished"]) == ("", True)
    assert [one["label"] for one in here.fields("look")] == ["ready", "p@held", "p", "end"]
    steps = here.lines("steps.jsonl")
    assert [(one["number"], one["look"], one["came"]) for one in steps] == [
        (1, "", True), (2, "", True), (3, "held", True), (4, "", True),
    ]  # fmt: skip


def test_what_was_not_seen_is_written_down_and_the_probe_goes_on(stage: Callable[..., Stage]) -> None:
    here = stage(**{"await": {"seen": False, "why": "owned by nobody"}})
    here.run(
        {"connect": "web:3000"}, {"await": "accepted"}, {"send": {"bytes": "ab", "pieces": [1], "await": "read"}}, {"look": "x"}
    )
    steps = here.lines("steps.jsonl")
    assert [(one["came"], one["why"]) for one in steps] == [
        (True, ""), (False, "owned by nobody"), (False, "owned by nobody"), (True, ""),
    ]  # fmt: skip
    assert len(here.fields("send")) == 1  # the second piece was to wait for the first
    assert [one["moment"] for one in here.lines("client.jsonl")] == ["x", ""]


def test_what_only_sets_the_pace_is_not_demanded(stage: Callable[..., Stage]) -> None:
    here = stage(**{"await": {"seen": False, "why": "the client's socket is gone"}})
    here.run({"connect": "web:3000"}, {"send": {"bytes": "ab", "pieces": [1]}})
    assert [one["came"] for one in here.lines("steps.jsonl")] == [True, True]
    assert len(here.fields("send")) == 2


def test_what_goes_wrong_at_the_client_is_told_and_no_defect_of_the_lab(stage: Callable[..., Stage]) -> None:
    broken = {"local": None, "peer": None, "error": {"during": "connect", "kind": "refused", "text": "refused"}}
    here = stage(connect=broken, send=broken)
    here.run({"connect": "web:3000"}, {"send": "a"}, {"await": "read"}, {"kill": {"container": "app", "process": "receiver"}})
    steps = here.lines("steps.jsonl")
    assert [one["came"] for one in steps] == [True, True, False, False]
    assert "refused" in steps[0]["why"]
    assert steps[2]["why"] == steps[3]["why"] == "the client has no connection"
    assert "await" not in here.verbs


def test_a_moment_that_does_not_come_to_rest_says_what_moves(stage: Callable[..., Stage]) -> None:
    here = stage(settle={"settled": False, "moving": ["app reads", "a segment is on its way"]})
    here.run({"connect": "web:3000"}, {"look": "x"})
    assert here.lines("steps.jsonl")[1]["why"] == "still moving: app reads; a segment is on its way"
    assert "look" in here.verbs


def test_signals_go_to_the_processes_meant(stage: Callable[..., Stage]) -> None:
    here = stage()
    app = here.standing.servers["app"].id
    here.run({"freeze": {"container": "app", "process": "last"}}, {"connect": "web:3000"},
             {"thaw": "app"}, {"kill": {"container": "app", "process": "receiver"}})  # fmt: skip
    sent = [(one["container"], one["process"], one["signal"]) for one in here.fields("signal")]
    assert sent == [(app, "last", "STOP"), (app, "all", "CONT"), (app, 4007, "KILL"), (app, 4008, "KILL")]


def test_nobody_to_signal_is_a_finding(stage: Callable[..., Stage]) -> None:
    here = stage(receiver={"pids": []})
    here.run({"connect": "web:3000"}, {"freeze": {"container": "app", "process": "receiver"}})
    assert here.lines("steps.jsonl")[1]["why"] == "no process holds the connection"
    assert "signal" not in here.verbs


def test_a_container_is_paused_once_and_goes_on_before_it_is_taken_down(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.run({"pause": "app"}, {"pause": "app"}, {"connect": "web:3000"})
    assert here.state == "paused"
    here.run({"unpause": "app"}, {"unpause": "app"}, {"connect": "web:3000"})
    assert here.state == "running"
    here.run({"pause": "app"}, {"connect": "web:3000"})
    take_down(here.standing)
    assert docker.containers(here.standing.bench.docker, {}) == ()


def test_a_link_that_this_kernel_has_not_is_unsupported(stage: Callable[..., Stage]) -> None:
    step = {"link": {"into": "web", "lose": [1]}}
    here = stage()
    here.run({"connect": "web:3000"}, step)
    asked = {"namespace": "web", "port": None, "lose": (1,), "late": (), "hold": (), "delay": None}
    assert here.fields("link")[0] | {"case": ""} == {"case": "", **asked}
    with pytest.raises(UnsupportedError, match="lose segment 1 into web: no nfnetlink_queue"):
        stage(link={"available": False, "why": "no nfnetlink_queue"}).run({"connect": "web:3000"}, step)


def test_a_queue_is_filled_until_the_kernel_says_so(stage: Callable[..., Stage]) -> None:
    here = stage(**{"await": lambda times: {"seen": times == 3, "why": "2 wait, the backlog is 8"}})
    here.run({"fill": "web:3000"})
    assert here.lines("steps.jsonl")[0]["why"] == "9 connections wait"
    assert here.fields("await")[0]["listener"] == ["10.0.0.2", 3000]
    never = stage(**{"await": {"seen": False, "why": "0 wait, the backlog is 8"}})
    never.run({"fill": "web:3000"}, timeout=0.05)
    [step] = never.lines("steps.jsonl")
    assert not step["came"]
    assert "0 wait, the backlog is 8" in step["why"]


def test_a_repeated_probe_is_sent_so_many_times_under_names_of_its_own(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.run({"connect": "web:3000"}, {"look": "x"}, repeat=2)
    assert [one["probe"] for one in here.fields("begin")] == ["p#1", "p#2"]
    assert [one["label"] for one in here.fields("look")] == ["ready", "p#1@x", "p#1", "p#2@x", "p#2", "end"]
    assert [one["probe"] for one in here.lines("steps.jsonl")] == ["p#1", "p#1", "p#2", "p#2"]


def test_the_client_gets_the_certificate_that_it_is_to_show(stage: Callable[..., Stage]) -> None:
    here = stage()
    shown = [{"sni": "a.example", "certificate": kind} for kind in ("good", "untrusted", "none")]
    here.run({"connect": "web:3000"}, *({"tls": one} for one in shown), {"tls": "rest"})
    good, untrusted, none, rest = (one["tls"] for one in here.fields("tls"))
    assert "PRIVATE KEY" in good["certificate"]
    assert "PRIVATE KEY" in untrusted["certificate"]
    assert good["certificate"] != untrusted["certificate"]
    assert none["certificate"] is rest is None
    assert "PRIVATE" not in (here.folder / "steps.jsonl").read_text()


class TestWatching:
    def test_whoever_goes_along_is_told_before_and_after_each_step(self, stage: Callable[..., Stage]) -> None:
        here, told = stage(), cast("list[str]", [])

        class Along:
            def before(self, staging: Any, stop: Any) -> None:
                told.append(f"before {staging.label} {stop.number}/{stop.of} {stop.words} {len(here.asked)}")

            def after(self, staging: Any, stop: Any, came: Any) -> None:
                told.append(f"after {stop.number} {came.came} {stop.look}")

        probe = Probe.model_validate_json(json.dumps({"steps": [{"connect": "web:3000"}, {"look": "x"}]}))
        other = Probe.model_validate_json(json.dumps({"request": {"url": "http://web:3000/"}}))
        here.standing.plan = Plan("c", (), (), (), (planned_probe("p", probe), planned_probe("q", other)))
        send_probes(here.standing, here.folder, Along(), only="p")
        assert told == [
            "before p 1/2 connect to web:3000 2", "after 1 True ", "before p 2/2 look: x 3", "after 2 True x",
        ]  # fmt: skip
        assert "probe" not in here.verbs
        told.clear()
        send_probes(here.standing, here.folder, Along(), only="q")
        assert [one.rpartition(" ")[0] for one in told] == [
            "before q 1/1 send GET http://web:3000/ to web:3000",
            "after 1 True",
        ]
