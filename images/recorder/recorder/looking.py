"""Snapshots: rows of the socket table, and the processes that hold them.

Rule: one reading of the tables, then one of /proc, and holders are matched by the socket's inode. On the host only
rows with a watched port, or to a container of the case, and only processes that hold one of them. Weak spot: a
snapshot takes a few milliseconds, it is not an instant; each row carries its own time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from recorder import case as cases
from recorder import netlink, processes, sockets, unixes

if TYPE_CHECKING:
    from recorder.case import Case, Namespace
    from recorder.diag import Raw

Row = dict[str, Any]


def snapshot(case: Case, label: str) -> tuple[list[Row], list[Row], list[processes.Process]]:
    """Rows with their holders, those of UNIX sockets, and the processes. Raises OSError."""
    found_rows = [row for each in case.namespaces.values() for row in rows(case, each, label)]
    unix = [row for each in case.namespaces.values() if each.ports is None for row in unix_rows(each, label)]
    found = _held(case, found_rows)
    for row in (*found_rows, *unix):
        row["holders"] = [each.pid for each in found if row["inode"] in each.sockets]
    return found_rows, unix, found


def unix_rows(namespace: Namespace, label: str) -> list[Row]:
    """UNIX sockets of one namespace, without holders. A kernel that cannot be asked for them shows none."""
    try:
        with namespace.link.lock:
            found = unixes.table(namespace.link.diag)
    except OSError:
        return []
    shown = {"time_ns": time.time_ns(), "look": label, "namespace": namespace.name}
    return [shown | row for row in found]


def forwarders(case: Case) -> frozenset[int]:
    """Processes of the host that hold a socket on a watched port: the engine's port forwarders."""
    host = case.namespaces.get(cases.HOST)
    if host is None:
        return frozenset()
    inodes = {row["inode"] for row in rows(case, host, "") if row["inode"]}
    found = processes.in_namespaces({host.inode})
    return frozenset(each.pid for each in found if each.sockets & inodes)


def name_of(case: Case, inode: int) -> str:
    """The lab's name of a namespace; empty for one that is not attached."""
    return next((each.name for each in case.namespaces.values() if each.inode == inode), "")


def rows(case: Case, namespace: Namespace, label: str, states: int = netlink.ALL_STATES) -> list[Row]:
    """Rows of one namespace in these states, without holders. Raises OSError."""
    return [row for row, _ in pairs(case, namespace, label, states)]


def pairs(case: Case, namespace: Namespace, label: str, states: int = netlink.ALL_STATES) -> list[tuple[Row, Raw]]:
    """The same rows, each with what the kernel gave for it. Raises OSError."""
    found = [
        (sockets.row(namespace.name, label, time_ns, protocol, raw), raw)
        for time_ns, protocol, raw in netlink.table(namespace.link, states)
    ]
    if namespace.ports is None:
        return found
    outer, ports = cases.view(case).addresses, namespace.ports
    return [(row, raw) for row, raw in found if _on_watched_port(row, ports) or row["peer"][0] in outer]


def _on_watched_port(row: dict[str, Any], ports: frozenset[int]) -> bool:
    return row["local"][1] in ports or row["peer"][1] in ports


def _held(case: Case, found_rows: list[Row]) -> list[processes.Process]:
    """Processes of the case's namespaces; of the host's only those that hold one of the rows."""
    host = case.namespaces.get(cases.HOST)
    found = processes.in_namespaces({each.inode for each in case.namespaces.values()})
    inodes = {row["inode"] for row in found_rows if row["inode"]}
    return [each for each in found if host is None or each.namespace_inode != host.inode or each.sockets & inodes]
