"""The kernel's timeline by socket: from which moment an address in the kernel was which connection.

Rule: a change of state names the socket's two ends; reads and writes name the process. The pid of a change of
state says nothing, for on loopback the server's runs in the client's context, with one exception: a socket's first
change, from CLOSE to SYN_SENT, is made by the process that connects. The kernel uses addresses again, so a life ends where the
next begins. Weak spot: a socket older than the timeline has no known ends.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lab.model.observations import Endpoint, KernelEvent

Ends = tuple["Endpoint", "Endpoint"]


@dataclass(frozen=True, slots=True)
class Life:
    """One socket from its beginning to its end."""

    local: Endpoint
    peer: Endpoint
    states: tuple[KernelEvent, ...]
    moves: tuple[KernelEvent, ...]
    """Reads and writes, also those that failed."""

    @property
    def begun_ns(self) -> int:
        return self.states[0].time_ns

    @property
    def first(self) -> KernelEvent:
        """Its earliest event."""
        return (self.states or self.moves)[0]

    @property
    def complete(self) -> bool:
        """Whether it was seen from the socket's beginning."""
        return bool(self.states)

    @property
    def connecter(self) -> int | None:
        """Host pid of the process that initiated it; None for a socket that was accepted."""
        first = self.states[0]
        return first.pid if (first.old_state, first.new_state) == ("CLOSE", "SYN_SENT") and first.pid else None

    @property
    def users(self) -> tuple[KernelEvent, ...]:
        """Moves whose process is known. A thread that was gone when its event was read has left only its own number."""
        return tuple(e for e in self.moves if e.pid and e.namespace)

    @property
    def namespaces(self) -> frozenset[str]:
        """Of the processes that read or wrote."""
        return frozenset(e.namespace for e in self.moves if e.namespace)


def reads(life: Life) -> tuple[KernelEvent, ...]:
    """Reads that took bytes."""
    return tuple(e for e in life.moves if e.event == "read" and e.size > 0 and not e.peek)


def writes(life: Life) -> tuple[KernelEvent, ...]:
    """Writes that were taken by the kernel."""
    return tuple(e for e in life.moves if e.event == "write" and e.size > 0)


def lives(kernel: Iterable[KernelEvent]) -> Mapping[Ends, Sequence[Life]]:
    """(local, peer) -> the sockets that had these ends, in order of time."""
    sockets: dict[int, list[list[KernelEvent]]] = defaultdict(list)
    for event in sorted(kernel, key=lambda e: (e.time_ns, e.line)):
        if event.socket:
            parts = sockets[event.socket]
            if not parts or _begins(event):
                parts.append([])
            parts[-1].append(event)
    found: dict[Ends, list[Life]] = defaultdict(list)
    for life in filter(None, (_life(part) for parts in sockets.values() for part in parts)):
        found[life.local, life.peer].append(life)
    for same in found.values():
        same.sort(key=lambda life: life.begun_ns)
    return found


def _begins(event: KernelEvent) -> bool:
    return event.event == "state" and (event.old_state == "CLOSE" or event.new_state == "SYN_RECV")


def _life(events: list[KernelEvent]) -> Life | None:
    states = tuple(e for e in events if e.event == "state")
    # While a socket is being made its ends are not all set; the last change has both.
    ends = [(e.local, e.peer) for e in states if e.local and e.peer and e.local[1] and e.peer[1]]
    if not ends:
        return None
    local, peer = ends[-1]
    return Life(local, peer, states, tuple(e for e in events if e.event in ("read", "write")))
