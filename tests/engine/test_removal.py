"""Removing a container: what the engine says of one that ended, or is going, in that very moment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, NotFound

from lab.engine.docker.containers import remove_container
from lab.engine.errors import MachineError

NAME = "38f21c767a3c"
ENDED = f"Could not kill running container {NAME}, cannot remove - Container {NAME} is not running"


class Engine:
    """Answers each removal with the next of these; None: done."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.asked, self.awaited = list(answers), 0, 0
        self.url = "unix:///fake"
        self.api = SimpleNamespace(remove_container=self.remove, wait=self.wait)

    def remove(self, _: str, *, v: bool, force: bool) -> None:
        assert v
        assert force
        self.asked += 1
        if answer := self.answers.pop(0):
            raise answer

    def wait(self, *_: Any, **__: Any) -> None:
        self.awaited += 1


def refusal(status: int, text: str) -> APIError:
    kind = NotFound if status == 404 else APIError
    return kind("no", SimpleNamespace(status_code=status), text)


@pytest.mark.parametrize("second", [None, refusal(404, "No such container")])
def test_one_that_ended_by_itself_in_that_moment_is_removed_all_the_same(second: Exception | None) -> None:
    engine: Any = Engine(refusal(500, ENDED), second)
    remove_container(engine, NAME)
    assert (engine.asked, engine.awaited) == (2, 0)


@pytest.mark.parametrize(
    ("status", "text", "awaited"), [(404, "No such container", 0), (409, "removal already in progress", 1)]
)
def test_one_that_is_gone_or_going_is_no_error(status: int, text: str, awaited: int) -> None:
    engine: Any = Engine(refusal(status, text))
    remove_container(engine, NAME)
    assert (engine.asked, engine.awaited) == (1, awaited)


@pytest.mark.parametrize("answers", [[refusal(500, "device or resource busy")], [refusal(500, ENDED), refusal(500, ENDED)]])
def test_any_other_refusal_is_told_and_not_tried_away(answers: list[Exception]) -> None:
    engine: Any = Engine(*answers)
    with pytest.raises(MachineError, match="removing 38f21c767a3c: the engine answered 500"):
        remove_container(engine, NAME)
    assert engine.asked == len(answers)
