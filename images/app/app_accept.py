"""Accepts on each listener and serves each connection in a thread of its own.

Rule: one report for each step, made when the step is done; one `read` for each recv(2) that gave bytes. Weak spot: a thread a
connection bounds it to some hundreds at a time.
"""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app_channel import Channel, Clear, Tls, watch_names
from app_config import Config, Listener, tls_context
from app_datagrams import answer_all
from app_gate import Gate
from app_http import Desk, serve
from app_listen import listen
from app_proxy_line import ProxyLineError
from app_report import Reporter, endpoint, to_stdout
from app_wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from app_handlers import Ask


@dataclass(frozen=True, slots=True)
class Counter:
    """Where the connections of one listener are served."""

    listener: Listener
    make: Callable[[], Channel]
    """A fresh channel for each connection."""
    desk: Desk
    free: threading.BoundedSemaphore


def channels(config: Config, listener: Listener) -> Callable[[], Channel]:
    """What makes a fresh channel for each connection of `listener`. Raises `ConfigError`."""
    context = tls_context(config, listener)
    if context is None:
        return Clear
    names = watch_names(context, listener.known_names)
    return lambda: Tls(context, names)


def counter(config: Config, listener: Listener, ask: Ask | None) -> Counter:
    """What serves the connections of `listener`. Raises `ConfigError`."""
    gate = Gate(listener.deny, listener.rate)
    desk = Desk(config.limits, gate, listener.tls == "ended", ask)
    return Counter(listener, channels(config, listener), desk, threading.BoundedSemaphore(config.limits.connections))


def start(config: Config, write: Callable[[bytes], object] = to_stdout) -> tuple[socket.socket, ...]:
    """Listen and begin to accept on all listeners; gives their sockets. Raises `ConfigError` or `OSError`."""
    counters = [counter(config, listener, asker(config)) for listener in config.listeners]
    sockets = tuple(listen(listener) for listener in config.listeners)
    for one, sock in zip(counters, sockets, strict=True):
        announce(one.listener, sock, write)
        begin(one, sock, write)
    return sockets


def asker(config: Config) -> Ask | None:
    """What asks the database, its first connection open if that is asked for. Raises `DatabaseError`."""
    if config.database is None:
        return None
    from app_database import Pool  # libpq costs 60 ms and is seldom needed

    pool = Pool(config.database)
    if config.database.eager:
        pool.open()
    return pool.ask


def announce(listener: Listener, sock: socket.socket, write: Callable[[bytes], object] = to_stdout) -> None:
    """Report that this process listens."""
    what = "datagrams" if listener.transport == "udp" else f"tls {listener.tls}"
    Reporter(write, endpoint(sock.getsockname())).say("listening", what)


def begin(counter: Counter, sock: socket.socket, write: Callable[[bytes], object] = to_stdout) -> None:
    """Take what comes on a socket, in a thread."""
    reporter = Reporter(write, endpoint(sock.getsockname()))
    take, given = (answer_all, (sock, reporter)) if sock.type == socket.SOCK_DGRAM else (accept_all, (counter, sock, reporter))
    threading.Thread(target=take, args=given, daemon=True).start()


def accept_all(counter: Counter, sock: socket.socket, reporter: Reporter) -> None:
    """Accept until the socket is closed, each connection in a thread of its own, so many at a time as allowed."""
    while True:
        counter.free.acquire()
        try:
            connection, peer = sock.accept()
        except ConnectionAbortedError:
            counter.free.release()
            continue
        except OSError:
            return
        own = replace(reporter, local=endpoint(connection.getsockname()), peer=endpoint(peer))
        own.say("accepted")
        threading.Thread(target=_in_thread, args=(counter, connection, own), daemon=True).start()


def _in_thread(counter: Counter, connection: socket.socket, reporter: Reporter) -> None:
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            why = converse(counter, Wire(connection, counter.make(), reporter))
        reporter.say("closed", why)
    finally:
        counter.free.release()


def converse(counter: Counter, wire: Wire) -> str:
    """Serve one connection to its end; gives the reason in words."""
    why = ""
    try:
        client = wire.reporter.peer
        if counter.listener.proxy_protocol:
            client = wire.introduction(counter.desk.limits.head_seconds) or client
        why = serve(wire, wire.reporter, counter.desk, client)
        wire.finish()
    except (ssl.SSLError, ProxyLineError) as error:
        why = _broken(error)
        _linger(wire)
    except OSError as error:
        why = why or f"{type(error).__name__}: {error}"
    return why


def _broken(error: ssl.SSLError | ProxyLineError) -> str:
    if isinstance(error, ProxyLineError):
        return f"no PROXY line: {error}"
    return f"TLS failed: {error.reason or error}"


def _linger(wire: Wire) -> None:
    try:
        wire.linger()
    except OSError:
        return
