"""The kernel's timeline by socket: from which moment an address in the kernel was which connection.

Rule: a change of state names the socket's two ends; reads and writes name the process. The pid of a change of
state says nothing, for on loopback the server's runs in the client's context, with one exception: a socket's first
change, from CLOSE to SYN_SENT, is made by the process that connects. Where strace is the witness there are no states: each call
has both ends itself, and `accept` or `connect` begins the life. The kernel uses addresses again, so a life ends where the
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
MOVES = ("read", "write")
BEGINS = ("accept", "connect")


@dataclass(frozen=True, slots=True)
class Life:
    """One socket from its beginning to its end."""

    local: Endpoint
    peer: Endpoint
    states: tuple[KernelEvent, ...]
    moves: tuple[KernelEvent, ...]
    """Reads and writes, also those that failed."""
    opened: KernelEvent | None = None
    """The process's own `accept` or `connect`, where a witness ties it to this socket."""
    signs: tuple[KernelEvent, ...] = ()
    """What its kernel did: data ready, retransmissions, resets."""

    @property
    def first(self) -> KernelEvent:
        """Its earliest event."""
        return min((*self.states[:1], *self.moves[:1], *([self.opened] if self.opened else [])), key=lambda e: e.time_ns)

    @property
    def begun_ns(self) -> int:
        return self.first.time_ns

    @property
    def ended_ns(self) -> int:
        """Time of its last event."""
        last = (*self.states[-1:], *self.moves[-1:], *self.signs[-1:], *([self.opened] if self.opened else []))
        return max(event.time_ns for event in last)

    @property
    def complete(self) -> bool:
        """Whether it was seen from the socket's beginning."""
        return bool(self.states) or self.opened is not None

    @property
    def connecter(self) -> int | None:
        """Host pid of the process that initiated it; None for a socket that was accepted."""
        if self.opened and self.opened.event == "connect":
            return self.opened.pid or None
        first = self.states[0] if self.states else None
        made = first is not None and (first.old_state, first.new_state) == ("CLOSE", "SYN_SENT")
        return first.pid or None if first and made else None

    @property
    def users(self) -> tuple[KernelEvent, ...]:
        """What a known process did with it. A thread that was gone when its event was read has left only its own number."""
        accepted = (self.opened,) if self.opened and self.opened.event == "accept" else ()
        return tuple(e for e in (*self.moves, *accepted) if e.pid and e.namespace)

    @property
    def namespaces(self) -> frozenset[str]:
        """Of the processes that used it."""
        return frozenset(e.namespace for e in self.users)


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
    if event.event in BEGINS:
        return True
    return event.event == "state" and (event.old_state == "CLOSE" or event.new_state == "SYN_RECV")


def _life(events: list[KernelEvent]) -> Life | None:
    states = tuple(e for e in events if e.event == "state")
    moves = tuple(e for e in events if e.event in MOVES)
    opened = next((e for e in events if e.event in BEGINS), None)
    # While a socket is being made its ends are not all set; the last event that has them has both.
    both = [(e.local, e.peer) for e in events if e.local and e.peer]
    ends = [each for each in both if each[0][1] and each[1][1]] or [each for each in both[:1] if each[1][1] and _tries(states)]
    if not ends or not (states or moves or opened):
        return None
    signs = tuple(e for e in events if e.event not in ("state", *MOVES, *BEGINS))
    return Life(*ends[-1], states, moves, opened, signs)


def _tries(states: tuple[KernelEvent, ...]) -> bool:
    """A socket that is to be connected and has no port of its own yet."""
    return [event.new_state for event in states] == ["SYN_SENT"]
