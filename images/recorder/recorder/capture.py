"""Packets of a namespace, from AF_PACKET sockets to a pcapng file.

Rule: times are the kernel's own stamps (SO_TIMESTAMPNS), taken when the packet passed, not when it was read; what the
kernel had to drop is counted. An interface that appears later gets its own description. Source: packet(7). Weak spot:
checksums are those before offload, segments can be larger than any wire allows, and a VLAN tag is left out.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from recorder import filters, pcapng

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
BUFFER = 32 * 1024 * 1024
"""Bytes of packets that may wait for the recorder, a socket. A limit, not an allocation."""
ROUND = 256
"""Packets taken from one socket before the others have their turn."""


@dataclass(slots=True)
class Capture:
    """The open file of one namespace and the sockets that feed it."""

    path: Path
    file: BinaryIO
    sockets: list[socket.socket]
    numbers: dict[str, int] = field(default_factory=dict)
    """Interface name -> its number in the file."""
    packets: int = 0
    lost: int = 0


def open_everything() -> socket.socket:
    """A socket on all interfaces, present and future, of the namespace that the caller stands in. Raises OSError."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.htons(ETH_P_ALL))
    filters.attach(opened, filters.once_on_loopback())
    return _prepared(opened)


def open_ports(interface: str, ports: Iterable[int] | None) -> socket.socket:
    """A socket on one interface for some ports only (None: for all), here. Raises OSError."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    filters.attach(opened, filters.once_on_loopback() if ports is None else filters.only_ports(ports))
    _prepared(opened).bind((interface, ETH_P_ALL))
    return opened


def open_file(path: Path, sockets: list[socket.socket], interfaces: Iterable[str]) -> Capture:
    """Begin the file: its section and the interfaces known so far."""
    path.parent.mkdir(parents=True, exist_ok=True)
    system = os.uname()
    capture = Capture(path, path.open("wb"), sockets)
    capture.file.write(pcapng.section(system.machine, f"{system.sysname} {system.release}", "lab recorder"))
    for name in interfaces:
        number(capture, name)
    capture.file.flush()
    return capture


def number(capture: Capture, interface: str) -> int:
    """The interface's number in the file; describes it first if it is new."""
    if interface not in capture.numbers:
        capture.file.write(pcapng.interface(interface))
        capture.numbers[interface] = len(capture.numbers)
    return capture.numbers[interface]


def take(capture: Capture, source: socket.socket, most: int = ROUND, until_ns: int | None = None) -> int:
    """Write what waits in one socket, at most so many; how many were taken. A packet later than `until_ns` ends it."""
    for taken in range(most):
        try:
            frame, notes, _, address = source.recvmsg(pcapng.SNAPLEN, 256, socket.MSG_DONTWAIT)
        except (BlockingIOError, OSError):
            # ENETDOWN: an interface of a bound socket went down; what was received stands.
            return taken
        time_ns = stamp(notes)
        _write(capture, frame, time_ns, address)
        if until_ns is not None and time_ns > until_ns:
            return taken + 1
    return most


def stop(capture: Capture) -> None:
    """Let nothing more in; what waits can still be read."""
    for source in capture.sockets:
        filters.attach(source, filters.nothing())


def drain(capture: Capture) -> None:
    """Write all that was received before this moment."""
    now = time.time_ns()
    for source in capture.sockets:
        take(capture, source, most=10_000_000, until_ns=now)
    capture.file.flush()


def close(capture: Capture) -> None:
    """Count what was lost, close."""
    for source in capture.sockets:
        capture.lost += drops(source)
        source.close()
    capture.file.close()


def drops(source: socket.socket) -> int:
    """Packets that the kernel had no room for since the last time this was asked."""
    statistics = source.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
    return int(struct.unpack("=II", statistics)[1])


def stamp(notes: list[tuple[int, int, bytes]]) -> int:
    """The kernel's time in nanoseconds since the epoch; the time of reading if it gave none."""
    for level, kind, data in notes:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack_from("=qq", data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()


def _write(capture: Capture, frame: bytes, time_ns: int, address: tuple[str, int, int, int, bytes]) -> None:
    name, _, kind = address[0], address[1], address[2]
    outgoing = kind == filters.OUTGOING
    if outgoing and name == "lo":
        return
    capture.file.write(pcapng.packet(number(capture, name), time_ns, frame, outgoing))
    capture.packets += 1


def _prepared(opened: socket.socket) -> socket.socket:
    opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return opened
