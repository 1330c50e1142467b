"""Other people's requests beside a trace: bounded in number and time, to this machine's own networks alone."""

from __future__ import annotations

import ssl
import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 20_000
"""Requests at most."""
THREADS = 4


@dataclass(slots=True)
class Load:
    """What was sent so far."""

    answered: int = 0
    failed: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def load(url: str) -> Iterator[Load]:
    """Requests, one after the other in each of a few threads, until the block ends."""
    made = Load()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    threads = [threading.Thread(target=_send, args=(made, url, context)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.over.set()
        for thread in threads:
            thread.join()


def _send(made: Load, url: str, context: ssl.SSLContext) -> None:
    while not made.over.is_set() and made.answered + made.failed < MOST:
        try:
            with urllib.request.urlopen(url, timeout=5, context=context if url.startswith("https") else None) as answer:
                answer.read()
            won = True
        except OSError:
            won = False
        with made.lock:
            made.answered, made.failed = made.answered + won, made.failed + (not won)
