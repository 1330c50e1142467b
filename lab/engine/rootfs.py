"""The root file system that the base image stands on: Debian by digest from a registry, else made of Debian's packages.

Rule: the registry is asked first and briefly; where none answers, mmdebstrap makes the same release and the engine
imports it as it is written, with no file in between. Weak spot: what is bootstrapped is as new as the mirror, so two
machines may differ in a security update; the image's label says which way was taken.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lab.engine import apt
from lab.engine import docker as engine
from lab.engine.errors import ImageError, MachineError

if TYPE_CHECKING:
    from lab.engine.docker.connection import Docker
    from lab.engine.progress import Progress

RELEASE = "trixie"

SOURCE = "lab.base.source"
"""Label: where the root file system came from."""

EPOCH = "1767225600"
"""2026-01-01: mmdebstrap sets every file that it writes to this time, so equal packages give equal bytes."""

REGISTRY_TIMEOUT = 10.0
"""Seconds of silence after which a registry is given up."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""Of the package debian-archive-keyring, which Debian carries and Ubuntu offers."""


def provide(docker: Docker, wanted: str, repository: str, tag: str, progress: Progress) -> str:
    """Give a reference to build on: the image `wanted` by digest, or `repository:tag` made here. Raises ImageError.

    `wanted` is pulled with a short timeout; when that fails for any reason the root file system is bootstrapped.
    """
    if engine.image(docker, wanted):
        return wanted
    made = f"{repository}:{tag}"
    if engine.image(docker, made):
        return made
    refused = _pull(docker, wanted, progress)
    if refused is None:
        return wanted
    _may_bootstrap(refused)
    progress.note("no registry gives the base image; making the same of Debian's packages instead, once")
    with progress.phase(f"base image: Debian {RELEASE} from Debian's packages"):
        _bootstrap(docker, repository, tag)
    return made


def _pull(docker: Docker, wanted: str, progress: Progress) -> MachineError | None:
    with progress.phase(f"base image: asking the registry for {wanted.partition('@')[0]}"):
        try:
            engine.pull_image(docker, wanted, REGISTRY_TIMEOUT, lambda _: None)
        except MachineError as error:
            return error
    return None


def _may_bootstrap(refused: MachineError) -> None:
    why_not = apt.why_not()
    if why_not:
        raise ImageError(
            f"no base image: {refused.text}; and it cannot be made here of Debian's packages, because {why_not}",
            "make a registry reachable for the engine, or run once as root on Debian or Ubuntu",
        )
    apt.install(tuple(name for name, there in _tools() if not there))


def _tools() -> tuple[tuple[str, bool], ...]:
    return ("mmdebstrap", shutil.which("mmdebstrap") is not None), ("debian-archive-keyring", KEYRING.exists())


def _bootstrap(docker: Docker, repository: str, tag: str) -> None:
    """Stream mmdebstrap's tar into the engine (12 to 20 s)."""
    command = ["mmdebstrap", "--variant=minbase", "--mode=root", f"--keyring={KEYRING}", RELEASE, "-"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - fixed words
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env={**os.environ, **_FIXED}
        )
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            engine.import_image(docker, process.stdout, repository, tag, _changes())
        except MachineError as error:
            _end(process)
            raise _failed(process.returncode, _all(said), error.text) from error
        finally:
            _end(process)
        if process.returncode:
            engine.remove_image(docker, f"{repository}:{tag}")
            raise _failed(process.returncode, _all(said), "")


_FIXED = {"SOURCE_DATE_EPOCH": EPOCH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let go of the pipe first: a bootstrap whose reader has gone ends by itself."""
    if process.stdout:
        process.stdout.close()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _all(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _failed(code: int, said: bytes, also: str) -> ImageError:
    lines = tuple(said.decode("utf-8", "replace").splitlines()[-20:])
    return ImageError(
        f"mmdebstrap ended with {code} instead of a root file system{f' ({also})' if also else ''}",
        "see its last lines above; most often Debian's mirror did not answer",
        lines,
    )


def _changes() -> tuple[str, ...]:
    title = f"Debian {RELEASE}, bootstrapped"
    return (
        'CMD ["bash"]',
        f"LABEL lab.image=rootfs {SOURCE}=bootstrapped",
        f'LABEL org.opencontainers.image.title="{title}" org.opencontainers.image.vendor="lab"',
        "LABEL org.opencontainers.image.created=2026-01-01T00:00:00Z",
    )
