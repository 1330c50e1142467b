"""Put a container's files in place before it starts: configurations for all to read, private keys for its server alone.

Rule: what lies under /etc/lab goes into the volume that is mounted there, so the root may be read-only. Weak spot: a
file outside of /etc/lab wants a root that can be written before the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.engine import docker
from lab.engine.errors import ServerError
from lab.model.plan import CONFIG_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.engine.docker import Docker
    from lab.engine.pki import Placed
    from lab.model.plan import PlannedContainer


def put_files(engine: Docker, made: str, planned: PlannedContainer, placed: Sequence[Placed]) -> None:
    """Put the planned files and the issued certificates into a container that was created and not started."""
    uid, gid = _owner(engine, made, planned) if any(file.secret for file in placed) else (0, 0)
    files = [docker.ArchiveFile(file.path, file.content) for file in planned.files]
    files += [docker.ArchiveFile(file.path, file.content) for file in placed if not file.secret]
    files += [docker.ArchiveFile(file.path, file.content, 0o600, uid, gid) for file in placed if file.secret]
    inside = [file for file in files if file.path.startswith(f"{CONFIG_FOLDER}/")]
    outside = [file for file in files if file not in inside]
    if inside:
        docker.put_files(engine, made, CONFIG_FOLDER, inside)
    if outside:
        docker.put_files(engine, made, "/", outside)


def _owner(engine: Docker, made: str, planned: PlannedContainer) -> tuple[int, int]:
    """Who is to own the private keys: the server's user, for a foreign image the one that it names."""
    user = planned.user
    if user is None:
        image = docker.image(engine, planned.image)
        user = (image.user if image else "") or "0"
    uid, _, gid = user.partition(":")
    if not uid.isdecimal():
        return _account(engine, made, planned, uid)
    return int(uid), int(gid) if gid.isdecimal() else int(uid)


def _account(engine: Docker, made: str, planned: PlannedContainer, name: str) -> tuple[int, int]:
    """Look a user's name up in the container's own passwd(5)."""
    found = docker.get_archive(engine, made, "/etc/passwd")
    for line in b"".join(found.values()).decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) > 3:
            return int(fields[2]), int(fields[3])
    raise ServerError(
        f"container {planned.name}: the image {planned.image} is to run as {name!r}, whom its /etc/passwd does not know",
        "give the image a numeric user, so that the private key can be made readable for it",
    )
