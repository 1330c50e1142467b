"""No exception of the SDK passes the adapter, and each becomes one that says what to do."""

from __future__ import annotations

from types import SimpleNamespace

import docker.errors
import pytest
import requests.exceptions
import urllib3.exceptions

from lab.engine.docker.connection import ConflictError, NotFoundError, asking
from lab.engine.docker.reaching import connect
from lab.engine.errors import MachineError


def _answer(status: int, says: str) -> docker.errors.APIError:
    return docker.errors.APIError("x", response=SimpleNamespace(status_code=status, reason="r", url="u"), explanation=says)


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (_answer(404, "No such container: x"), NotFoundError, "No such container"),
        (_answer(409, "name taken"), ConflictError, "name taken"),
        (_answer(403, "Pool overlaps with other one on this address space"), ConflictError, "Pool overlaps"),
        (_answer(500, "write: no space left on device"), MachineError, "lab clean --images"),
        (_answer(500, "Bind for 127.0.0.1:80 failed: port is already allocated"), MachineError, "another host port"),
        (requests.exceptions.ConnectionError(urllib3.exceptions.ProtocolError("x", ConnectionResetError(104, "reset"))),
         MachineError, "reset"),
        (urllib3.exceptions.ReadTimeoutError(None, "u", "timed out"), MachineError, "timed out"),  # type: ignore[arg-type]
        (docker.errors.DockerException("odd"), MachineError, "odd"),
        (BrokenPipeError(32, "Broken pipe"), MachineError, "Broken pipe"),
    ],
)  # fmt: skip
def test_what_the_sdk_raises_becomes_ours(raised: Exception, kind: type[MachineError], words: str) -> None:
    with pytest.raises(kind) as caught, asking("doing this", "unix:///e"):
        raise raised
    assert words in str(caught.value)
    assert caught.value.text.startswith("doing this")


def test_a_mistake_of_ours_is_not_dressed_up() -> None:
    with pytest.raises(KeyError), asking("doing this"):
        raise KeyError("ours")


def test_nobody_there_names_the_place_and_the_reason(tmp_path: object) -> None:
    with pytest.raises(MachineError, match="No such file or directory") as caught:
        connect(f"unix://{tmp_path}/none.sock")
    assert "none.sock" in caught.value.text
    assert "LAB_ENGINE" in caught.value.next_move
