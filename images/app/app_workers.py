"""Several processes: a parent that listens and never accepts, and workers that do.

Rule: a socket that is shared stays open in the parent, which holds it and takes nothing from it, as the masters of nginx and
gunicorn do; with `reuse_port` each worker keeps a socket of its own and the parent keeps none. A worker that dies is not
replaced, so that what becomes of its connections can be seen; when none is left, the parent ends.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from app_accept import announce, asker, begin, channels, counter
from app_ends import ENDS
from app_listen import listen

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Sequence

    from app_config import Config


def run(config: Config, workers: int) -> int:
    """Serve with so many workers until TERM or INT, or until none is left. Raises `ConfigError` or `OSError`."""
    for listener in config.listeners:
        channels(config, listener)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS | {signal.SIGCHLD})
    own = [[listen(one) if one.reuse_port else None for one in config.listeners] for _ in range(workers)]
    shared = [None if one.reuse_port else listen(one) for one in config.listeners]
    for listener, sock in zip(config.listeners, shared, strict=True):
        if sock is not None:
            announce(listener, sock)
    left = {_fork(config, shared, own, number) for number in range(workers)}
    _close(sock for sockets in own for sock in sockets)
    return _wait(left)


def _fork(
    config: Config, shared: Sequence[socket.socket | None], own: Sequence[Sequence[socket.socket | None]], number: int
) -> int:
    if pid := os.fork():
        return pid
    _close(sock for other, sockets in enumerate(own) if other != number for sock in sockets)
    mine = own[number]
    return _work(config, [one for pair in zip(shared, mine, strict=True) for one in pair if one is not None], mine)


def _work(config: Config, sockets: Sequence[socket.socket], own: Sequence[socket.socket | None]) -> NoReturn:
    """Be a worker: it never returns into the parent's code."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS | {signal.SIGCHLD})
        ask = asker(config)
        for listener, sock, mine in zip(config.listeners, sockets, own, strict=True):
            if mine is not None:
                announce(listener, sock)
            begin(counter(config, listener, ask), sock)
        while True:
            signal.pause()
    except Exception as error:  # noqa: BLE001 - said, and the process ends
        sys.stderr.write(f"app: worker {os.getpid()}: {error}\n")
    finally:
        os._exit(2)


def _close(sockets: Iterable[socket.socket | None]) -> None:
    for sock in sockets:
        if sock is not None:
            sock.close()


def _wait(left: set[int]) -> int:
    while left:
        if signal.sigwait(ENDS | {signal.SIGCHLD}) in ENDS:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            return 0
        left -= set(_ended())
    sys.stderr.write("app: no worker is left\n")
    return 1


def _ended() -> Iterator[int]:
    """Pids of the children that have ended; several may stand behind one SIGCHLD."""
    try:
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            yield pid
    except ChildProcessError:
        return
