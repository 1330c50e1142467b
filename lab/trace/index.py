"""All observations of a case, sorted once for the questions that are asked of them.

Rule: nothing is decided here; what is not in the observations is not in the index. Weak spot: a pid that ran two programs
(exec) is shown as the later one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from lab.trace.attempts import attempts
from lab.trace.connections import Connection, connections
from lab.trace.lives import Ends, Life, lives
from lab.trace.talk import POSTGRES, remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.model.observations import AppEvent, Endpoint, KernelEvent, Observations, Packet, SeenProcess, SocketRow
    from lab.trace.moments import Memo

K = TypeVar("K")
V = TypeVar("V")
Timed = TypeVar("Timed", "AppEvent", "KernelEvent", "Packet", "SocketRow")
HOST = "host"
"""Name of the engine's own namespace, and of what runs there in no container."""
SLACK_NS = 2 * 10**6
"""Two clocks of one machine may differ by this."""
_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Index:
    """The observations of one case, by what they are asked for."""

    seen: Observations
    memo: Memo
    connections: tuple[Connection, ...]
    sent_from: Mapping[str, Sequence[Connection]]
    """Namespace -> connections initiated there, in order of time."""
    received_in: Mapping[str, Sequence[Connection]]
    processes: Mapping[int, SeenProcess]
    containers: Mapping[int, str]
    """Host pid -> container."""
    begun: Mapping[tuple[str, Endpoint, Endpoint], Sequence[int]]
    """(namespace, server, client) -> when connections with these ends began there, in order of time."""
    rows: Mapping[tuple[str, Endpoint, Endpoint], Sequence[SocketRow]]
    """(namespace, local, peer) -> rows of the socket table."""
    rows_by_peer: Mapping[tuple[str, Endpoint], Sequence[SocketRow]]
    listeners: Mapping[str, Sequence[SocketRow]]
    """Namespace -> LISTEN rows."""
    listeners_on: Mapping[tuple[str, int], Sequence[SocketRow]]
    """(namespace, port) -> LISTEN rows, in order of time."""
    databases: Mapping[str, Sequence[Connection]]
    """Namespace -> connections to a database that were initiated there."""
    datagrams: Mapping[tuple[str, Endpoint, Endpoint], Sequence[Packet]]
    """(namespace, source, destination) -> datagrams, and refusals of those that went the other way, in order of time."""
    datagram_rows: Mapping[str, Sequence[SocketRow]]
    """Namespace -> rows of sockets for datagrams."""
    datagram_moves: Mapping[str, Sequence[KernelEvent]]
    """Namespace of the process -> its reads and writes of datagrams, in order of time."""
    lives: Mapping[Ends, Sequence[Life]]
    lives_by_peer: Mapping[Endpoint, Sequence[Life]]
    accepts: Mapping[int, Sequence[KernelEvent]]
    """Host pid -> its accepts of which nothing tells the connection, in order of time."""
    reports: Mapping[str, Sequence[AppEvent]]
    """Container -> what its application reported, in order of time. A container that reports nothing is not in it."""
    entered: Mapping[str, Sequence[AppEvent]]
    """Token -> reports that a handler was entered for it."""
    strace: bool
    """Whether the kernel's timeline is strace's, which sees calls and no states."""


def build(seen: Observations, memo: Memo) -> Index:
    """Sort everything."""
    alive = lives(e for e in seen.kernel if e.transport == "tcp")
    every = [life for same in alive.values() for life in same]
    found = connections(seen.packets, seen.inventory, memo, lambda flows: attempts(flows, every, _watched_whole(seen)))
    rows = [row for row in seen.sockets if row.transport == "tcp"]
    sender = {c.id: c.sender.namespace for c in found if c.sender}
    receiver = {c.id: c.receiver.namespace for c in found if c.receiver}
    processes = {p.pid: p for p in seen.processes}
    return Index(
        seen=seen,
        memo=memo,
        connections=found,
        sent_from=_grouped((sender[c.id], c) for c in found if c.id in sender),
        received_in=_grouped((receiver[c.id], c) for c in found if c.id in receiver),
        processes=processes,
        containers={p.pid: name for p in processes.values() if (name := _container(p, seen))},
        begun=_grouped(sorted(((v.namespace, v.server, v.client), v.begun_ns) for c in found for v in c.views)),
        rows=_grouped(((r.namespace, r.local, r.peer), r) for r in rows if r.state != "LISTEN"),
        rows_by_peer=_grouped(((r.namespace, r.peer), r) for r in rows if r.state != "LISTEN"),
        listeners=_grouped((r.namespace, r) for r in rows if r.state == "LISTEN"),
        datagrams=_grouped(
            ((p.namespace, p.source, p.destination), p) for p in _in_order(p for p in seen.packets if p.transport != "tcp")
        ),
        datagram_rows=_grouped((r.namespace, r) for r in _in_order(r for r in seen.sockets if r.transport == "udp")),
        datagram_moves=_grouped(
            (e.namespace, e) for e in _in_order(e for e in seen.kernel if e.transport == "udp") if e.namespace
        ),
        listeners_on=_grouped(((r.namespace, r.local[1]), r) for r in _in_order(r for r in rows if r.state == "LISTEN")),
        databases=_grouped(
            (sender[c.id], c) for c in found if c.id in sender and remembered(c.best, memo).protocol == POSTGRES
        ),
        lives=alive,
        lives_by_peer=_grouped((life.peer, life) for life in every),
        accepts=_grouped((e.pid, e) for e in seen.kernel if e.event == "accept" and e.size >= 0 and e.peer is None),
        reports=_grouped((e.container, e) for e in _in_order(seen.application)),
        entered=_grouped((e.token, e) for e in seen.application if e.event == "dispatched" and e.token),
        strace=any(e.socket < 0 for e in seen.kernel),
    )


def _watched_whole(seen: Observations) -> dict[int, str]:
    """Host pid -> namespace, of processes in namespaces of which every packet was captured."""
    cut = {gap.namespace for gap in seen.gaps if gap.witness == "packets"}
    return {} if "" in cut else {p.pid: p.namespace for p in seen.processes if p.namespace not in (*cut, HOST, "")}


def _to_database(connection: Connection, memo: Memo) -> bool:
    return remembered(connection.best, memo).protocol == POSTGRES


def _in_order(each: Iterable[Timed]) -> list[Timed]:
    return sorted(each, key=lambda one: one.time_ns)


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    groups: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)


def _container(process: SeenProcess, seen: Observations) -> str | None:
    """The container whose id the process's cgroup path carries; `host` for what runs on the host in none."""
    ids = _ID.findall(process.cgroup)
    names = [c.name for c in seen.inventory.containers if c.id and c.id in ids]
    if names:
        return names[-1]
    if process.namespace == HOST:
        return HOST
    return ids[-1][:12] if ids else None


def gaps(index: Index, witness: str, namespace: str | None = None) -> tuple[str, ...]:
    """Why this witness's evidence is known to be incomplete (in this namespace)."""
    return tuple(
        gap.why for gap in index.seen.gaps if gap.witness == witness and (namespace is None or gap.namespace in ("", namespace))
    )
