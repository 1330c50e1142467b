"""Files into a container and out of it, by the engine's archive call: it works with a remote engine too.

Rule: the same files give the same bytes. Weak spot: all is held in memory, so it is for configurations and evidence,
not for disk images.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lab.engine.docker.connection import Docker, asking

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file to be put into a container."""

    path: str
    content: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


def put_files(docker: Docker, container: str, folder: str, files: Iterable[ArchiveFile]) -> None:
    """Put files below `folder`, which must exist there (a mount point does before the start). Paths may be absolute
    or relative to `folder`; missing folders between are made with mode 0755."""
    data = archive(folder, files)
    with asking(f"putting files into {container[:12]} at {folder}", docker.url):
        docker.api.put_archive(container, folder, data)


def archive(folder: str, files: Iterable[ArchiveFile]) -> bytes:
    """Write a tar archive, the same bytes for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        made: set[PurePosixPath] = set()
        for file in files:
            path = PurePosixPath(file.path)
            path = path.relative_to(folder) if path.is_absolute() else path
            for parent in [p for p in reversed(path.parents) if p.name and p not in made]:
                made.add(parent)
                tar.addfile(_entry(str(parent), tarfile.DIRTYPE, 0o755))
            entry = _entry(str(path), tarfile.REGTYPE, file.mode)
            entry.uid, entry.gid, entry.size = file.uid, file.gid, len(file.content)
            tar.addfile(entry, io.BytesIO(file.content))
    return out.getvalue()


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, 0
    return entry


def get_archive(docker: Docker, container: str, path: str) -> dict[str, bytes]:
    """Read a file or all regular files below a folder: path relative to the folder's parent, and content."""
    with asking(f"reading {path} from {container[:12]}", docker.url):
        chunks, _ = docker.api.get_archive(container, path)
        data = b"".join(chunks)
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for entry in tar:
            if (handle := tar.extractfile(entry)) is not None:
                found[entry.name] = handle.read()
    return found
