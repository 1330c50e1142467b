"""Which addresses a container's processes listen on, from the kernel's socket table alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Evidence, Witness

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.model.observations import Endpoint, Observations, SocketRow

FIRST_LOOK = "ready"
"""Label of the snapshot taken before the first probe."""

Listening = tuple[tuple[str, ...], tuple[Evidence, ...]]


def listening(seen: Observations) -> Mapping[str, Listening]:
    """Container -> the addresses its processes listen on (TCP in state LISTEN, UDP unconnected), and the evidence.

    A container in whose namespace no socket table was seen is left out: that is not the same as listening nowhere.
    """
    looked = {row.namespace for row in seen.sockets if row.look == FIRST_LOOK}
    found: dict[str, tuple[set[str], list[Evidence]]] = {
        c.name: (set(), []) for c in seen.inventory.containers if c.namespace in looked
    }
    containers = _containers_by_pid(seen)
    for row in _listeners(seen):
        for name in {containers[pid] for pid in row.holders if pid in containers} & found.keys():
            found[name][0].add(written(row.local))
            found[name][1].append(Evidence(Witness.SOCKETS, f"sockets.jsonl:{row.line}", _says(row)))
    return {name: (tuple(sorted(a)), tuple(e) or _nowhere(seen, name)) for name, (a, e) in found.items()}


def _containers_by_pid(seen: Observations) -> dict[int, str]:
    by_id = {c.id: c.name for c in seen.inventory.containers}
    return {p.pid: name for p in seen.processes for cid, name in by_id.items() if cid and cid in p.cgroup}


def _listeners(seen: Observations) -> Iterator[SocketRow]:
    for row in seen.sockets:
        if row.look == FIRST_LOOK and row.state in ("LISTEN", "UNCONN"):
            yield row


def written(end: Endpoint) -> str:
    """`127.0.0.1:3000`, `[::]:8443`."""
    address, port = end
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _says(row: SocketRow) -> str:
    return f"{row.state} on {written(row.local)}, held by host pid {', '.join(map(str, row.holders))}"


def _nowhere(seen: Observations, name: str) -> tuple[Evidence, ...]:
    namespace = next(c.namespace for c in seen.inventory.containers if c.name == name)
    first = next(row for row in seen.sockets if row.look == FIRST_LOOK and row.namespace == namespace)
    says = f"the socket table of {namespace} has no listener of {name}"
    return (Evidence(Witness.SOCKETS, f"sockets.jsonl:{first.line}", says),)
