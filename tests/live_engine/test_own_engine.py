"""The lab's own engine, really started, stopped, refused and removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

WALK = Path(__file__).with_name("own_engine_walk.py")


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="wants root on Linux")
@pytest.mark.skipif(not shutil.which("dockerd"), reason="wants an installed engine")
def test_start_again_stop_fail_remove() -> None:
    with tempfile.TemporaryDirectory(prefix="lab-e", dir="/tmp") as folder:  # a socket's path has 104 characters at most
        done = _walk(Path(folder) / "e")
    assert done.returncode == 0, done.stderr


def _walk(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a program of ours
        ["unshare", "--net", sys.executable, str(WALK), str(folder)],  # noqa: S607 - a system tool
        capture_output=True,
        cwd=WALK.parents[2],
        text=True,
        timeout=120,
        check=False,
    )
