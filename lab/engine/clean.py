"""Leave nothing behind, and touch nothing that is somebody else's.

Rule: labels alone decide. What carries no `lab.run` is not seen here; what belongs to a live owner is left to it; what
was kept on purpose (`lab up`, `--keep`) has a marker volume and stays until `lab down`. Weak spot: the runs of another
machine on a shared engine are never judged dead from here; `clean(live=True)` takes them too.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.engine import docker as engine
from lab.engine import labels
from lab.engine.docker.connection import ConflictError
from lab.engine.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.engine.docker import Docker, Labelled

THREADS = 4
"""Removals at once; more gain nothing on the usual number of cores."""

ROUNDS = 3
"""Looks at what is left, for objects that were just being made or removed by somebody else."""

OURS = "lab/"
"""What the names of the lab's images begin with."""

KEPT, BUILD = "kept", "build"
"""Roles of the marker volumes: the run is kept on purpose; the run is building images."""


@dataclass(frozen=True, slots=True)
class LabRun:
    """One run that has objects on the engine."""

    id: str
    owner: labels.Owner | None
    kept: bool
    objects: tuple[Labelled, ...]

    @property
    def dead(self) -> bool:
        """Its process is surely gone, and nobody asked to keep it, or somebody else (compose) took down what was kept."""
        if self.owner is None or not labels.is_dead(self.owner):
            return False
        return not self.kept or all(thing.kind == "volume" for thing in self.objects)


@dataclass(frozen=True, slots=True)
class Removed:
    """What a clean-up removed, by name."""

    containers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.containers, self.networks, self.volumes, self.images))


def runs(docker: Docker) -> tuple[LabRun, ...]:
    """List all runs of the lab that have anything on the engine, kept ones marked; by id."""
    found = sorted(engine.labelled(docker, {labels.RUN: None}), key=_run_id)
    return tuple(read_run(run, tuple(things)) for run, things in itertools.groupby(found, _run_id))


def _run_id(thing: Labelled) -> str:
    return thing.labels[labels.RUN]


def read_run(run: str, things: tuple[Labelled, ...]) -> LabRun:
    """Tell owner and keeping from a run's objects."""
    owners = (labels.read_owner(thing.labels.get(labels.OWNER, "")) for thing in things)
    kept = any(thing.labels.get(labels.ROLE) == KEPT for thing in things)
    return LabRun(run, next((owner for owner in owners if owner), None), kept, things)


def sweep(docker: Docker) -> Removed:
    """Remove what belongs to dead owners, and the layers of builds that they broke off. Some 5 ms when there is
    nothing. For the start of every command."""
    known = runs(docker)
    dead = [thing for run in known if run.dead for thing in run.objects]
    broken_off = [thing for thing in dead if _is_build(thing)]
    if broken_off and any(_is_build(thing) for run in known if not run.dead for thing in run.objects):
        # Nameless layers may be the live build's: the marker stays, and a later sweep drops them.
        return _remove(docker, [thing for thing in dead if thing not in broken_off])
    removed = _remove(docker, dead)
    layers = _drop_layers(docker) if broken_off else ()
    return Removed(removed.containers, removed.networks, removed.volumes, layers)


def _is_build(thing: Labelled) -> bool:
    return thing.labels.get(labels.ROLE) == BUILD


def clean(docker: Docker, *, live: bool = False, images: bool = False) -> Removed:
    """Remove all that is the lab's: what is dead or kept; with `live` also what belongs to runs that are under way;
    with `images` also its images. Raises MachineError for what resists."""
    known = runs(docker)
    going = [run for run in known if live or run.kept or run.dead or run.owner is None]
    removed = _remove(docker, [thing for run in going for thing in run.objects])
    gone = remove_images(docker) if images else ()
    return Removed(removed.containers, removed.networks, removed.volumes, gone)


def remove_run(docker: Docker, run: str) -> Removed:
    """Remove all of one run, whoever owns it. Raises MachineError for what resists."""
    removed = Removed()
    for _ in range(ROUNDS):
        things = engine.labelled(docker, {labels.RUN: run})
        if not things:
            break
        removed = _add(removed, _remove(docker, things))
    return removed


def remove_case(docker: Docker, run: str, case: str) -> Removed:
    """Remove all of one case of a run."""
    return _remove(docker, engine.labelled(docker, {labels.RUN: run, labels.CASE: case}))


def keep(docker: Docker, run: labels.Run) -> None:
    """Mark a run to outlive its process: sweeps pass it by until `remove_run` or `clean`."""
    engine.create_volume(docker, labels.object_name(run, "", KEPT), labels.run_labels(run, KEPT))


@contextmanager
def building(docker: Docker, run: labels.Run) -> Iterator[None]:
    """Mark a run as building: its layers have no name yet, and nobody's sweep takes them for leftovers."""
    name = labels.object_name(run, "", BUILD)
    engine.create_volume(docker, name, labels.run_labels(run, BUILD))
    try:
        yield
    finally:
        engine.remove_volume(docker, name)


def remove_images(docker: Docker) -> tuple[str, ...]:
    """Remove every image of the lab that no container uses; those made from others first.

    An image of somebody's own that stands on one of ours carries our labels too: only names under `lab/` are taken.
    """
    gone: list[str] = []
    for _ in range(ROUNDS):
        left = [tag for image in engine.images(docker, {labels.IMAGE: None}) for tag in image.tags]
        gone += [tag for tag in left if tag.startswith(OURS) and _try_remove(docker, tag)]
    return tuple(dict.fromkeys(gone))


def _drop_layers(docker: Docker) -> tuple[str, ...]:
    left = engine.images(docker, {labels.IMAGE: None}, dangling=True)
    return tuple(image.id for image in left if _try_remove(docker, image.id))


def _try_remove(docker: Docker, name: str) -> bool:
    try:
        engine.remove_image(docker, name)
    except ConflictError:
        return False
    return True


def _remove(docker: Docker, things: Iterable[Labelled]) -> Removed:
    """Remove containers, then networks, then volumes; go on past what resists, and say so at the end."""
    by_kind: dict[str, list[Labelled]] = {"container": [], "network": [], "volume": []}
    for thing in things:
        by_kind[thing.kind].append(thing)
    if not any(by_kind.values()):
        return Removed()
    resisted: list[MachineError] = []
    with ThreadPoolExecutor(THREADS, thread_name_prefix="lab-clean") as pool:
        for group in by_kind.values():
            resisted += [error for error in pool.map(lambda thing: _try(docker, thing), group) if error]
    if resisted:
        text = "; ".join(error.text for error in resisted)
        raise MachineError(f"could not remove everything: {text}", "`lab clean` tries again")
    return Removed(*(tuple(thing.name for thing in by_kind[kind]) for kind in by_kind))


def _try(docker: Docker, thing: Labelled) -> MachineError | None:
    try:
        engine.remove_labelled(docker, thing)
    except MachineError as error:
        return error
    return None


def _add(one: Removed, other: Removed) -> Removed:
    return Removed(
        one.containers + other.containers,
        one.networks + other.networks,
        one.volumes + other.volumes,
        one.images + other.images,
    )
