"""Wait until an arrangement listens, and tell in a server's own words why it does not.

Rule: a listener is there when the kernel's socket table has it and a process of its container holds it; that the
address is taken by another container is not readiness. Weak spot: where the recorder may not read the processes, a listener
of anybody counts.
"""

from __future__ import annotations

import re
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Any

from lab.engine import docker
from lab.engine.errors import ServerError
from lab.engine.looking import calm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.engine.arrange import Standing
    from lab.model.plan import PlannedContainer

LISTEN_SECONDS = 20.0
"""For all listeners of an arrangement; nginx needs 3 ms, Envoy 300 ms here."""

END_SECONDS = 5.0
"""Until the engine, too, knows that a container has ended; it takes some milliseconds."""

CALM_SECONDS = 5.0
"""For a server that listens before it knows what to answer, until nothing moves in it any more; Traefik needs 60 ms."""

LAST_LINES = 8


def await_listeners(standing: Standing) -> None:
    """Wait until the kernel has every planned listener. Raises ServerError for a server that ends before that, or does not
    listen in time; MachineError if the engine goes away."""
    bench = standing.bench
    wanted = [entry for planned in standing.plan.containers for entry in entries(standing, planned)]
    if not wanted:
        return
    asked = bench.recorder.send("wait", case=standing.plan.case, listeners=wanted, timeout=LISTEN_SECONDS)
    dead = bench.deaths.first_of(facts.id for facts in standing.servers.values())
    first: list[Future[Any]] = [asked, dead]
    wait(first, timeout=LISTEN_SECONDS + END_SECONDS, return_when=FIRST_COMPLETED)
    if dead.done():
        raise _died(standing, dead.result().id)
    answer = bench.recorder.wait(asked, "wait", 1.0)
    for entry in answer.get("ended", ()):
        raise _died(standing, entry["container"])
    if answer["missing"]:
        raise _silent(standing, answer["missing"], answer.get("open", {}))
    if any(planned.listens_early for planned in standing.plan.containers):
        calm(standing, CALM_SECONDS)


def entries(standing: Standing, planned: PlannedContainer) -> Iterator[dict[str, object]]:
    """What is waited for of one container, in the recorder's words."""
    holder = {"container": standing.servers[planned.name].id} if _may_look_at_processes(standing) else {}
    if not planned.listeners and holder and not planned.polls:
        yield _entry(planned.namespace, "tcp", "", 0) | holder
    for one in planned.listeners:
        yield _entry(planned.namespace, one.transport, one.address, one.port) | holder


def _may_look_at_processes(standing: Standing) -> bool:
    return bool(standing.bench.facts.get("witnesses", {}).get("processes", {}).get("available"))


def _entry(namespace: str, transport: str, address: str, port: int) -> dict[str, object]:
    return {"namespace": namespace, "transport": transport, "address": address, "port": port}


def _died(standing: Standing, made: str) -> ServerError:
    name = next(name for name, facts in standing.servers.items() if facts.id == made)
    docker.wait(standing.bench.docker, made, END_SECONDS)
    facts = docker.inspect(standing.bench.docker, made)
    killed = ", killed for want of memory" if facts.oom_killed else ""
    said = tuple(_said(standing, made, LAST_LINES))
    return ServerError(
        f"container {name} ({facts.image}) ended with exit code {facts.exit_code}{killed} before it listened",
        _where_to_look(standing, name, said),
        said or ("(it wrote nothing)",),
    )


def _where_to_look(standing: Standing, name: str, said: Iterable[str]) -> str:
    planned = next(one for one in standing.plan.containers if one.name == name)
    mine = [f"{file.path} is {file.source}" for file in planned.files if file.source]
    if mine:
        return f"mend what its last words complain of; {', '.join(mine)} beside the scenario{where_it_writes(planned, said)}"
    if planned.files:
        return f"its last words are above, what it was given lies in the case's folder under configs/{name}/"
    return "its last words are above; compare the container's `command`, `environment` and `files`"


_MAY_NOT_WRITE = re.compile("read-only file system|permission denied", re.IGNORECASE)


def where_it_writes(planned: PlannedContainer, said: Iterable[str]) -> str:
    """Where a server may write, if its last words complain that it may not; what works as root elsewhere often fails here."""
    if planned.user is None or not any(_MAY_NOT_WRITE.search(line) for line in said):
        return ""
    places = ", ".join((*planned.writable, "/dev/stdout", "/dev/stderr"))
    return f"; it runs as user {planned.user}{' on a read-only root' if planned.read_only else ''}, and may write to {places}"


def _said(standing: Standing, made: str, lines: int) -> Iterator[str]:
    """Its last lines, without the engine's time stamps."""
    for line in docker.logs(standing.bench.docker, made, tail=lines):
        yield line.partition(" ")[2].rstrip()


def _silent(standing: Standing, missing: list[dict[str, Any]], others: dict[str, list[str]]) -> ServerError:
    names = {facts.id: name for name, facts in standing.servers.items()}
    lines = [_missing(entry, names) for entry in missing]
    for namespace, places in sorted(others.items()):
        lines.append(f"in {namespace} these are open: {', '.join(places) or 'none'}")
    silent = {names[entry["container"]] for entry in missing if entry.get("container") in names}
    lines += [f"{name}: {line}" for name in sorted(silent) for line in _said(standing, standing.servers[name].id, 3)]
    return ServerError(
        f"after {LISTEN_SECONDS:g} s the arrangement does not listen as the scenario says",
        "compare the scenario's `listen` with what the server was told (configs/ in the case's folder)",
        tuple(lines),
    )


def _missing(entry: dict[str, Any], names: dict[str, str]) -> str:
    who = names.get(entry.get("container", ""), "nobody")
    if not entry["port"]:
        return f"{who} listens nowhere in {entry['namespace']}"
    place = f"[{entry['address']}]" if ":" in entry["address"] else entry["address"]
    return f"{who} does not listen on {place}:{entry['port']} in {entry['namespace']}"
