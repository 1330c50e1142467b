"""Interfaces, socket tables and packet hooks, asked of the kernel by netlink.

Rule: a `Link` is opened once inside a namespace and stays there; asking it later needs no further visit. The one
module that imports pyroute2. Source: rtnetlink(7), nft(8). Weak spot: interfaces and their addresses are asked one after
the other; one that comes between is told by `changes`.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recorder import diag, namespaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ALL_STATES = 0xFFF
LISTENING = 1 << 10
UNCONNECTED = 1 << 7
TABLES = tuple(
    (family, protocol) for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) for family in (socket.AF_INET, socket.AF_INET6)
)

CHANGES = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, rtnetlink(7)."""

INET = 1
"""NFPROTO_INET: IPv4 and IPv6 in one table."""
BEFORE_ALL = -300
"""NF_IP_PRI_RAW: before connection tracking and every filter."""
PASS_ON = 1
BYPASS = 1
"""NFQ_FLAG_BYPASS: what nobody reads passes."""


@dataclass(frozen=True, slots=True)
class Link:
    """Netlink sockets that stand in one namespace."""

    diag: socket.socket
    route: Any
    changes: socket.socket
    """Readable when an interface or an address came or went."""
    lock: threading.Lock = field(default_factory=threading.Lock)


def open_link(descriptor: int) -> Link:
    """Netlink sockets inside the namespace behind `descriptor`. Raises OSError."""
    return namespaces.inside(descriptor, _open)


def close_link(link: Link) -> None:
    for each in (link.diag, link.route, link.changes):
        each.close()


def interfaces(link: Link) -> list[dict[str, Any]]:
    """Interfaces of the namespace in the lab's form: index, name, addresses."""
    with link.lock:
        links, addresses = _undisturbed(link.route.get_links), _undisturbed(link.route.get_addr)
    return [
        {
            "index": each["index"],
            "name": each.get_attr("IFLA_IFNAME"),
            "addresses": _addresses(addresses, each["index"]),
        }
        for each in links
    ]


DUMPS = 16
"""Dumps of one table at most: on a host where containers come and go all the time a change falls into every few."""


def _undisturbed(dump: Callable[[], Iterable[Any]]) -> list[Any]:
    """A dump that no change fell into. The kernel marks one that is not (NLM_F_DUMP_INTR), and it has to be asked for again."""
    from pyroute2.netlink.exceptions import NetlinkDumpInterrupted

    for _ in range(DUMPS - 1):
        with suppress(NetlinkDumpInterrupted):
            return list(dump())
    return list(dump())


def table(link: Link, states: int = ALL_STATES) -> list[tuple[int, int, diag.Raw]]:
    """`(time, protocol, row)` of all TCP and UDP sockets in these states, IPv4 and IPv6. Raises OSError."""
    rows = []
    for family, protocol in TABLES:
        wanted = states if protocol == socket.IPPROTO_TCP or states == ALL_STATES else UNCONNECTED
        with link.lock:
            found = diag.dump(link.diag, family, protocol, wanted)
        now = time.time_ns()
        rows += [(now, protocol, row) for row in found]
    return rows


def counters(pid: int) -> str:
    """Bytes and packets of each interface of the process's namespace, as the kernel prints them; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/net/dev").read_text()
    except OSError:
        return ""


def drain(changes: socket.socket) -> bool:
    """Take all notices; whether there were any."""
    any_came = False
    while True:
        try:
            changes.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return any_came
        except OSError:  # ENOBUFS: notices were lost, so something changed
            return True
        any_came = True


def hook(name: str, number: int) -> None:
    """Hand all packets at this hook (`input`, `output`) to a queue, in the namespace that the caller stands in.

    Raises OSError. The kernel's own queue expression is often not built; xtables' target is (nft_compat).
    """
    from pyroute2.nftables.expressions import genex

    settings = struct.pack("=HHHxx", number, 1, BYPASS)  # struct xt_NFQ_info_v3
    to_queue = genex("target", {"name": "NFQUEUE", "rev": 3, "info": settings})
    with _tables() as tables:
        tables.table("add", name=_table(number))
        tables.chain("add", table=_table(number), name="all", hook=name, type="filter", priority=BEFORE_ALL, policy=PASS_ON)
        tables.rule("add", table=_table(number), chain="all", expressions=([to_queue],))


def unhook(number: int) -> None:
    """Take it away again. Raises OSError."""
    with _tables() as tables:
        tables.table("del", name=_table(number))


@contextmanager
def _tables() -> Iterator[Any]:
    from pyroute2.netlink.exceptions import NetlinkError
    from pyroute2.nftables.main import NFTables

    opened = NFTables(nfgen_family=INET)
    try:
        yield opened
    except NetlinkError as error:
        raise OSError(error.code, f"nf_tables: {os.strerror(error.code)}") from error
    finally:
        opened.close()


def _table(number: int) -> str:
    return f"lab-{number}"


def _open() -> Link:
    from pyroute2 import IPRoute

    changes = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    changes.bind((0, CHANGES))
    return Link(diag.open_here(), IPRoute(), changes)


def _addresses(messages: list[Any], index: int) -> list[str]:
    own = [each for each in messages if each["index"] == index]
    return [each.get_attr("IFA_LOCAL") or each.get_attr("IFA_ADDRESS") for each in own]
