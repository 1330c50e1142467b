"""A server's life outside of requests: how it ends on TERM, what it says of a good and of a broken configuration, how long it
takes to listen, what it weighs.

Rule: measured on a server that stands in an arrangement, from outside: the engine's word for its end, the kernel's socket table
for its listener. Weak spot: times are those of this machine, with whatever else runs on it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.engine import arrange, docker, readiness
from lab.engine.errors import MachineError
from lab.model.contract import END_SECONDS, Checked, Life

if TYPE_CHECKING:
    from lab.engine.arrange import Standing
    from lab.model.catalogue import Server
    from lab.model.plan import PlannedContainer

BROKEN = b"\n}{ broken on purpose ]\n"
"""What no configuration language that a server here reads takes at its end."""

CHECK_SECONDS = 30.0


def live(standing: Standing, name: str, row: Server, version: str) -> Life:
    """End, check and start again the server `name` of an arrangement that stands."""
    engine = standing.bench.docker
    planned = next(one for one in standing.plan.containers if one.name == name)
    made = standing.servers[name].id
    ended = _end(engine, made)
    good, broken = _checks(standing, planned, row)
    started = _start(standing, planned, made)
    memory = docker.memory(engine, made) if started is not None else None
    facts = docker.image(engine, standing.bench.tags[planned.image])
    return Life(
        planned.user or "", planned.read_only, version, ended, good, broken, started,
        memory / 1e6 if memory is not None else None, facts.size / 1e6 if facts else 0.0,
    )  # fmt: skip


def _end(engine: docker.Docker, made: str) -> float | None:
    begun = time.monotonic()
    docker.kill(engine, made, "TERM")
    try:
        docker.wait(engine, made, END_SECONDS)
    except MachineError:
        docker.kill(engine, made)
        docker.wait(engine, made, CHECK_SECONDS)
        return None
    return time.monotonic() - begun


def _checks(standing: Standing, planned: PlannedContainer, row: Server) -> tuple[Checked | None, Checked | None]:
    if not row.check or not planned.files:
        return None, None
    check = replace(planned, command=row.check)
    first, *rest = planned.files
    broken = replace(check, files=(replace(first, content=first.content + BROKEN), *rest))
    return _check(standing, replace(check, name="check")), _check(standing, replace(broken, name="check-broken"))


def _check(standing: Standing, planned: PlannedContainer) -> Checked:
    engine = standing.bench.docker
    made = arrange.create(standing, planned)
    docker.start(engine, made)
    code = docker.wait(engine, made, CHECK_SECONDS)
    return Checked(code, tuple(line.partition(" ")[2] for line in docker.logs(engine, made, tail=3)))


def _start(standing: Standing, planned: PlannedContainer, made: str) -> float | None:
    begun = time.monotonic()
    docker.start(standing.bench.docker, made)
    recorder, wanted = standing.bench.recorder, list(readiness.entries(standing, planned))
    asked = recorder.send("wait", case=standing.plan.case, listeners=wanted, timeout=readiness.LISTEN_SECONDS)
    answer = recorder.wait(asked, "wait", readiness.LISTEN_SECONDS + 5)
    return None if answer["missing"] else (time.monotonic() - begun) * 1e3
