"""A program for `test_own_engine.py`: walks the lab's own engine through its life in a network namespace of its own, so
that no other engine's bridge or packet filter is met. Usage: own_engine_walk.py FOLDER. Ends with 0 if all held."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.engine import docker as engine
from lab.engine import own_engine
from lab.engine.errors import MachineError


def main(folder: Path) -> None:
    paths = own_engine.Paths(folder / "data", folder / "run", "labtest0")
    assert own_engine.status(paths).pid is None
    try:
        started = own_engine.start(paths=paths)
        assert started.answers
        assert own_engine.start(paths=paths).pid == started.pid, "it was started twice"
        assert engine.facts(engine.connect(paths.url)).root == str(paths.data / "data")
        assert own_engine.stop(paths)
        assert own_engine.running_pid(paths) is None
        assert not own_engine.stop(paths)
        assert own_engine.start(paths=paths).answers, "it did not start again"
        own_engine.stop(paths)
        refuses(paths)
    finally:
        own_engine.remove(paths)
    assert not paths.data.exists()
    assert not paths.run.exists()


def refuses(paths: own_engine.Paths) -> None:
    """An engine that cannot start is an error with its last words."""
    (paths.data / "data").rename(paths.data / "aside")
    (paths.data / "data").write_text("no folder")
    with pytest.raises(MachineError, match="ended with") as caught:
        own_engine.start(paths=paths)
    assert caught.value.lines


if __name__ == "__main__":
    main(Path(sys.argv[1]))
