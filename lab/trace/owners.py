"""Which process received a connection, and which one initiated it.

Strongest first: (a) a row of the socket table with the connection's own ends, and who holds a descriptor of it; (b) the
kernel's timeline: who read and wrote on the socket with these ends; (c) an accept that can only have been this one's; (d) the
listener and its holders; of QUIC what `lab.trace.quic_owners` says. Holding is not accepting: parents and forks hold sockets
on which they never read, so a reader beats a holder, and the two contradict each other only if no reader is among the
holders. Weak spot: (d) names candidates, and a container only if all of them are in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from math import inf
from typing import TYPE_CHECKING

from lab.model.routes import About, Contradiction, Evidence
from lab.trace import cite
from lab.trace.habits import NONE as NO_HABITS
from lab.trace.habits import Habits
from lab.trace.index import SLACK_NS, gaps
from lab.trace.listeners import written
from lab.trace.lives import BEGINS, Life, reads
from lab.trace.quic_owners import having

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.model.observations import Endpoint, KernelEvent, Packet, SocketRow
    from lab.trace.connections import Connection
    from lab.trace.flows import Flow
    from lab.trace.index import Index
    from lab.trace.quic_owners import Having

CLOSE_NS = 2 * 10**9
"""A socket is made within this time of the connection's first packet, or it belongs to another one with the same ends."""
MOST_ON_PORT = 1000
"""Sockets that listen on one port of one namespace, at one look."""
UNOWNED = ("ESTAB", "CLOSE-WAIT", "SYN-RECV")
"""States in which a socket with inode 0 waits in the accept queue; in later ones its owner has closed it."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who had one end of a connection."""

    namespace: str | None = None
    local: Endpoint | None = None
    """As the socket has it; where the namespace rewrote the destination it differs from the packets'."""
    pid: int | None = None
    candidates: tuple[int, ...] = ()
    container: str | None = None
    owned: bool | None = None
    """True: a process had it; False: it was seen without any; None: nobody could tell."""
    listener: SocketRow | None = None
    full: SocketRow | None = None
    """The listener as it was seen while the connection waited, if its accept queue was full then."""
    row: SocketRow | None = None
    rows: tuple[SocketRow, ...] = ()
    """All rows of its socket, in order of time."""
    life: Life | None = None
    evidence: tuple[Evidence, ...] = ()
    contradiction: Contradiction | None = None
    read_up_to: Packet | None = None
    """Of QUIC: the last of its datagrams that a process is known to have read."""


NOBODY = Owner()


@dataclass(frozen=True, slots=True)
class World:
    """The observations of a case, and who had each connection's ends; by the connection's id."""

    index: Index
    receivers: tuple[Owner, ...]
    senders: tuple[Owner, ...]
    from_others: Mapping[tuple[str, str], Sequence[Connection]] = field(default_factory=dict)
    """(namespace, container) -> connections that the container received there from another one, in order of time."""
    habits: Habits = NO_HABITS


def world(index: Index) -> World:
    """Find out who had the ends of every connection."""
    found = index.connections
    receivers, senders = tuple(receiver(index, c) for c in found), tuple(sender(index, c) for c in found)
    return World(index, receivers, senders, _from_others(found, receivers, senders))


def _from_others(
    found: Iterable[Connection], receivers: Sequence[Owner], senders: Sequence[Owner]
) -> dict[tuple[str, str], list[Connection]]:
    received = defaultdict(list)
    for connection in found:
        to, by = receivers[connection.id].container, senders[connection.id].container
        if to and by and to != by and connection.receiver:
            received[connection.receiver.namespace, to].append(connection)
    return dict(received)


def receiver(index: Index, connection: Connection) -> Owner:
    """Who received it."""
    flow = connection.receiver
    if flow is None:
        return NOBODY
    if flow.quic:
        return _of_datagrams(index, flow, flow.server, having(index, flow))
    local = _local(index, flow)
    found = _owner(index, flow, local, flow.client)
    listener = listener_of(index, flow.namespace, local, flow.begun_ns)
    return _with_listener(index, flow, found, listener)


def sender(index: Index, connection: Connection) -> Owner:
    """Who initiated it."""
    flow = connection.sender
    if flow and flow.quic:
        return _of_datagrams(index, flow, flow.client, having(index, flow, initiated=True))
    return _owner(index, flow, flow.client, flow.server, initiated=True) if flow else NOBODY


def _of_datagrams(index: Index, flow: Flow, local: Endpoint, had: Having) -> Owner:
    """The same of QUIC, whose connections no kernel knows."""
    moves = tuple(sorted((*had.reads, *had.writes), key=lambda event: event.time_ns))
    life = Life(local, flow.client if local == flow.server else flow.server, (), moves) if moves else None
    return Owner(
        namespace=flow.namespace,
        local=local,
        pid=had.pid,
        candidates=() if had.pid else had.holders,
        container=_container(index, [had.pid] if had.pid else had.holders),
        owned=had.owned,
        listener=had.socket,
        row=had.waiting,
        life=life,
        evidence=(
            *([cite.datagram_socket(had.socket, About.LISTENER)] if had.socket else []),
            *_evidence(index, None, life, had.pid),
        ),
        read_up_to=had.read_up_to,
    )


