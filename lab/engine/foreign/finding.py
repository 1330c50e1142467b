"""Which containers run, and what they are called.

Rule: a container is called what compose calls its service, where that names one container of those looked into; else what
the engine calls it. What belongs to a run of the lab that is under way is nobody's deployment; what was left standing
(`lab up`) is one. Weak spot: containers that start later are not seen.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lab.engine import clean, docker
from lab.engine.labels import RUN
from lab.model.asked import CLIENT, HOST, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.engine.docker import ContainerFacts, Docker
    from lab.model.asked import Asked

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
RESERVED = (HOST, CLIENT)
"""Names that mean something else in a route."""


def running(engine: Docker) -> tuple[ContainerFacts, ...]:
    """All running containers but those of runs of the lab that are under way."""
    kept = {run.id for run in clean.runs(engine) if run.kept}
    return tuple(facts for facts in docker.running(engine) if dict(facts.labels).get(RUN, "") in {"", *kept})


def wanted(engine: Docker, asks: Sequence[Asked]) -> tuple[tuple[ContainerFacts, ...], str]:
    """The containers in scope and those that requests are to come from; or what is named and does not run, in words."""
    there = running(engine)
    vantages = [asked.vantage for asked in asks if asked.vantage not in RESERVED]
    scope = asks[0].scope
    if wrong := unknown(there, scope) or unknown(there, Scope(containers=tuple(vantages))):
        return (), wrong
    found = in_scope(there, scope)
    for name in vantages:
        if not any(called(facts, name) for facts in found):
            found = (*found, next(facts for facts in there if called(facts, name)))
    return found, ""


def in_scope(found: Sequence[ContainerFacts], scope: Scope) -> tuple[ContainerFacts, ...]:
    """Those that are to be looked into."""
    return tuple(
        facts for facts in found
        if (scope.project is None or dict(facts.labels).get(PROJECT) == scope.project)
        and (not scope.containers or any(called(facts, name) for name in scope.containers))
    )  # fmt: skip


def called(facts: ContainerFacts, name: str) -> bool:
    """Whether a person may mean this container by that name: its own, its id's beginning, or its service's."""
    return name in (facts.name, dict(facts.labels).get(SERVICE)) or (len(name) >= 12 and facts.id.startswith(name))


def unknown(found: Sequence[ContainerFacts], scope: Scope) -> str:
    """What the scope names and nothing running has; empty: all is there."""
    projects = sorted({p for facts in found if (p := dict(facts.labels).get(PROJECT))})
    if scope.project is not None and scope.project not in projects:
        return f"no container of a compose project {scope.project!r} runs; {_there('projects', projects)}"
    for name in scope.containers:
        if not any(called(facts, name) for facts in found):
            return f"no container {name!r} runs; {_there('containers', sorted(facts.name for facts in found))}"
    return ""


def _there(what: str, names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"{what} that run: {listed}" if listed else f"no {what} run"


def names(found: Sequence[ContainerFacts]) -> Mapping[str, str]:
    """Container id -> its short name, unique among these."""
    wished = {facts.id: dict(facts.labels).get(SERVICE) or facts.name for facts in found}
    times = Counter(wished.values())
    return {facts.id: _name(facts, wished[facts.id], times) for facts in found}


def _name(facts: ContainerFacts, wished: str, times: Counter[str]) -> str:
    if times[wished] == 1 and wished not in RESERVED:
        return wished
    return facts.name if facts.name not in RESERVED else f"{facts.name}-container"
