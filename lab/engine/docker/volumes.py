"""Volumes: create, list, remove. Weak spot: a volume that a container still uses cannot be removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.engine.docker.connection import Docker, NotFoundError, asking
from lab.engine.docker.containers import label_filter

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """A volume as the engine reports it."""

    name: str
    labels: tuple[tuple[str, str], ...]


def create_volume(docker: Docker, name: str, labels: Mapping[str, str]) -> str:
    """Create a volume; one of the same name that is there is taken as it is. Gives its name."""
    with asking(f"creating the volume {name}", docker.url):
        return str(docker.api.create_volume(name, labels=dict(labels))["Name"])


def volumes(docker: Docker, labels: Mapping[str, str | None]) -> tuple[VolumeFacts, ...]:
    """List the volumes that carry all these labels (value None: any value)."""
    with asking("listing volumes", docker.url):
        rows = docker.api.volumes(filters={"label": label_filter(labels)})["Volumes"] or ()
    return tuple(VolumeFacts(row["Name"], tuple(sorted((row["Labels"] or {}).items()))) for row in rows)


def remove_volume(docker: Docker, name: str) -> None:
    """Remove; one that is gone is no error, one in use raises ConflictError."""
    try:
        with asking(f"removing the volume {name}", docker.url):
            docker.api.remove_volume(name)
    except NotFoundError:
        return