def listener_of(index: Index, namespace: str, local: Endpoint, time_ns: int) -> SocketRow | None:
    """The listening socket that takes a connection to `local`: a specific address before the wildcard.

    The wildcard of IPv6 takes IPv4 too unless IPV6_V6ONLY is set (ipv6(7)), which the table does not show; an IPv4
    wildcard on the same port comes first.
    """
    return taking(index.listeners_on.get((namespace, local[1]), ()), local, time_ns)


def taking(sockets: Sequence[SocketRow], local: Endpoint, time_ns: int) -> SocketRow | None:
    """The same, of rows of one port in order of time: as they were when it came, else at the first look afterwards."""
    if not sockets:
        return None
    place = max(bisect_right(sockets, time_ns, key=lambda row: row.time_ns) - 1, 0)
    look = sockets[place].look
    earlier = takewhile(lambda row: row.look == look, reversed(sockets[max(place - MOST_ON_PORT, 0) : place]))
    rows = [*reversed(list(earlier)), *takewhile(lambda row: row.look == look, islice(sockets, place, None))]
    wildcards = ("::",) if ":" in local[0] else ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    for address in (local[0], *wildcards):
        same = [row for row in rows if row.local[0] == address]
        if same:
            return _together(same)
    return None


def _together(rows: Sequence[SocketRow]) -> SocketRow:
    """Several sockets on one address (SO_REUSEPORT): any of their holders may have been given the connection."""
    return replace(rows[0], holders=tuple(sorted({pid for row in rows for pid in row.holders})))


def _local(index: Index, flow: Flow) -> Endpoint:
    """The socket's own end: the packets' destination, or the only socket with this peer (REDIRECT rewrites inside)."""
    key = flow.namespace, flow.server, flow.client
    if key in index.rows or (flow.server, flow.client) in index.lives:
        return flow.server
    rows = {row.local for row in index.rows_by_peer.get((flow.namespace, flow.client), ())}
    lives = {life.local for life in index.lives_by_peer.get(flow.client, ()) if _fits(life, flow)}
    others = (rows | lives) - {flow.client}
    return others.pop() if len(others) == 1 and flow.accepted else flow.server


def _owner(index: Index, flow: Flow, local: Endpoint, peer: Endpoint, *, initiated: bool = False) -> Owner:
    until = _next(index, flow)
    rows = tuple(r for r in index.rows.get((flow.namespace, local, peer), ()) if flow.begun_ns <= r.time_ns < until)
    row = _row(rows)
    life = flow.attempt or next((each for each in index.lives.get((local, peer), ()) if _fits(each, flow)), None)
    connecter = life.connecter if life and initiated else None
    pids = _movers(life) or ([connecter] if connecter and connecter in index.processes else [])
    holders = row.holders if row else ()
    pid = pids[0] if pids else holders[0] if len(holders) == 1 else None
    return Owner(
        namespace=flow.namespace,
        local=local,
        pid=pid,
        candidates=() if pid else holders,
        container=_container(index, [pid] if pid else holders),
        owned=_owned(row, life, pids),
        row=row,
        rows=rows,
        life=life,
        evidence=tuple(_evidence(index, row, life, pid)),
        contradiction=_contradiction(row, life),
    )


def _next(index: Index, flow: Flow) -> float:
    """When the next connection with the same ends began; a row of the table from then on is of that one."""
    begun = index.begun[flow.namespace, flow.server, flow.client]
    place = bisect_right(begun, flow.begun_ns)
    return begun[place] if place < len(begun) else inf


def _row(rows: Sequence[SocketRow]) -> SocketRow | None:
    """The row that says most: the last one with holders, else the last one of the accept queue, else the last."""
    held = [row for row in rows if row.holders]
    waiting = [row for row in rows if row.inode == 0 and row.state in UNOWNED]
    return next((found[-1] for found in (held, waiting, rows) if found), None)


def _fits(life: Life, flow: Flow) -> bool:
    """The same ends exist in several namespaces on loopback, and again later: time and the processes' namespace decide. A
    socket whose last event was before is of an earlier connection, however short a time before."""
    if life.ended_ns < flow.begun_ns - SLACK_NS:
        return False
    near = not flow.syns or any(abs(e.time_ns - flow.begun_ns) < CLOSE_NS for e in life.states)
    if not life.states:  # by strace: a socket that waited long may be accepted late
        near = not flow.syns or flow.begun_ns - SLACK_NS <= life.begun_ns <= flow.ended_ns + CLOSE_NS
    return near and (not life.namespaces or flow.namespace in life.namespaces)


