"""The engine in memory keeps the contract that the real one is held to in tests/live_engine."""

from __future__ import annotations

import pytest

from lab.engine import labels
from lab.engine.docker.fake import FakeApi, fake_docker
from tests.engine.engine_contract import holds


def test_the_engine_in_memory_keeps_the_contract() -> None:
    holds(fake_docker(), "lab/base:fake", labels.new_run("fake"))


def test_the_contract_catches_an_engine_that_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeApi, "kill", lambda *_: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        holds(fake_docker(), "lab/base:fake", labels.new_run("fake"))
