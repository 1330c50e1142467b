"""A small child process that outlives a `kill -9` of the lab and removes what the run left.

Rule: it blocks on a pipe whose other end only the lab holds. If the pipe closes with the word, all was cleaned up; if
it closes without, the lab died, and everything with the run's label goes, unless the run was kept on purpose. It has a
session of its own, so what is typed at the terminal does not reach it. Weak spot: if both are killed at once, the next
command's sweep does the work.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lab.engine import clean
from lab.engine import docker as engine
from lab.engine.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.engine.docker import Docker
    from lab.engine.labels import Run

DONE = b"done\n"

TRIES = 60
"""Looks, one each PAUSE, while the engine does not answer: it may be restarting."""

PAUSE = 1.0

SETTLE = 0.5
"""Seconds between two looks that must both find nothing: what was asked of the engine just before the death may still
be in the making."""


@contextmanager
def guard(docker: Docker, run: Run) -> Iterator[None]:
    """Guard a run from here on, until the block ends. After an exception what the clean-up inside the block did not know of
    (an object whose making was broken off) is removed, and the guard looks again later; nobody waits for that."""
    process = _start(docker, run.id)
    try:
        yield
    except BaseException:
        with suppress(MachineError):
            _remove_unless_kept(docker, run.id)
        process.stdin.close()  # type: ignore[union-attr] # it was asked for
        raise
    _call_off(process)


def _start(docker: Docker, run: str) -> subprocess.Popen[bytes]:
    tls = [str(docker.tls)] if docker.tls else []
    return subprocess.Popen(  # noqa: S603 - this module, run by this Python
        [sys.executable, "-m", "lab.engine.guard", docker.url, run, *tls],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parents[2],
        start_new_session=True,
    )


def _call_off(process: subprocess.Popen[bytes]) -> None:
    try:
        process.communicate(DONE, timeout=10)
    except (BrokenPipeError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()


def main(arguments: list[str]) -> int:
    """Wait for the pipe's end, then clean up unless called off: `URL RUN [TLS folder]`."""
    for word in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(word, signal.SIG_IGN)
    if read_to_end(0) == DONE:
        return 0
    url, run, *tls = arguments
    return 0 if remove_all(url, run, Path(tls[0]) if tls else None) else 1


def read_to_end(descriptor: int) -> bytes:
    """Read a pipe until its last writer is gone."""
    said = b""
    while piece := os.read(descriptor, 64):
        said += piece
    return said


def remove_all(url: str, run: str, tls: Path | None) -> bool:
    """Remove a run until two looks in a row find nothing; False if the engine stays away."""
    pause, quiet = threading.Event(), 0
    for _ in range(TRIES):
        try:
            docker = engine.connect(url, tls)
            quiet = 0 if _remove_unless_kept(docker, run) else quiet + 1
            clean.sweep(docker)
        except MachineError:
            quiet = 0
        if quiet == 2:
            return True
        pause.wait(PAUSE if not quiet else SETTLE)
    return False


def _remove_unless_kept(docker: Docker, run: str) -> bool:
    """Remove what there is of the run; tells whether there was anything."""
    found = next((one for one in clean.runs(docker) if one.id == run), None)
    if found is None or found.kept:
        return False
    return bool(clean.remove_run(docker, run))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
