"""What a receiver did over UNIX sockets while it had the request: packets are blind there, and the kernel tells sizes alone.

Rule: bytes that were written after the request was read, and others that came back before the answer, may have been the
request and its answer, or the handler's own question to a database: which, nobody can tell from sizes. So nothing is joined by
this; it leaves open who answered, and says who was at the other end. Two things are sure: what came back before the answer
and is shorter than the answer's body is not that answer; and without the kernel's timeline nothing of this is seen. Source:
unix(7). Weak spot: the other end is found by equal sizes in order of time, which equal requests at once make ambiguous; then
it is not named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace import cite
from lab.trace.index import SLACK_NS, gaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.observations import KernelEvent, UnixRow
    from lab.model.routes import Evidence
    from lab.trace.bonds import Leg
    from lab.trace.owners import World

SHORTEST = 8
"""Bytes of a write that may carry a request; less is a wake-up between threads."""
STRACE = "strace follows no UNIX sockets"
LATE_NS = 10**9
"""A peer that lives reads within this time."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One UNIX socket of the receiver's, while it had the request."""

    wrote: tuple[KernelEvent, ...]
    back: tuple[KernelEvent, ...]
    """Reads behind the first write, until the answer began."""
    taken: KernelEvent | None = None
    """The read at the other end, where only one fits."""
    path: str = ""
    """On which the other process listens, where it is one path alone."""

    @property
    def size(self) -> int:
        return sum(event.size for event in self.wrote)

    @property
    def came_back(self) -> int:
        return sum(event.size for event in self.back)


def exchanges(world: World, leg: Leg, until_ns: int) -> tuple[Exchange, ...]:
    """What the receiver of a leg said and heard over UNIX sockets, from the request's first byte until `until_ns`."""
    pid, moves = leg.receiver.pid, _moves(world)
    if pid is None or not moves:
        return ()
    mine: dict[int, list[KernelEvent]] = {}
    for event in moves:
        if event.pid == pid and leg.since_ns <= event.time_ns <= until_ns:
            mine.setdefault(event.socket, []).append(event)
    found = (_exchange(world, moves, events) for events in mine.values())
    return tuple(each for each in found if each)


def _moves(world: World) -> Sequence[KernelEvent]:
    """Reads and writes of UNIX sockets that moved bytes, in order of time."""
    if world.index.memo.unix is None or world.index.memo.unix[0] is not world.index.seen.kernel:
        kept = [e for e in world.index.seen.kernel if e.transport == "unix" and e.size > 0 and not e.peek]
        world.index.memo.unix = world.index.seen.kernel, tuple(sorted(kept, key=lambda e: e.time_ns))
    return world.index.memo.unix[1]


def _exchange(world: World, moves: Sequence[KernelEvent], events: list[KernelEvent]) -> Exchange | None:
    """None: no request can have gone over it."""
    wrote = tuple(e for e in events if e.event == "write" and e.size >= SHORTEST)
    if not wrote:
        return None
    back = tuple(e for e in events if e.event == "read" and e.time_ns >= wrote[0].time_ns)
    taken = _taken(moves, wrote[0])
    if taken is not None and taken.pid == wrote[0].pid:
        return None  # between threads of one process
    return Exchange(wrote, back, taken, _path(world, taken) if taken else "")


def _taken(moves: Sequence[KernelEvent], wrote: KernelEvent) -> KernelEvent | None:
    """The first read of that size after it, if one socket alone has one."""
    fits = [
        e for e in moves
        if e.event == "read" and e.size == wrote.size and e.socket != wrote.socket
        and wrote.time_ns - SLACK_NS <= e.time_ns <= wrote.time_ns + LATE_NS
    ]  # fmt: skip
    return fits[0] if len({e.socket for e in fits}) == 1 else None


def _path(world: World, taken: KernelEvent) -> str:
    paths = {row.path for row in _listeners(world) if taken.pid in row.holders}
    return paths.pop() if len(paths) == 1 else ""


def _listeners(world: World) -> Iterator[UnixRow]:
    return (row for row in world.index.seen.unix if row.state == "LISTEN" and row.kind != "datagram")


def made_elsewhere(exchange: Exchange, body: bytes) -> bool:
    """Whether what came back can have been the answer."""
    return exchange.came_back >= max(1, len(body))


def unseen(world: World, leg: Leg) -> str:
    """Why it is not known whether anything went over UNIX sockets; empty: it is known, or nobody listens on one."""
    lost = gaps(world.index, "kernel") or ((STRACE,) if world.index.strace else ())
    others = [
        row for row in _listeners(world) if leg.receiver.pid not in row.holders and row.path and _elsewhere(world, leg, row)
    ]
    return f"{others[0].path} is listened on, and the kernel's timeline is missing: {lost[0]}" if lost and others else ""


def _elsewhere(world: World, leg: Leg, row: UnixRow) -> bool:
    return any(world.index.containers.get(pid) != leg.receiver.container for pid in row.holders)


def who(world: World, exchange: Exchange) -> str:
    """The other end in words: `python3 (pid 9) of app, which listens on /run/app.sock`."""
    if exchange.taken is None:
        return "a process that nothing tells"
    process = world.index.processes.get(exchange.taken.pid)
    name = f"{process.called} (pid {process.namespace_pid})" if process else f"host pid {exchange.taken.pid}"
    where = world.index.containers.get(exchange.taken.pid) or "no known container"
    return f"{name} of {where}{f', which listens on {exchange.path}' if exchange.path else ''}"


def question(world: World, number: int, exchange: Exchange) -> str:
    """What is open about it."""
    sizes = f"{exchange.size} bytes were written, {exchange.came_back} came back"
    return f"whether hop {number} was carried on by UNIX socket to {who(world, exchange)}: packets are blind there ({sizes})"


def evidence(exchange: Exchange) -> Iterator[Evidence]:
    """The kernel's word for it."""
    first = exchange.wrote[0]
    yield cite.kernel(first, f"host pid {first.pid} wrote {first.size} bytes to a UNIX socket while it had the request")
    if exchange.taken:
        yield cite.kernel(
            exchange.taken, f"host pid {exchange.taken.pid} read {exchange.taken.size} bytes from a UNIX socket then"
        )
