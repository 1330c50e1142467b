"""Debian's package installer, where this machine has it and we may use it.

Rule: nothing is installed before it has been said; words are passed as a list, never through a shell. Weak spot: a
mirror that is down takes apt's own retries before it fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from lab.engine.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 600
"""Seconds for one call of apt-get."""


def why_not() -> str:
    """Say why packages cannot be installed here; empty when they can."""
    if not sys.platform.startswith("linux") or shutil.which("apt-get") is None:
        return "this machine has no apt-get (it is not Debian or Ubuntu)"
    if os.geteuid() != 0:
        return "you are not root"
    return ""


def install(packages: tuple[str, ...], environment: Mapping[str, str] | None = None) -> None:
    """Install packages without their recommendations, after reading the mirror's lists. Nothing to do is no error."""
    if not packages:
        return
    _run(["apt-get", "update", "-q"], environment or {})
    _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages], environment or {})


def _run(command: list[str], extra: Mapping[str, str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **extra}
    try:
        done = subprocess.run(  # noqa: S603 - words of ours, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"`{' '.join(command)}` took more than {TIMEOUT} s", "see whether the mirror answers") from error
    if done.returncode:
        lines = tuple(done.stdout.decode("utf-8", "replace").splitlines()[-15:])
        raise MachineError(f"`{' '.join(command)}` ended with {done.returncode}", "run it by hand to see why", lines)
