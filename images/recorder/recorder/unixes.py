"""UNIX sockets of a namespace, asked of the kernel (sock_diag), with their peers.

Field names are those of `UnixRow`. Source: sock_diag(7), include/uapi/linux/unix_diag.h. Rule: what packets never show is
named at least: who listens on which path, and which two sockets are one connection. Weak spot: a socket belongs to the
namespace in which it was made, whoever holds it now; a connection that lasted less than a snapshot takes is not in it.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

from recorder import diag

REQUEST = struct.Struct("=IHHII BBHIII8s")
"""`nlmsghdr`, `unix_diag_req`."""
HEAD = struct.Struct("=BBBBI8x")
"""`unix_diag_msg`: family, type, state, pad, inode, cookie."""
ATTRIBUTE = struct.Struct("=HH")
NAME, PEER, QUEUES = 0, 2, 4
SHOW = 0x1 | 0x4 | 0x10
"""UDIAG_SHOW_NAME, UDIAG_SHOW_PEER, UDIAG_SHOW_RQLEN."""
ALL = 0xFFFFFFFF
TYPES = {socket.SOCK_STREAM: "stream", socket.SOCK_DGRAM: "datagram", socket.SOCK_SEQPACKET: "packets"}
STATES = {1: "ESTAB", 7: "UNCONN", 10: "LISTEN"}

Row = dict[str, Any]


def table(source: socket.socket) -> list[Row]:
    """All UNIX sockets of the namespace that `source` stands in. Raises OSError."""
    asked = (REQUEST.size, diag.BY_FAMILY, diag.REQUEST_DUMP, 1, 0, socket.AF_UNIX, 0, 0, ALL, 0, SHOW, b"\xff" * 8)
    source.send(REQUEST.pack(*asked))
    rows: list[Row] = []
    while True:
        for kind, body in diag.messages(source.recv(diag.BUFFER)):
            if kind == diag.DONE:
                return rows
            if kind == diag.ERROR:
                number = -struct.unpack_from("=i", body)[0]
                raise OSError(number, f"unix_diag: {os.strerror(number)}")
            rows.append(row(body))


def row(body: bytes) -> Row:
    """One `unix_diag_msg` with its attributes."""
    _, kind, state, _, inode = HEAD.unpack_from(body)
    found = dict(_attributes(body[HEAD.size :]))
    received, unsent = struct.unpack("=II", found[QUEUES]) if QUEUES in found else (0, 0)
    return {
        "kind": TYPES.get(kind, str(kind)),
        "state": STATES.get(state, str(state)),
        "path": _path(found.get(NAME, b"")),
        "inode": inode,
        "peer": struct.unpack("=I", found[PEER])[0] if PEER in found else 0,
        "recv_q": received,
        "send_q": unsent,
    }


def _path(name: bytes) -> str:
    """A path as it was bound; a name of the abstract kind begins with `@`, as ss(8) prints it."""
    if name.startswith(b"\0"):
        return "@" + name[1:].replace(b"\0", b"@").decode(errors="replace")
    return name.rstrip(b"\0").decode(errors="replace")


def _attributes(data: bytes) -> list[tuple[int, bytes]]:
    found, place = [], 0
    while place + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, place)
        found.append((kind, data[place + ATTRIBUTE.size : place + length]))
        place += max(ATTRIBUTE.size, length + 3 & ~3)
    return found
