"""The application with one listener on an ephemeral port of loopback, in this process or in one of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, Self

from app_accept import start
from app_config import Config, Limits, Listener

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).parents[2] / "images" / "app" / "app.py"
HEAD = b"GET /orders HTTP/1.1\r\nHost: shop.example\r\nLab-Probe: abc123\r\n\r\n"
WAIT = 5.0


class Running:
    """The application in this process, and its reports as they come."""

    def __init__(self, tls_folder: str = "", limits: Limits | None = None, address: str = "127.0.0.1", **options: Any) -> None:
        self.lines: Queue[dict[str, Any]] = Queue()
        config = Config((Listener(address, 0, **options),), tls_folder, limits or Limits())
        (self.sock,) = start(config, lambda line: self.lines.put(json.loads(line)))
        self.address = self.sock.getsockname()
        assert self.next("listening")["local"] == list(self.address)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=WAIT)

    def take(self) -> dict[str, Any]:
        return self.lines.get(timeout=WAIT)

    def next(self, event: str) -> dict[str, Any]:
        line = self.take()
        assert line["event"] == event, line
        return line

    def until(self, event: str) -> list[dict[str, Any]]:
        lines = [self.take()]
        while lines[-1]["event"] != event:
            lines.append(self.take())
        return lines

    def silent(self) -> bool:
        try:
            self.lines.get(timeout=0.05)
        except Empty:
            return True
        return False

    def close(self) -> None:
        # close() alone would leave the accepting thread in accept(2) with the port held.
        if self.sock.type == socket.SOCK_STREAM:
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def program(folder: Path, **config: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The application as a process of its own; it is ended by KILL if it has not ended."""
    path = folder / "app.json"
    path.write_text(json.dumps(config))
    with subprocess.Popen(  # noqa: S603
        [sys.executable, str(PROGRAM), str(path)], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its workers too, stopped ones included


def report(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The next line that it reports."""
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def answer(sock: socket.socket) -> bytes:
    """All until the end of the connection."""
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def value(said: bytes) -> dict[str, Any]:
    """The JSON of an answer."""
    found: dict[str, Any] = json.loads(said.partition(b"\r\n\r\n")[2])
    return found


def words(lines: list[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in lines]
