"""The lab's own application: listens, accepts, and serves each connection in a thread of its own.

Rule: one report for each step, made when the step is done; one `read` for each recv(2) that gave bytes. TERM ends it at
once, because it has nothing to save. Weak spot: a thread a connection bounds it to some hundreds at a time.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app_channel import Channel, Clear, Tls, remember_names
from app_config import Config, ConfigError, Limits, Listener, read_config, tls_context
from app_http import serve
from app_report import Reporter, endpoint, to_stdout

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = "1"
_LINGER_SECONDS = 1.0
"""For what the peer still sends: closing with bytes unread would reset the answer away (RFC 9112, section 9.6)."""
_SEND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wire:
    """One accepted connection as `app_http.Peer`: each read and the end of the TLS handshake is reported."""

    socket: socket.socket
    channel: Channel
    reporter: Reporter

    def receive(self, seconds: float) -> bytes:
        """Some clear bytes; empty at the end. Raises `TimeoutError`, `ssl.SSLError` or another `OSError`."""
        end = time.monotonic() + seconds
        while not self.channel.ended():
            data = self.read(end - time.monotonic())
            if not data:
                return b""
            if clear := self._take(data):
                return clear
        return b""

    def read(self, seconds: float) -> bytes:
        """What one recv(2) gives, reported; empty at the end."""
        self.socket.settimeout(max(seconds, 0.001))
        data = self.socket.recv(65536)
        if data:
            self.reporter.say("read", str(len(data)))
        return data

    def _take(self, data: bytes) -> bytes:
        try:
            clear = self.channel.take(data)
        finally:
            self._put(self.channel.seal(b""))
        if agreed := self.channel.established():
            self.reporter.say("tls", agreed)
        return clear

    def send(self, data: bytes) -> None:
        """Write all of `data`."""
        self._put(self.channel.seal(data))

    def finish(self) -> None:
        """Say that nothing more comes, then take for a moment what the peer still sends."""
        self._put(self.channel.finish())
        self.socket.shutdown(socket.SHUT_WR)
        end = time.monotonic() + _LINGER_SECONDS
        while (left := end - time.monotonic()) > 0 and self.read(left):
            pass

    def _put(self, data: bytes) -> None:
        if data:
            self.socket.settimeout(_SEND_SECONDS)
            self.socket.sendall(data)


def converse(connection: socket.socket, channel: Channel, reporter: Reporter, limits: Limits) -> None:
    """Serve one connection to its end and close it."""
    wire = Wire(connection, channel, reporter)
    why = ""
    with connection:
        try:
            why = serve(wire, reporter, limits)
            wire.finish()
        except ssl.SSLError as error:
            why = f"TLS failed: {error.reason or error}"
        except OSError as error:
            why = why or f"{type(error).__name__}: {error}"
    reporter.say("closed", why)


def listen(listener: Listener) -> socket.socket:
    """A listening socket. `[::]` takes IPv4 too, where the kernel's `bindv6only` is 0. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in listener.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((listener.address, listener.port))
        sock.listen(listener.backlog)
    except OSError:
        sock.close()
        raise
    return sock


def channels(config: Config, listener: Listener) -> Callable[[], Channel]:
    """What makes a fresh channel for each connection of `listener`. Raises `ConfigError`."""
    context = tls_context(config, listener)
    if context is None:
        return Clear
    names = remember_names(context)
    return lambda: Tls(context, names)


def accept_all(sock: socket.socket, make: Callable[[], Channel], reporter: Reporter, limits: Limits) -> None:
    """Accept until the socket is closed, each connection in a thread of its own, so many at a time as allowed."""
    free = threading.BoundedSemaphore(limits.connections)
    while True:
        free.acquire()
        try:
            connection, peer = sock.accept()
        except ConnectionAbortedError:
            free.release()
            continue
        except OSError:
            return
        own = replace(reporter, local=endpoint(connection.getsockname()), peer=endpoint(peer))
        own.say("accepted")
        threading.Thread(target=_in_thread, args=(free, connection, make(), own, limits), daemon=True).start()


def _in_thread(
    free: threading.BoundedSemaphore, connection: socket.socket, channel: Channel, reporter: Reporter, limits: Limits
) -> None:
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        converse(connection, channel, reporter, limits)
    finally:
        free.release()


def start(config: Config, write: Callable[[bytes], object] = to_stdout) -> tuple[socket.socket, ...]:
    """Listen and begin to accept on all listeners; gives their sockets. Raises `ConfigError` or `OSError`."""
    makers = [channels(config, listener) for listener in config.listeners]
    sockets = tuple(listen(listener) for listener in config.listeners)
    for listener, sock, make in zip(config.listeners, sockets, makers, strict=True):
        reporter = Reporter(write, endpoint(sock.getsockname()))
        reporter.say("listening", f"tls {listener.tls}")
        threading.Thread(target=accept_all, args=(sock, make, reporter, config.limits), daemon=True).start()
    return sockets


def main(arguments: list[str]) -> int:
    """Run with a configuration file; `--check FILE` only reads it, `--version` says the version."""
    if arguments == ["--version"]:
        sys.stdout.write(f"lab app {VERSION}, Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}\n")
        return 0
    try:
        config = read_config(Path(arguments[-1]))
        if arguments[0] == "--check":
            return _check(config)
        return _run(config)
    except (ConfigError, OSError, IndexError) as error:
        sys.stderr.write(f"app: {error or 'usage: app.py [--check] FILE'}\n")
        return 2


def _check(config: Config) -> int:
    for listener in config.listeners:
        channels(config, listener)
    return 0


def _run(config: Config) -> int:
    """Serve until TERM or INT. The handlers matter: as process 1 it would ignore both (pid_namespaces(7))."""
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    start(config)
    signal.sigwait(ends)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
