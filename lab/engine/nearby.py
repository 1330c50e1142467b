"""The evidence near a few requests, out of a folder that has much more: a busy deployment's other traffic is not even decoded.

Rule: what moved within the time is kept whole, from its first packet and its first event on, also what lies before it; all
else is left out. Frames and lines keep their numbers. Weak spot: what is found out from others' traffic alone (that a port
speaks TLS, say) is found from less of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from lab.engine.folder import lines, packets, read_observations
from lab.model.observations import ClientReport, KernelEvent, Observations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

BEFORE_NS, AFTER_NS = 50 * 10**6, 300 * 10**6
"""A pool's connection is opened a moment before it is used; a mirror's copy goes on behind the answer."""
ENOUGH = 2 * 1024 * 1024
"""Bytes of evidence up to which all of it is read."""
TIME, SOCKET = re.compile(r'"time_ns":\s*(\d+)'), re.compile(r'"socket":\s*(\d+)')
BEGINS = re.compile(r'"old_state":\s*"CLOSE"|"new_state":\s*"SYN_RECV"|"event":\s*"(?:accept|connect)"')
"""A socket's first event, as `lab.trace.lives` has it."""
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
WITH_PORTS = (6, 17)


@dataclass(slots=True)
class Window:
    """The times of the requests, and what moved in them."""

    spans: tuple[tuple[int, int], ...]
    """Begin and end, in nanoseconds."""
    conversations: set[bytes] = field(default_factory=set)

    def has(self, time_ns: int) -> bool:
        return any(begin <= time_ns <= end for begin, end in self.spans)

    def may_follow(self, time_ns: int) -> bool:
        """Whether a span begins later."""
        return any(time_ns < begin for begin, _ in self.spans)


def read_near(folder: Path) -> Observations:
    """The evidence near the client's reports; all of it if there is little, or no report. Raises `EvidenceError`."""
    reports = tuple(lines(folder / "client.jsonl", ClientReport))
    if not reports or _size(folder) <= ENOUGH:
        return read_observations(folder)
    window = Window(tuple((each.started_ns - BEFORE_NS, each.finished_ns + AFTER_NS) for each in reports))
    tuple(packets(folder, _noting(window)))
    near = tuple(packets(folder, lambda _, frame: (pair := conversation(frame)) is None or pair in window.conversations))
    seen = read_observations(folder, without=("packets", "kernel"))
    return replace(seen, packets=near, kernel=tuple(_events(folder / "kernel.jsonl", window)))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "kernel.jsonl", *folder.glob("packets/*.pcapng")) if path.exists())


def _noting(window: Window) -> Callable[[int, bytes], bool]:
    """Take note of each conversation that moved in the time; nothing is wanted."""

    def note(time_ns: int, frame: bytes) -> bool:
        if window.has(time_ns) and (pair := conversation(frame)) is not None:
            window.conversations.add(pair)
        return False

    return note


def conversation(frame: bytes) -> bytes | None:
    """Both ends of a TCP or UDP packet in an Ethernet frame, the same for both directions; None: it is none, or not plain."""
    kind = frame[12:14]
    if kind == IPV4 and len(frame) >= 34 and frame[23] in WITH_PORTS:
        addresses, ports = frame[26:34], 14 + (frame[14] & 15) * 4
        half = 4
    elif kind == IPV6 and len(frame) >= 54 and frame[20] in WITH_PORTS:
        addresses, ports, half = frame[22:54], 54, 16
    else:
        return None
    one, other = addresses[:half] + frame[ports : ports + 2], addresses[half:] + frame[ports + 2 : ports + 4]
    return one + other if one <= other else other + one


def _events(path: Path, window: Window) -> list[KernelEvent]:
    """The kernel's events of sockets that moved in the time, from each one's beginning on."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        wanted = _numbers(enumerate(file, start=1), window)
    number = count(1)
    return list(lines(path, KernelEvent, lambda _: next(number) in wanted))


def _numbers(found: Iterable[tuple[int, str]], window: Window) -> set[int]:
    """Of the lines. The kernel uses addresses of sockets again: what lies before a beginning is another socket's."""
    before: dict[str, list[int]] = {}
    wanted: set[int] = set()
    for number, text in found:
        time_ns, socket = _time(text), _socket(text)
        if window.has(time_ns):
            wanted.add(number)
            wanted.update(before.pop(socket, ()))
        elif window.may_follow(time_ns) and socket != "0":
            if BEGINS.search(text):
                before[socket] = []
            before.setdefault(socket, []).append(number)
    return wanted


def _time(text: str) -> int:
    found = TIME.search(text)
    return int(found[1]) if found else 0


def _socket(text: str) -> str:
    found = SOCKET.search(text)
    return found[1] if found else "0"
