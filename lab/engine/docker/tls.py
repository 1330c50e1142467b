"""A TLS socket that one thread reads while others write.

Rule: one call at a time goes into TLS, and nobody waits inside of it: a connection of OpenSSL's must not be used by two threads
at once (openssl-threads(7)), and Pythons that lock it there keep the writer waiting for as long as the reader does
(github.com/python/cpython/issues/137583). Weak spot: none that is known.
"""

from __future__ import annotations

import select
import ssl
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class SharedTls:
    """What an agent needs of a socket, over TLS."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        """Take it over; it does not block any more."""
        sock.setblocking(False)
        self._sock = sock
        self._one_at_a_time = threading.Lock()
        self._writing = threading.Lock()

    def recv(self, size: int, /) -> bytes:
        """Read at most `size` bytes; nothing at the end."""
        return self._patiently(lambda: self._sock.recv(size))

    def sendall(self, data: bytes, /) -> None:
        """Write all."""
        left = memoryview(data)
        with self._writing:
            while left:
                left = left[self._patiently(lambda: self._sock.send(left)) :]  # noqa: B023 - called before it changes

    def shutdown(self, how: int, /) -> None:
        """Close one direction or both, of the connection below: whoever waits wakes up."""
        self._sock.shutdown(how)

    def close(self) -> None:
        """Close it."""
        self._sock.close()

    def _patiently(self, act: Callable[[], T]) -> T:
        while True:
            try:
                with self._one_at_a_time:
                    return act()
            except ssl.SSLWantReadError:
                waiting = select.POLLIN
            except ssl.SSLWantWriteError:
                waiting = select.POLLOUT
            poll = select.poll()
            poll.register(self._sock, waiting)
            poll.poll()
