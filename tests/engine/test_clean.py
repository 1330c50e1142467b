"""Who is swept, who stays: decided by labels alone, against the engine in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.engine import clean, labels
from lab.engine import docker as engine
from lab.engine.docker import ContainerSpec, Docker, NetworkSpec
from lab.engine.docker.fake import fake_docker

US = labels.this_process()
DEAD = replace(US, start="1")
"""Our pid with another start time: the process that had it is gone."""


def _objects(docker: Docker, run: labels.Run, number: int = 1) -> None:
    mark = labels.run_labels(run, "test")
    subnet = f"10.214.{number}.0/28"
    engine.create_network(docker, NetworkSpec(f"n-{run.id}", mark, subnet, subnet.replace("0/28", "1"), internal=True))
    container = engine.create_container(docker, ContainerSpec(f"c-{run.id}", "lab/base:fake", mark, network=f"n-{run.id}"))
    engine.start(docker, container)
    engine.create_volume(docker, f"v-{run.id}", mark)


def _left(docker: Docker) -> list[str]:
    return [run.id for run in clean.runs(docker)]


def test_a_sweep_takes_the_dead_and_leaves_the_living_and_the_kept() -> None:
    docker = fake_docker()
    _objects(docker, labels.Run("dead", DEAD), 1)
    _objects(docker, labels.Run("live", US), 2)
    _objects(docker, kept := labels.Run("kept", DEAD), 3)
    clean.keep(docker, kept)
    removed = clean.sweep(docker)
    assert (removed.containers, removed.networks, removed.volumes) == (("c-dead",), ("n-dead",), ("v-dead",))
    assert _left(docker) == ["kept", "live"]


def test_a_sweep_never_sees_what_has_no_label_of_the_lab() -> None:
    docker = fake_docker()
    engine.create_container(docker, ContainerSpec("foreign", "lab/base:fake", {"com.docker.compose.project": "shop"}))
    assert not clean.clean(docker, live=True)
    assert len(docker.api.containers(all=True, filters={})) == 1


@pytest.mark.parametrize(
    "owner",
    [replace(DEAD, host="elsewhere"), replace(DEAD, pids="1"), replace(US, host="elsewhere", boot="other")],
    ids=["another machine", "another pid namespace", "another machine's boot"],
)
def test_an_owner_that_cannot_be_judged_from_here_is_left_alone(owner: labels.Owner) -> None:
    docker = fake_docker()
    _objects(docker, labels.Run("theirs", owner))
    assert not clean.sweep(docker)
    assert _left(docker) == ["theirs"]


def test_an_owner_of_an_earlier_boot_is_dead() -> None:
    docker = fake_docker()
    _objects(docker, labels.Run("before", replace(US, boot="earlier")))
    clean.sweep(docker)
    assert _left(docker) == []


def test_a_sweep_takes_the_marker_of_a_kept_run_that_somebody_else_took_down() -> None:
    docker = fake_docker()
    kept = labels.Run("kept", DEAD)
    clean.keep(docker, kept)
    clean.sweep(docker)
    assert _left(docker) == []
    clean.keep(docker, labels.Run("just-beginning", labels.this_process()))
    clean.sweep(docker)
    assert _left(docker) == ["just-beginning"]


def test_clean_takes_kept_runs_too_and_live_ones_only_when_told() -> None:
    docker = fake_docker()
    _objects(docker, labels.Run("live", US), 1)
    _objects(docker, kept := labels.Run("kept", DEAD), 2)
    clean.keep(docker, kept)
    clean.clean(docker)
    assert _left(docker) == ["live"]
    clean.clean(docker, live=True)
    assert _left(docker) == []


def test_removing_one_run_leaves_its_neighbour() -> None:
    docker = fake_docker()
    _objects(docker, labels.Run("one", US), 1)
    _objects(docker, labels.Run("two", US), 2)
    assert clean.remove_run(docker, "one").containers == ("c-one",)
    assert _left(docker) == ["two"]


@pytest.mark.parametrize(("others", "dropped"), [([DEAD], True), ([], False), ([DEAD, US], False)])
def test_layers_go_only_after_a_broken_build_and_while_nobody_builds(
    monkeypatch: pytest.MonkeyPatch, others: list[labels.Owner], dropped: bool
) -> None:
    docker, calls = fake_docker(), []
    monkeypatch.setattr(clean, "_drop_layers", lambda _: calls.append("drop") or ("sha256:1",))
    for number, owner in enumerate(others):
        engine.create_volume(docker, f"b{number}", labels.run_labels(labels.Run(f"r{number}", owner), clean.BUILD))
    assert clean.sweep(docker).images == (("sha256:1",) if dropped else ())
    assert calls == (["drop"] if dropped else [])
    assert ("r0" in _left(docker)) == (US in others), "the marker of a broken build stays while another builds"


def test_the_build_marker_stands_only_while_building() -> None:
    docker, run = fake_docker(), labels.Run("b", US)
    with clean.building(docker, run):
        assert [thing.labels[labels.ROLE] for thing in clean.runs(docker)[0].objects] == [clean.BUILD]
    assert _left(docker) == []
