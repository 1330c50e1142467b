"""Waiting until nothing moves any more in the namespaces of a case.

Rule: two readings, one after the other, of all queues, of the interfaces' counters and of how often each thread was
given a processor. If they are equal, every thread slept all the time between the last line of the first and the first
line of the second, and no packet passed; so at that moment nothing ran. A server with timers of its own seldom lets
that happen (Envoy's threads wake a hundred times a second): no packet and no queue moving for `QUIET`, and then no
thread that runs, is taken for the same. Beside that nothing may be on its way: no byte unacknowledged (but on a link
that loses all, between one attempt and the next), none unread that a process could read. A process that is stopped or
frozen cannot. One that could and does not, while all else is still, does not want to (a proxy that waits for its
upstream, a client that was not told to read): after `PATIENCE` that is taken for stillness, and so is a thread that
sleeps uninterruptibly, as one in the cgroup freezer seems to. Source: proc(5), sock_diag(7). Weak spot: a process
that sleeps on a timer and then goes on looks still until its timer ends.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recorder import case as cases
from recorder import connections, links, looking, netlink, processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recorder.case import Case

GAP = 0.002
"""Seconds between two readings: longer than a packet needs from one namespace into another."""
QUIET = 0.02
"""Seconds without a packet after which threads may have run meanwhile."""
PATIENCE = 0.05
"""Seconds of stillness in which a process that could go on does not."""
WINDOW_PROBE = 4
"""The kernel's timer: the receiver's window is closed, so what is unsent does not move."""
AGAIN = 1
"""The kernel's timer: what was sent is sent again when it ends."""
FORGOTTEN = "TIME-WAIT"
"""A state that ends by itself and carries nothing."""

Row = dict[str, Any]
Words = list[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """All that would change if something moved."""

    rows: list[tuple[Row, int]]
    """Rows of the socket tables, and the timer of each."""
    counters: dict[str, str]
    """Namespace -> its interfaces' counters, as the kernel prints them."""
    threads: dict[tuple[int, int], processes.Thread]
    """(process, thread) -> how it is."""
    held: int = 0
    """Segments that a link holds back for a while."""
    kept: tuple[Row, ...] = ()
    """Of `rows` those whose segments, or their acknowledgement, a link keeps: they are sent again and again, and nothing comes
    of it."""


def settle(case: Case, timeout: float) -> dict[str, Any]:
    """Wait until nothing moves, or the time is over: `settled`, else `moving` in words. Raises OSError."""
    until = time.monotonic() + timeout
    last, since = read(case), time.monotonic()
    while True:
        time.sleep(GAP)
        now = read(case)
        moving = [*changes(last, now), *on_the_way(now)]
        if moving:
            since = time.monotonic()
        still = time.monotonic() - since
        moving += running(now) if still >= QUIET else woken(last, now)
        if not moving and still < PATIENCE:
            moving = [*idle(now), *left_unread(case, now)]
        if not moving:
            return {"settled": True}
        if time.monotonic() > until:
            return {"settled": False, "moving": moving}
        last = now


def read(case: Case) -> Reading:
    """One reading: tables, counters, threads. Raises OSError."""
    found = [pair for each in case.namespaces.values() for pair in looking.pairs(case, each, "")]
    rows = [(row | {"time_ns": 0}, raw.timer) for row, raw in found if row["state"] != FORGOTTEN]
    inner = [each for each in case.namespaces.values() if each.name != cases.HOST]
    counters = {each.name: netlink.counters(each.pid) for each in inner}
    pids = processes.pids_in({each.inode for each in inner}) + sorted(case.forwarders)
    threads = {(pid, tid): thread for pid in pids for tid, thread in processes.threads(pid).items()}
    kept = tuple(row for row, timer in rows if timer == AGAIN and links.kept(case, row))
    return Reading(rows, counters, threads, links.held(case), kept)


def changes(before: Reading, after: Reading) -> Words:
    """Packets that passed, queues that are not as they were, processes that came or went."""
    gone, came = before.threads.keys() - after.threads.keys(), after.threads.keys() - before.threads.keys()
    return [
        *(f"packets pass in {name}" for name, text in after.counters.items() if before.counters.get(name) != text),
        *(f"{_where(row)} changes" for row, _ in _differing(before.rows, after.rows)),
        *(f"thread {tid} of process {pid} ended" for pid, tid in gone),
        *(f"{after.threads[key].name} ({key[0]}, thread {key[1]}) began" for key in came),
    ]


def running(now: Reading) -> Words:
    """Threads that have a processor, or wait for one."""
    return [f"{each.name} ({pid}, thread {tid}) runs" for (pid, tid), each in now.threads.items() if each.state == "R"]


def woken(before: Reading, after: Reading) -> Words:
    """Threads that run, or ran between the readings."""
    return running(after) + [
        f"{each.name} ({pid}, thread {tid}) ran"
        for (pid, tid), each in after.threads.items()
        if each.state != "R" and before.threads.get((pid, tid), each).switches != each.switches
    ]


def on_the_way(now: Reading) -> Words:
    """What the kernel will go on with by itself."""
    held = [f"{now.held} segments are held back by a link"] if now.held else []
    return held + [
        f"{_where(row)}: {row['send_q']} bytes are not acknowledged"
        for row, timer in now.rows
        if row["state"] != "LISTEN" and row["send_q"] and timer != WINDOW_PROBE and row not in now.kept
    ]


def idle(now: Reading) -> Words:
    """Threads in uninterruptible sleep: for a disk, or frozen."""
    return [
        f"{thread.name} ({pid}, thread {tid}) sleeps uninterruptibly"
        for (pid, tid), thread in now.threads.items()
        if thread.state == "D"
    ]


def left_unread(case: Case, now: Reading) -> Words:
    """What a process could take and has not."""
    waiting = [row for row, _ in now.rows if row["recv_q"] and row["inode"]]
    return [
        f"{_where(row)}: {row['recv_q']} {'connections' if row['state'] == 'LISTEN' else 'bytes'} wait for {name} ({pid})"
        for row in waiting
        for pid, name in _who_could(case, row, now)
    ]


def _who_could(case: Case, row: Row, now: Reading) -> Iterator[tuple[int, str]]:
    """Holders of the socket with a thread that is not stopped."""
    for pid in connections.holders(case, row):
        able = [thread.name for (owner, _), thread in now.threads.items() if owner == pid and thread.state not in "TtD"]
        if able:
            yield pid, able[0]


def _differing(before: list[tuple[Row, int]], after: list[tuple[Row, int]]) -> list[tuple[Row, int]]:
    """Rows of either that the other has not; timers may differ."""
    then, now = [row for row, _ in before], [row for row, _ in after]
    return [pair for pair in after if pair[0] not in then] + [pair for pair in before if pair[0] not in now]


def _where(row: Row) -> str:
    ends = [f"{address}:{port}" for address, port in (row["local"], row["peer"])]
    return f"{row['transport']} {ends[0]} from {ends[1]} in {row['namespace']} ({row['state']})"
