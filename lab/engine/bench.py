"""What one invocation of the lab shares between its cases: the engine, the run's name, its certificate authority, one
recorder, and a watch over deaths."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.engine import agent as agents
from lab.engine import docker, forbidding
from lab.engine.errors import MachineError
from lab.engine.labels import RUN, Run, object_name, run_labels
from lab.engine.pki import Authority

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.engine.docker import Death, Docker, Watch
    from lab.engine.progress import Progress

READY_SECONDS = 20.0
"""For an agent's first line; it comes within half a second on an idle machine."""

RECORDER_CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "DAC_READ_SEARCH", "KILL")
"""setns and tracefs; receive buffers, packet queues; AF_PACKET; descriptors of other users' processes; their folders in
/proc; signals to the processes of a case."""


@dataclass(slots=True)
class Deaths:
    """Containers of this run that ended, and who waits for one."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _dead: dict[str, Death] = field(default_factory=dict)
    _waiting: list[tuple[frozenset[str], Future[Death]]] = field(default_factory=list)
    _lost: MachineError | None = None

    def tell(self, death: Death) -> None:
        """A container ended."""
        with self._lock:
            self._dead[death.id] = death
            for ids, future in self._waiting:
                if death.id in ids and not future.done():
                    future.set_result(death)

    def lose(self, error: MachineError) -> None:
        """The engine is gone."""
        with self._lock:
            self._lost = error
            for _, future in self._waiting:
                if not future.done():
                    future.set_exception(error)

    @property
    def lost(self) -> MachineError | None:
        """What was said when the engine went away; None while it is there."""
        with self._lock:
            return self._lost

    def first_of(self, ids: Iterable[str]) -> Future[Death]:
        """The first of these containers that ends, also one that has ended already."""
        future: Future[Death] = Future()
        wanted = frozenset(ids)
        with self._lock:
            if self._lost:
                future.set_exception(self._lost)
            for gone in sorted(wanted & self._dead.keys()):
                if not future.done():
                    future.set_result(self._dead[gone])
            self._waiting.append((wanted, future))
        return future


@dataclass(frozen=True, slots=True)
class Bench:
    """Shared by the cases of one run; safe for threads."""

    docker: Docker
    run: Run
    tags: Mapping[str, str]
    """Folder of `images/` -> image tag."""
    authority: Authority
    recorder: agents.Agent
    recorder_id: str
    facts: Mapping[str, Any]
    """The recorder's ready line."""
    deaths: Deaths
    watch: Watch
    progress: Progress


def open_bench(
    engine: Docker, run: Run, tags: Mapping[str, str], progress: Progress, without: tuple[str, ...] | None = None
) -> Bench:
    """Start the recorder and the watch. About a quarter of a second.

    `without`: witnesses that the recorder is forbidden; None: those that the environment names. Raises MachineError.
    """
    forbidden = forbidding.wanted() if without is None else without
    deaths = Deaths()
    watch = docker.watch_deaths(engine, {RUN: run.id}, deaths.tell, deaths.lose)
    recorder_id = docker.create_container(engine, _recorder_spec(run, tags["recorder"], forbidden))
    try:
        recorder = agents.over(docker.attach(engine, recorder_id), "the recorder")
        docker.start(engine, recorder_id, "the recorder")
        facts = recorder.ready(READY_SECONDS)
    except BaseException:
        docker.remove_container(engine, recorder_id)
        raise
    return Bench(engine, run, tags, Authority(), recorder, recorder_id, facts, deaths, watch, progress)


def _recorder_spec(run: Run, image: str, without: tuple[str, ...]) -> docker.ContainerSpec:
    return docker.ContainerSpec(
        name=object_name(run, "", "recorder"),
        image=image,
        labels=run_labels(run, "recorder"),
        cap_add=RECORDER_CAPABILITIES,
        security_opt=("no-new-privileges", "apparmor=unconfined", "label=disable", *forbidding.security(without)),
        environment=forbidding.environment(without),
        pid_mode="host",
        cgroupns="host",
        network="none",
        user="0:0",
        read_only=True,
        mounts=(docker.Mount("/evidence"),),
        tmpfs=(("/tmp", "mode=1777,size=16m"),),  # noqa: S108 - inside the container
        stdin_open=True,
    )


def gone(bench: Bench) -> MachineError | None:
    """What is wrong with the engine if it has gone away; an agent that ends may be the first sign of that."""
    if bench.deaths.lost is not None:
        return bench.deaths.lost
    try:
        docker.facts(bench.docker)
    except MachineError as error:
        return error
    return None


def close_bench(bench: Bench) -> None:
    """End the recorder and the watch. Cases must have been taken down before. What an engine that went away still holds
    is left to the guard and to the next command."""
    bench.recorder.close()
    bench.watch.close()
    if gone(bench) is None:
        docker.remove_container(bench.docker, bench.recorder_id)
