"""Where the engine is: told by boot and network namespace, whatever its address looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.engine import doctor, nearness
from lab.engine.docker.fake import fake_docker
from lab.engine.nearness import Where

if TYPE_CHECKING:
    from lab.engine.docker import Docker

FAR = fake_docker()
NEAR = replace(FAR, local=True)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearness, "here", lambda: ("ours", 7))


@pytest.mark.parametrize("engine", [FAR, NEAR])
@pytest.mark.parametrize(
    ("boot", "namespace", "where"),
    [
        ("ours", 7, Where.HERE),
        ("ours", 8, Where.NAMESPACE),
        ("another", 7, Where.ELSEWHERE),
        ("ours", None, Where.HERE),
    ],
)
def test_an_address_does_not_tell(engine: Docker, boot: str, namespace: int | None, where: Where) -> None:
    assert nearness.where(engine, {"boot": boot, "host_inode": namespace}) is where


def test_without_proc_the_kernels_release_must_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearness, "here", lambda: ("", 0))
    assert nearness.where(FAR, {"boot": "b", "host_inode": 7}) is Where.ELSEWHERE
    assert nearness.where(NEAR, {"boot": "b", "host_inode": 7}) is Where.HERE


def test_the_doctor_says_where_probes_from_the_host_come_from() -> None:
    ready = {"boot": "another", "host_inode": 7, "witnesses": {}}
    said = {fact.about: fact for fact in doctor.survey(FAR, ready)}
    assert said["where"].value == "on another machine"
    assert "not from here" in said["probes from host"].value
    assert "probes from host" not in {fact.about for fact in doctor.survey(FAR, ready | {"boot": "ours"})}
