"""Containers, networks and volumes alike, by their labels: what cleaning needs, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the values below are plain data, readable at run time
from dataclasses import dataclass

from lab.engine.docker.connection import Docker, asking
from lab.engine.docker.containers import label_filter, remove_container
from lab.engine.docker.networks import remove_network
from lab.engine.docker.volumes import remove_volume

REMOVE = {"container": remove_container, "network": remove_network, "volume": remove_volume}
"""In the order in which they go: a network and a volume can only go after the containers on them."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One object with its labels."""

    kind: str
    id: str
    """Name, for a volume."""
    name: str
    labels: Mapping[str, str]


def labelled(docker: Docker, labels: Mapping[str, str | None]) -> tuple[Labelled, ...]:
    """List all containers (ended ones too), networks and volumes with these labels: three questions, about 5 ms."""
    wanted = {"label": label_filter(labels)}
    with asking("listing what is the lab's", docker.url):
        api = docker.api
        containers = [
            Labelled("container", row["Id"], row["Names"][0].removeprefix("/") if row["Names"] else "", row["Labels"])
            for row in api.containers(all=True, filters=wanted)
        ]
        networks = [Labelled("network", n["Id"], n["Name"], n["Labels"] or {}) for n in api.networks(filters=wanted)]
        rows = api.volumes(filters=wanted)["Volumes"] or ()
        volumes = [Labelled("volume", row["Name"], row["Name"], row["Labels"] or {}) for row in rows]
    return (*containers, *networks, *volumes)


def remove_labelled(docker: Docker, thing: Labelled) -> None:
    """Remove one object, whatever its kind."""
    REMOVE[thing.kind](docker, thing.id)
