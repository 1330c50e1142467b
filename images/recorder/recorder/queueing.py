"""Packets that the kernel asks a verdict for (nfnetlink_queue).

Source: include/uapi/linux/netfilter/nfnetlink_queue.h. Rule: the kernel lets everything pass when the queue is full or
nobody reads it, so a recorder that died costs no packet but those it held. Segments that wait for offload come whole,
as a capture shows them. Weak spot: a burst larger than the socket's buffer passes uncounted.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from recorder import diag

if TYPE_CHECKING:
    from collections.abc import Iterator

NETLINK_NETFILTER = 12
QUEUE = 3 << 8
"""NFNL_SUBSYS_QUEUE."""
PACKET, VERDICT, CONFIG = QUEUE | 0, QUEUE | 1, QUEUE | 2
ERROR = 2
REQUEST, ACKNOWLEDGE = 1, 4
PACKET_HEAD, VERDICT_HEAD, PAYLOAD, WHOLE_LENGTH = 1, 2, 10, 13
CFG_COMMAND, CFG_PARAMETERS, CFG_LENGTH, CFG_MASK, CFG_FLAGS = 1, 2, 3, 4, 5
BIND, COPY_PACKET = 1, 2
FAIL_OPEN, WHOLE_SEGMENTS = 1, 4
DROP, ACCEPT = 0, 1
HEADS = 120
"""Bytes of each packet that are copied: IPv6 and TCP headers with all options."""
MOST = 4096
"""Packets that may wait in one queue."""
BUFFER = 4 * 1024 * 1024


class Queued(NamedTuple):
    """One packet that waits for its verdict."""

    id: int
    heads: bytes
    """From the network header on."""


def open_queue(number: int) -> socket.socket:
    """Bind a queue of the namespace that the caller stands in. Raises OSError."""
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    try:
        opened.bind((0, 0))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        _configure(opened, number, CFG_COMMAND, struct.pack(">BBH", BIND, 0, socket.AF_INET))
        _configure(opened, number, CFG_PARAMETERS, struct.pack(">IB", HEADS, COPY_PACKET))
        _configure(opened, number, CFG_LENGTH, struct.pack(">I", MOST))
        flags = FAIL_OPEN | WHOLE_SEGMENTS
        _configure(opened, number, CFG_FLAGS, struct.pack(">I", flags), CFG_MASK, struct.pack(">I", flags))
    except OSError:
        opened.close()
        raise
    return opened


def take(source: socket.socket) -> list[Queued]:
    """What waits to be judged; may be nothing."""
    try:
        data = source.recv(1 << 17, socket.MSG_DONTWAIT)
    except (BlockingIOError, OSError):  # ENOBUFS: some passed unseen
        return []
    return list(packets(data))


def judge(source: socket.socket, number: int, packet: int, verdict: int) -> None:
    """Let a packet pass, or drop it; it goes on inside this call."""
    source.send(_message(VERDICT, number, _attribute(VERDICT_HEAD, struct.pack(">II", verdict, packet))))


def packets(data: bytes) -> Iterator[Queued]:
    """Packets in what one reading gave."""
    for kind, body in diag.messages(data):
        if kind != PACKET:
            continue
        found = dict(_attributes(body[4:]))
        yield Queued(struct.unpack_from(">I", found[PACKET_HEAD])[0], found.get(PAYLOAD, b""))


def _configure(opened: socket.socket, number: int, *pairs: int | bytes) -> None:
    kinds, values = pairs[::2], pairs[1::2]
    attributes = b"".join(_attribute(int(kind), bytes(value)) for kind, value in zip(kinds, values, strict=True))  # type: ignore[arg-type]
    opened.send(_message(CONFIG, number, attributes, REQUEST | ACKNOWLEDGE))
    for kind, body in diag.messages(opened.recv(65536)):
        number = -struct.unpack_from("=i", body)[0] if kind == ERROR else 0
        if number:
            raise OSError(number, f"nfnetlink_queue: {os.strerror(number)}")


def _message(kind: int, number: int, attributes: bytes, flags: int = REQUEST) -> bytes:
    body = struct.pack(">BBH", socket.AF_UNSPEC, 0, number) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, place)
        yield kind & 0x3FFF, data[place + 4 : place + length]
        place += max(4, length + 3 & ~3)
