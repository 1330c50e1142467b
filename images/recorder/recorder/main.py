"""Start the recorder: open what the host allows, say so, serve until the input ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

from recorder import capture, evidence, machine, namespaces, netlink, processes, protocol, pump, requests, tracefs

if TYPE_CHECKING:
    from collections.abc import Callable

PROTOCOL = 1

Witness = dict[str, Any]


def main() -> None:
    """Serve standard input. SIGTERM and the end of input end it in order."""
    signal.signal(signal.SIGTERM, _end)
    instance, kernel = _kernel()
    try:
        clock = _keep_stamping()
        recorder = requests.Recorder(evidence.ROOT, pump.start(instance))
        protocol.say(sys.stdout.buffer, {"ready": _ready(kernel)})
        protocol.serve(recorder, sys.stdin.buffer, sys.stdout.buffer)
        clock.close()
    finally:
        if instance is not None:
            tracefs.close(instance)
    os._exit(0)  # threads of unanswered requests have nobody left to answer to


def _end(*_: object) -> None:
    sys.exit(0)


def _keep_stamping() -> socket.socket:
    """Hold one socket that asks for time stamps: the kernel stamps only while somebody does, and begins late."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    holder.setsockopt(socket.SOL_SOCKET, capture.SO_TIMESTAMPNS, 1)
    return holder


def _ready(kernel: Witness) -> dict[str, Any]:
    host = namespaces.host_pid()
    return {
        "protocol": PROTOCOL,
        "kernel": os.uname().release,
        "witnesses": {
            "packets": _tried("AF_PACKET in each namespace", "NET_RAW and NET_ADMIN", _packets),
            "sockets": _tried("inet_diag in each namespace", "netlink sock_diag", _sockets),
            "kernel": kernel,
            "processes": _tried("/proc", "the host's pid namespace, SYS_PTRACE and DAC_READ_SEARCH", _processes),
        },
        "host_inode": namespaces.inode_of_process(host) if host else None,
        "machine": machine.facts(),
    }


def _kernel() -> tuple[tracefs.Instance | None, Witness]:
    if not namespaces.in_first_pid_namespace():
        why = "the pids that the kernel reports are those of its first pid namespace, and this is another"
        return None, _witness(available=False, how="tracefs", why=why)
    try:
        instance = tracefs.open_instance()
        return instance, _witness(available=True, how=tracefs.how(instance), why="")
    except tracefs.RefusedError as error:
        return None, _witness(available=False, how="tracefs", why=str(error))


def _tried(how: str, needs: str, act: Callable[[], object]) -> Witness:
    try:
        act()
    except OSError as error:
        return _witness(available=False, how=how, why=f"{error.strerror or error}; it needs {needs}")
    return _witness(available=True, how=how, why="")


def _witness(*, available: bool, how: str, why: str) -> Witness:
    return {"available": available, "how": how, "why": why}


def _packets() -> None:
    capture.open_everything().close()


def _sockets() -> None:
    own = namespaces.open_namespace(os.getpid())
    link = netlink.open_link(own)
    netlink.table(link, netlink.LISTENING)
    netlink.close_link(link)
    os.close(own)


def _processes() -> None:
    pid = namespaces.host_pid()
    if pid is None or pid == os.getpid():
        raise PermissionError("no process of the host can be seen")
    os.close(namespaces.open_namespace(pid))
    if not processes.may_see_descriptors():
        raise PermissionError("descriptors of other users' processes are hidden")
