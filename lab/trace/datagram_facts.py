"""What an exchange of datagrams amounts to: who received them, how far they got. The table is `TABLE`.

| proved | stage |
|---|---|
| a datagram came back | answered |
| the receiving application reports that it entered a handler for it | dispatched |
| a process read it | read |
| it is in the receive buffer of a socket | readable |
| port unreachable came back, or the client's socket was told so | refused |
| it came, no witness is missing, no process read it, and it is in no socket's receive buffer | dropped |
| it was seen in the receiving namespace | on interface |
| it was seen where it was sent from | sent |

Rule: as for connections, the receiver is who read; else the one process that holds the socket that it lies in or was answered
from; a fact is True, False, or None where no witness could tell. Nothing is established or accepted, so these stages do not
occur. Weak spot: the queue of a datagram socket is told in the kernel's own bookkeeping, not in bytes, so it says only
whether anything waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.model.routes import Stage
from lab.trace.index import gaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.trace.datagrams import Exchange
    from lab.trace.owners import World


@dataclass(frozen=True, slots=True)
class Facts:
    """An exchange and what is known of it."""

    world: World
    found: Exchange
    taken: bool | None
    """Whether a process read it."""
    queued: bool | None
    """Whether it lies in a receive buffer."""
    pid: int | None
    """Host pid of the process that received it."""
    candidates: tuple[int, ...]
    container: str | None

    @property
    def had(self) -> bool | None:
        """Whether a process received it, or holds the socket in which it lies."""
        if self.taken or self.queued:
            return True
        return self.taken

    @property
    def blind(self) -> str:
        """Which witness of reading has missed something; empty: none."""
        return blind(self.world, self.found)


def facts(world: World, found: Exchange) -> Facts:
    """What is known."""
    taken = _taken(world, found)
    queued = _queued(found, taken=taken)
    pids = _received_by(found) if taken or queued else ()
    containers = {world.index.containers.get(pid) for pid in pids}
    pid = pids[0] if len(pids) == 1 else None
    container = containers.pop() if len(containers) == 1 else None
    return Facts(world, found, taken, queued, pid, () if pid else pids, container)


def blind(world: World, found: Exchange) -> str:
    """Why a read may have been missed; empty: none was."""
    place = found.came.namespace if found.came else None
    return next(iter((*gaps(world.index, "packets", place), *gaps(world.index, "kernel"))), "")


def _taken(world: World, found: Exchange) -> bool | None:
    if found.reads or found.answered or found.said("read", "dispatched", "answered"):
        return True
    if refused(found):
        return False
    return None if found.came is None or found.unmatched or blind(world, found) else False


def _queued(found: Exchange, *, taken: bool | None) -> bool | None:
    """By the last row of a socket that it was for."""
    if taken or refused(found):
        return False
    if not found.rows:
        return None
    if not found.rows[-1].recv_q:
        return False
    return True if taken is False or found.alone else None


def refused(found: Exchange) -> bool:
    """Whether the kernel said that nobody takes it. An answer that came all the same was no refusal of this one."""
    error = found.report.error
    told = found.refused is not None or (error is not None and error.kind == "refused")
    return told and not found.answered


def _received_by(found: Exchange) -> tuple[int, ...]:
    pids = tuple(dict.fromkeys(event.pid for event in found.reads))
    return pids or (found.socket.holders if found.socket else ())


def _dropped(here: Facts) -> bool:
    looked = any(_since(here, row.time_ns) for row in here.world.index.seen.sockets if _there(here, row.namespace))
    return here.taken is False and looked and not here.queued


def _since(here: Facts, time_ns: int) -> bool:
    return here.found.came is not None and time_ns >= here.found.came.up[0].time_ns


def _there(here: Facts, namespace: str) -> bool:
    return here.found.came is not None and namespace == here.found.came.namespace


TABLE: tuple[tuple[Stage, Callable[[Facts], bool]], ...] = (
    (Stage.ANSWERED, lambda here: here.found.answered),
    (Stage.DISPATCHED, lambda here: here.found.said("dispatched")),
    (Stage.READ, lambda here: bool(here.taken)),
    (Stage.READABLE, lambda here: bool(here.queued)),
    (Stage.REFUSED, lambda here: refused(here.found)),
    (Stage.DROPPED, _dropped),
    (Stage.ON_INTERFACE, lambda here: here.found.came is not None),
)
"""Furthest first."""


def stage(here: Facts) -> Stage:
    """How far it got."""
    return next((each for each, proved in TABLE if proved(here)), Stage.SENT)


def reached(here: Facts) -> bool | None:
    """Whether a handler was entered."""
    if here.found.said("dispatched"):
        return True
    if here.taken is False:
        return False
    silent = here.container in here.world.index.reports and not gaps(here.world.index, "application")
    return False if silent else None


def stopped_by(here: Facts, got: Stage) -> str | None:
    """The component at which it stopped."""
    if got in (Stage.REFUSED, Stage.DROPPED):
        return f"kernel of {here.found.came.namespace}" if here.found.came else None
    return None if got in (Stage.SENT, Stage.ON_INTERFACE, Stage.ANSWERED) else here.container


def stage_open(here: Facts, got: Stage) -> str:
    """Why it may have got further; empty: it did not."""
    if got in (Stage.ANSWERED, Stage.DISPATCHED, Stage.REFUSED, Stage.DROPPED):
        return ""
    if here.found.came is None:
        return f"in no namespace that has {here.found.sent.up[0].destination[0]} the datagram was captured"
    if here.taken is None and not here.queued:
        return f"no witness tells whether a process read the datagram: {here.blind or 'a read of other size was seen'}"
    return next((f"the application's reports are missing: {why}" for why in gaps(here.world.index, "application")), "")


def processes(here: Facts) -> Iterable[int]:
    """Host pids that are cited."""
    return (here.pid,) if here.pid else here.candidates
