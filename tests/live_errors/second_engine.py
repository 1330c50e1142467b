"""A program for `test_engine_goes.py`: an engine of its own in a network namespace of its own, to be killed in the middle.

Usage: unshare --net python second_engine.py FOLDER. Reads words, a line each: `start`, `kill`; answers `done`. At the end of
its input it removes the engine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from lab.engine import own_engine


def main(folder: Path) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)  # noqa: S607 - a system tool; containers do without
    paths = own_engine.Paths(folder / "data", folder / "run", "labtest1")
    try:
        for word in sys.stdin:
            if word.strip() == "start":
                own_engine.start(paths=paths)
            else:
                kill(paths)
            print("done", flush=True)
    finally:
        own_engine.remove(paths)


def kill(paths: own_engine.Paths) -> None:
    """End it as a crash would, and see that it is gone."""
    pid = own_engine.running_pid(paths)
    assert pid is not None
    gone = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PIDFD, gone, os.WEXITED) if os.getpid() == _parent(pid) else _await(gone)
    os.close(gone)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _await(pidfd: int) -> None:
    import select

    assert select.select([pidfd], [], [], 10)[0], "it survived a kill"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
