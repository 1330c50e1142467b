"""Start the recorder: open what the host allows, say so, serve until the input ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

from recorder import capture, evidence, machine, namespaces, netlink, processes, protocol, pump, requests, tracefs, tracing

if TYPE_CHECKING:
    from collections.abc import Callable

PROTOCOL = 1
WITHOUT, FORBIDDABLE = "LAB_WITHOUT", frozenset({"kernel", "ptrace"})
"""Environment: `kernel` (no tracefs), `ptrace` (no strace either), with a comma between."""

Witness = dict[str, Any]


def main() -> None:
    """Serve standard input. SIGTERM and the end of input end it in order."""
    signal.signal(signal.SIGTERM, _end)
    instance, kernel = _kernel(_forbidden())
    try:
        clock = _keep_stamping()
        follows = instance is None and kernel["available"]
        recorder = requests.Recorder(evidence.ROOT, pump.start(instance, follows=follows))
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
        "boot": machine.boot(),
        "witnesses": {
            "packets": _tried("AF_PACKET in each namespace", "NET_RAW and NET_ADMIN", _packets),
            "sockets": _tried("inet_diag in each namespace", "netlink sock_diag", _sockets),
            "kernel": kernel,
            "processes": _tried("/proc", "the host's pid namespace, SYS_PTRACE and DAC_READ_SEARCH", _processes),
        },
        "host_inode": namespaces.inode_of_process(host) if host else None,
        "machine": machine.facts(),
    }


def _forbidden() -> frozenset[str]:
    """Witnesses that whoever started the recorder wants it to do without, to see what it is worth then."""
    words = frozenset(filter(None, os.environ.get(WITHOUT, "").split(",")))
    if unknown := words - FORBIDDABLE:
        raise SystemExit(f"{WITHOUT}: {', '.join(sorted(unknown))}: known are {', '.join(sorted(FORBIDDABLE))}")
    return words


def _kernel(without: frozenset[str]) -> tuple[tracefs.Instance | None, Witness]:
    """The trace buffer, or else strace; `how` begins with which. Both refused: not available."""
    try:
        instance = _instance(without)
    except tracefs.RefusedError as error:
        return None, _followed(without, str(error))
    return instance, _witness(available=True, how=tracefs.how(instance), why="")


def _instance(without: frozenset[str]) -> tracefs.Instance:
    if "kernel" in without:
        raise tracefs.RefusedError(f"tracefs: forbidden by {WITHOUT}")
    if not namespaces.in_first_pid_namespace():
        raise tracefs.RefusedError("the pids that the kernel reports are those of its first pid namespace, and this is another")
    return tracefs.open_instance()


def _followed(without: frozenset[str], why: str) -> Witness:
    refused = f"forbidden by {WITHOUT}" if "ptrace" in without else tracing.refusal()
    if refused:
        return _witness(available=False, how="tracefs, strace", why=f"{why}; strace: {refused}")
    how = "strace: connects, accepts, reads and writes of the processes in the namespaces; no states, resets, retransmissions"
    return _witness(available=True, how=how, why=why)


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
