"""The lab's own engine, really started, stopped, refused and removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WALK = Path(__file__).with_name("own_engine_walk.py")


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="wants root on Linux")
@pytest.mark.skipif(not shutil.which("dockerd"), reason="wants an installed engine")
def test_start_again_stop_fail_remove(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, str(WALK), str(tmp_path / "e")],  # noqa: S607 - a system tool
        capture_output=True,
        cwd=WALK.parents[2],
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
