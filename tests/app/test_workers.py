"""Several processes: who holds the listening socket, and who accepts."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.app.running import HEAD, WAIT, answer, program, report

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

T = TypeVar("T")
LOOPBACK = {"address": "127.0.0.1", "port": 0}
CLOSING = HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def holders(pids: list[int], inode: int) -> set[int]:
    """Those of these processes that have a descriptor of a socket."""
    return {pid for pid in pids if f"socket:[{inode}]" in descriptors(pid)}


def descriptors(pid: int) -> set[str]:
    return {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()}


def listening(port: int) -> list[int]:
    """Inodes of the sockets that listen on a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[9]) for row in rows if row[3] == "0A" and int(row[1].partition(":")[2], 16) == port]


def children(process: subprocess.Popen[bytes], number: int = 2) -> list[int]:
    """Its workers, once there are so many: the first may serve before the last is forked."""
    file = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + WAIT
    while len(found := file.read_text().split()) != number and time.monotonic() < deadline:
        os.sched_yield()
    return [int(pid) for pid in found]


def becomes(read: Callable[[], T], value: T) -> T:
    """What is read once it is `value`, or when the time is over: the kernel does its part when it comes to it, and its table is
    read in pieces."""
    deadline = time.monotonic() + WAIT
    while (found := read()) != value and time.monotonic() < deadline:
        os.sched_yield()
    return found


def waiting(port: int) -> int:
    """Connections in the accept queue of the only socket that listens on a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (queued,) = [int(row[4].partition(":")[2], 16) for row in rows if row[3] == "0A" and int(row[1][-4:], 16) == port]
    return queued


def served_by(process: subprocess.Popen[bytes], port: int) -> int:
    """Ask once; the pid that all reports of the connection name."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as sock:
        sock.sendall(CLOSING)
        assert answer(sock).startswith(b"HTTP/1.1 200 ")
    lines = [report(process)]
    while lines[-1]["event"] != "closed":
        lines.append(report(process))
    (pid,) = {line["pid"] for line in lines}
    return int(pid)


def test_the_parent_holds_a_shared_socket_and_never_accepts(tmp_path: Path) -> None:
    with program(tmp_path, listeners=[LOOPBACK], workers=2) as process:
        said = report(process)
        port = said["local"][1]
        assert said["pid"] == process.pid
        served = {served_by(process, port) for _ in range(5)}
        workers = children(process)
        (inode,) = listening(port)
        assert len(workers) == 2
        assert served <= set(workers)
        assert holders([process.pid, *workers], inode) == {process.pid, *workers}
        process.terminate()
        assert process.wait(WAIT) == 0
        assert not listening(port)


def test_with_reuse_port_each_worker_has_a_socket_of_its_own(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with program(tmp_path, listeners=[{**LOOPBACK, "port": port, "reuse_port": True}], workers=2) as process:
        said: list[dict[str, Any]] = [report(process), report(process)]
        workers = children(process)
        assert {line["pid"] for line in said} == set(workers)
        assert becomes(lambda: len(listening(port)), 2) == 2
        own = [{pid} for pid in sorted(workers)]  # what the parent opened for them it closes once they have it
        held = becomes(lambda: sorted((holders([process.pid, *workers], each) for each in listening(port)), key=min), own)
        assert held == own
        assert served_by(process, port) in workers


def test_a_worker_that_dies_is_not_replaced_and_the_last_ends_the_parent(tmp_path: Path) -> None:
    with program(tmp_path, listeners=[LOOPBACK], workers=2) as process:
        port = report(process)["local"][1]
        served_by(process, port)
        first, second = children(process)
        os.kill(first, signal.SIGKILL)
        assert children(process, 1) == [second]
        assert [served_by(process, port) for _ in range(3)] == [second] * 3
        os.kill(second, signal.SIGKILL)
        assert process.wait(WAIT) == 1


@pytest.mark.parametrize("extra", [{"reuse_port": True}, {}])
def test_a_port_that_is_taken_ends_it(tmp_path: Path, extra: dict[str, bool]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listener = {"address": "127.0.0.1", "port": taken.getsockname()[1], **extra}
        with program(tmp_path, listeners=[listener], workers=2) as process:
            assert process.wait(WAIT) == 2


def test_a_backlog_is_what_listen_gets(tmp_path: Path) -> None:
    with program(tmp_path, listeners=[{**LOOPBACK, "backlog": 3}], workers=1) as process:
        port = report(process)["local"][1]
        os.kill(worker := served_by(process, port), signal.SIGSTOP)
        assert becomes(lambda: Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0], "T") == "T"
        held = [socket.socket() for _ in range(8)]
        for sock in held:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        queued = becomes(lambda: waiting(port), 4)
        for sock in held:
            sock.close()
        assert queued == 4  # backlog + 1 (tcp(7))


def test_a_deferred_connection_is_not_accepted_before_it_has_data(tmp_path: Path) -> None:
    with program(tmp_path, listeners=[{**LOOPBACK, "defer_accept": True}]) as process:
        port = report(process)["local"][1]
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as sock:
            local = sock.getsockname()[1]
            # SYN-RECV (03) in the kernel's table: the client thinks that it is connected.
            assert state_towards(port, local) == "03"
            sock.sendall(CLOSING)
            assert answer(sock).startswith(b"HTTP/1.1 200 ")
    with program(tmp_path, listeners=[LOOPBACK]) as process:
        port = report(process)["local"][1]
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as sock:
            assert state_towards(port, sock.getsockname()[1]) == "01"


def state_towards(port: int, peer: int) -> str:
    """State of the server's end of a connection."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = {(int(row[1][-4:], 16), int(row[2][-4:], 16)): row[3] for row in rows}
    return ends[port, peer]
