"""The socket table of a namespace, asked of the kernel (sock_diag).

Source: sock_diag(7), include/uapi/linux/inet_diag.h. Rule: asked many times a second while something is waited for, so
it is read with fixed layouts and nothing else: ten times as fast as the library that the rest of netlink goes through.
Weak spot: a dump is not atomic; a socket that changes state meanwhile can be missed or come twice.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

NETLINK_SOCK_DIAG, BY_FAMILY = 4, 20
REQUEST_DUMP = 0x1 | 0x300
ERROR, DONE = 2, 3
_REQUEST = struct.Struct("=IHHII BBBxI 48x")
"""`nlmsghdr`, `inet_diag_req_v2` with an empty socket id: all sockets."""
_HEAD = struct.Struct("=IHHII")
_ROW = struct.Struct("=BBBB")
_ENDS = struct.Struct(">HH16s16s")
_REST = struct.Struct("=IIIII")
BUFFER = 1 << 18


class Raw(NamedTuple):
    """One row as the kernel gives it (`inet_diag_msg`)."""

    family: int
    state: int
    timer: int
    """What the kernel will do by itself: 1 send again, 4 ask whether the window is open again."""
    retries: int
    local: tuple[str, int]
    peer: tuple[str, int]
    received: int
    """LISTEN: connections that wait; else unread bytes."""
    unsent: int
    """LISTEN: the backlog; else unacknowledged bytes."""
    inode: int


def open_here() -> socket.socket:
    """A socket for questions about the namespace that the caller stands in. Raises OSError."""
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
    opened.bind((0, 0))
    return opened


def dump(source: socket.socket, family: int, protocol: int, states: int) -> list[Raw]:
    """All rows of one family and protocol in these states. Raises OSError."""
    source.send(_REQUEST.pack(_REQUEST.size, BY_FAMILY, REQUEST_DUMP, 1, 0, family, protocol, 0, states))
    rows: list[Raw] = []
    while True:
        for kind, body in messages(source.recv(BUFFER)):
            if kind == DONE:
                return rows
            if kind == ERROR:
                _refuse(body)
            rows.append(row(body))


def row(body: bytes) -> Raw:
    """One `inet_diag_msg`."""
    family, state, timer, retries = _ROW.unpack_from(body)
    local_port, peer_port, local, peer = _ENDS.unpack_from(body, 4)
    _, received, unsent, _, inode = _REST.unpack_from(body, 52)
    ends = (_text(family, local), local_port), (_text(family, peer), peer_port)
    return Raw(family, state, timer, retries, *ends, received, unsent, inode)


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each netlink message."""
    place = 0
    while place + _HEAD.size <= len(data):
        length, kind, _, _, _ = _HEAD.unpack_from(data, place)
        yield kind, data[place + _HEAD.size : place + length]
        place += max(_HEAD.size, length + 3 & ~3)


def _refuse(body: bytes) -> None:
    number = -struct.unpack_from("=i", body)[0]
    raise OSError(number, f"sock_diag: {os.strerror(number)}")


def _text(family: int, address: bytes) -> str:
    return socket.inet_ntop(family, address[:4] if family == socket.AF_INET else address)