def _movers(life: Life | None) -> list[int]:
    """Pids that used the socket, who read most bytes first, then in order of time."""
    if life is None:
        return []
    taken = Counter[int]()
    for event in reads(life):
        taken[event.pid] += event.size
    users = dict.fromkeys(e.pid for e in life.users)
    return sorted(users, key=lambda pid: -taken[pid])


def _owned(row: SocketRow | None, life: Life | None, pids: Sequence[int]) -> bool | None:
    if pids or (row and row.holders) or (life and (life.moves or life.opened)):
        return True
    return False if row and row.inode == 0 and row.state in UNOWNED else None


def _container(index: Index, pids: Iterable[int]) -> str | None:
    names = {index.containers.get(pid) for pid in pids}
    return names.pop() if len(names) == 1 else None


def _evidence(index: Index, row: SocketRow | None, life: Life | None, pid: int | None) -> Iterable[Evidence]:
    if row:
        yield cite.row(row)
    if life and (event := _told(life, pid)):
        yield cite.kernel(event, _says(event))
    if pid is not None and pid in index.processes:
        yield cite.process(index.processes[pid], index.containers.get(pid))


def _told(life: Life, pid: int | None) -> KernelEvent | None:
    """The event that names the process: its first read of bytes, else its first attempt."""
    mine = [e for e in life.users if e.pid == pid] or list(life.moves) or [e for e in (life.opened,) if e]
    return next((e for e in mine if e.event == "read" and e.size > 0 and not e.peek), mine[0] if mine else None)


def _says(event: KernelEvent) -> str:
    if event.event in BEGINS:
        return f"host pid {event.pid} accepted it" if event.event == "accept" else f"host pid {event.pid} opened it"
    if not event.namespace:
        return f"a process that was gone when this was noted moved {event.size} bytes ({event.event})"
    verb = {"read": "looked at" if event.peek else "read", "write": "wrote"}[event.event]
    done = f"{verb} {event.size} bytes" if event.size >= 0 else f"tried to {event.event}"
    return f"host pid {event.pid} {done}"


def _contradiction(row: SocketRow | None, life: Life | None) -> Contradiction | None:
    if not row or not row.holders or life is None:
        return None
    taken = [e for e in reads(life) if e.pid and e.namespace]
    if not taken or {e.pid for e in taken} & set(row.holders):
        return None
    return Contradiction(f"who has the socket {written(row.local)}", cite.row(row), cite.kernel(taken[0], _says(taken[0])))


def _with_listener(index: Index, flow: Flow, found: Owner, listener: SocketRow | None) -> Owner:
    """What the listener adds: its address, and who could have accepted where nothing says who did."""
    if listener is None or flow.refused:
        return found
    evidence = (cite.listener(listener), *found.evidence)
    if not flow.accepted:
        full = _full(index, flow, listener)
        return replace(found, listener=listener, full=full, evidence=(*evidence, cite.queue(full)) if full else evidence)
    if found.pid or found.candidates or found.owned is False:
        return replace(found, listener=listener, evidence=evidence)
    holders = listener.holders
    taken = _accept(index, flow, listener)
    pid = taken.pid if taken else holders[0] if len(holders) == 1 and not gaps(index, "kernel") else None
    more = [cite.kernel(taken, f"host pid {taken.pid} accepted a connection, and there was one to accept")] if taken else []
    known = [cite.process(index.processes[pid], index.containers.get(pid))] if pid and pid in index.processes else []
    return replace(
        found,
        listener=listener,
        pid=pid,
        candidates=() if pid else holders,
        container=_container(index, [pid] if pid else holders),
        owned=True if taken else found.owned,
        evidence=(*evidence, *more, *known),
    )


def _full(index: Index, flow: Flow, listener: SocketRow) -> SocketRow | None:
    """The listener while a SYN waited, if every socket of its address had more to accept than it may hold (listen(2))."""
    there = index.listeners_on.get((flow.namespace, listener.local[1]), ())
    rows = [r for r in there if r.local == listener.local and r.time_ns >= flow.begun_ns]
    now = [row for row in rows if row.look == rows[-1].look]
    return now[-1] if now and all(row.recv_q > row.send_q for row in now) else None


def _accept(index: Index, flow: Flow, listener: SocketRow) -> KernelEvent | None:
    """An accept that can only have been this connection's: the first after the handshake, with no other one waiting."""
    if not flow.confirmed:
        return None
    accepts = (e for pid in listener.holders for e in index.accepts.get(pid, ()))
    after = [e for e in accepts if e.time_ns >= flow.begun_ns]
    if not after or gaps(index, "packets", flow.namespace) or gaps(index, "kernel"):
        return None
    first = min(after, key=lambda e: e.time_ns)
    others = [
        c for c in index.received_in.get(flow.namespace, ())
        if c.receiver and c.receiver.client != flow.client and c.receiver.server[1] == flow.server[1]
        and flow.begun_ns - CLOSE_NS < c.begun_ns < first.time_ns
    ]  # fmt: skip
    return None if others else first
