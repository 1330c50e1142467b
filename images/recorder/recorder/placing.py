"""Where processes are on the network: which namespace each has, who listens in it, and what the host has.

For deployments that the lab did not make: what is to be watched is found out before anything is. Rule: nothing stays
open. Weak spot: it is told for one moment; a container that restarts afterwards has another process.
"""

from __future__ import annotations

import os
from typing import Any

from recorder import namespaces, netlink, processes, sockets

Answer = dict[str, Any]


def places(pids: list[int]) -> Answer:
    """Inode of each process's namespace (a process that is gone is left out), and each namespace with its listeners.

    Raises OSError.
    """
    host = namespaces.host_pid()
    inodes = {pid: inode for pid in pids if (inode := namespaces.inode_of_process(pid)) is not None}
    by_inode = {inode: pid for pid, inode in inodes.items()}
    host_inode = namespaces.inode_of_process(host) if host else None
    if host is not None and host_inode is not None:
        by_inode[host_inode] = host
    found = {inode: shown for inode, pid in by_inode.items() if (shown := _namespace(pid)) is not None}
    _hold(found)
    return {
        "inodes": {str(pid): inode for pid, inode in inodes.items()},
        "host": host_inode,
        "namespaces": [{"inode": inode, **shown} for inode, shown in found.items()],
    }


def _namespace(pid: int) -> Answer | None:
    """Interfaces and listeners; None when its process is gone."""
    try:
        descriptor = namespaces.open_namespace(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None
    try:
        link = netlink.open_link(descriptor)
        try:
            return {"interfaces": netlink.interfaces(link), "listeners": _listeners(link)}
        finally:
            netlink.close_link(link)
    finally:
        os.close(descriptor)


def _listeners(link: netlink.Link) -> list[Answer]:
    rows = [sockets.row("", "", now, protocol, raw) for now, protocol, raw in netlink.table(link, netlink.LISTENING)]
    return [{name: row[name] for name in ("transport", "local", "inode")} for row in rows]


def _hold(found: dict[int, Answer]) -> None:
    """Name the processes that hold each listener, and their cgroups."""
    everybody = processes.in_namespaces(found)
    for listener in (each for shown in found.values() for each in shown["listeners"]):
        holders = [each for each in everybody if listener["inode"] in each.sockets]
        listener["holders"] = [{"pid": each.pid, "name": each.name, "cgroup": each.cgroup} for each in holders]
