"""What one case has open: its namespaces, their captures, its files.

Rule: all that a case opens hangs on its `Case`, so that closing the case closes everything. A namespace belongs to
the case that attached it; two cases that watch the host each have their own sockets on it.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recorder import capture, evidence, namespaces, netlink, processes, tracing
from recorder.timeline import View

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from recorder.links import Link

HOST = "host"
"""The lab's name for the engine's own namespace."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched on the host."""

    interfaces: tuple[str, ...]
    ports: frozenset[int]
    whole: frozenset[str] = frozenset()
    """Interfaces on which every port is watched. If there are any, the host's sockets and processes are taken whole too:
    for a container that uses the host's own network."""


@dataclass(slots=True)
class Namespace:
    """One attached namespace."""

    name: str
    pid: int
    """The process through which it was found; on the host one that lives as long as the host."""
    start: int
    """Its start time: when another process has the pid, the namespace's holder is gone."""
    descriptor: int
    inode: int
    link: netlink.Link
    capture: capture.Capture
    addresses: frozenset[str] = frozenset()
    ports: frozenset[int] | None = None
    """On the host: the only ports that are watched. None: everything, as elsewhere."""


@dataclass(slots=True)
class Case:
    """One case."""

    name: str
    folder: Path
    sockets: evidence.Lines
    processes: evidence.Lines
    kernel: evidence.Lines
    unix: evidence.Lines
    lost_before: int = 0
    """Events that the kernel's timeline had lost when the case began."""
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    forwarders: frozenset[int] = frozenset()
    written: set[object] = field(default_factory=set)
    """Processes already written."""
    over: set[object] = field(default_factory=set)
    """Ends of the connections whose TIME-WAIT is written."""
    links: dict[str, Link] = field(default_factory=dict)
    """Namespace -> what is done to what comes into it."""
    tracing: tracing.Tracing = field(default_factory=tracing.Tracing)
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while namespaces are added, looked at or closed."""


def open_case(root: Path, name: str) -> Case:
    """A case with empty files. Raises ValueError for a bad name, OSError."""
    folder = evidence.folder(root, name)
    evidence.remove(folder)
    sockets, seen_processes, kernel, unix = (
        evidence.open_lines(folder / f"{kind}.jsonl") for kind in ("sockets", "processes", "kernel", "unix")
    )
    return Case(name, folder, sockets, seen_processes, kernel, unix)


def open_namespace(case: Case, name: str, pid: int, watch: Watch | None = None) -> Namespace:
    """Enter the process's namespace and begin its capture: of everything, or on the host of what is watched.

    Raises OSError.
    """
    descriptor = namespaces.open_namespace(pid)
    try:
        sockets = namespaces.inside(descriptor, lambda: _sockets(watch))
        link = netlink.open_link(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    names = watch.interfaces if watch else [each["name"] for each in netlink.interfaces(link)]
    opened = capture.open_file(case.folder / "packets" / f"{name}.pcapng", sockets, names)
    start, inode = processes.start_time(pid), namespaces.inode_of(descriptor)
    return Namespace(
        name, pid, start, descriptor, inode, link, opened, ports=watch.ports if watch and not watch.whole else None
    )


def close_namespace(namespace: Namespace) -> None:
    """Close all that it has open. Takes milliseconds: the kernel waits until no processor uses the packet sockets."""
    capture.close(namespace.capture)
    netlink.close_link(namespace.link)
    os.close(namespace.descriptor)


def close_files(case: Case) -> None:
    for lines in (case.sockets, case.processes, case.kernel, case.unix):
        evidence.close(lines)


def seen(namespace: Namespace) -> dict[str, Any]:
    """Its `SeenNamespace`, asked now; the addresses are remembered for the timeline."""
    interfaces = netlink.interfaces(namespace.link)
    namespace.addresses = frozenset(address for each in interfaces for address in each["addresses"])
    return {"name": namespace.name, "inode": namespace.inode, "interfaces": interfaces}


def gone(namespace: Namespace) -> bool:
    """Whether the process that held it has ended."""
    try:
        return processes.start_time(namespace.pid) != namespace.start
    except (FileNotFoundError, ProcessLookupError):
        return True


def view(case: Case) -> View:
    """What the case watches, for sorting events."""
    attached = list(case.namespaces.values())
    host = case.namespaces.get(HOST)
    return View(
        case=case.name,
        namespaces={each.inode: each.name for each in attached},
        addresses=frozenset().union(*(outer(each.addresses) for each in attached if each is not host)),
        host=host.inode if host else 0,
        host_addresses=host.addresses if host else frozenset(),
        ports=(host.ports if host else None) or frozenset(),
        whole=host is not None and host.ports is None,
        forwarders=case.forwarders,
    )


def _sockets(watch: Watch | None) -> list[socket.socket]:
    if watch is None:
        return [capture.open_everything()]
    return [capture.open_ports(name, None if name in watch.whole else watch.ports) for name in watch.interfaces]


def outer(addresses: frozenset[str]) -> set[str]:
    """Those that other namespaces can reach."""
    return {address for address in addresses if not address.startswith("127.") and address != "::1"}
