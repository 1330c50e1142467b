"""What happens to containers while a case runs: the deaths, as the engine tells them.

Rule: a stream that ends by itself means that the engine is gone, and is reported; the SDK would end in silence. Weak
spot: an event arrives some milliseconds after what it tells.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.engine.docker.connection import Docker, asking
from lab.engine.docker.containers import label_filter
from lab.engine.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Death:
    """The end of one container."""

    id: str
    name: str
    exit_code: int
    time_ns: int


@dataclass(slots=True)
class Watch:
    """A running watch; `close` ends it."""

    stream: Any
    thread: threading.Thread
    closing: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        """Stop watching; no callback comes after this returned."""
        self.closing.set()
        self.stream.close()
        self.thread.join(5)


def watch_deaths(
    docker: Docker,
    labels: Mapping[str, str | None],
    on_death: Callable[[Death], None],
    on_lost: Callable[[MachineError], None],
) -> Watch:
    """Call `on_death` for each container with these labels that ends; `on_lost` once if the engine goes away.

    Both are called in a thread of the watch's own. The watch is in force when this returns.
    """
    filters = {"type": "container", "event": "die", "label": label_filter(labels)}
    with asking("watching the engine's events", docker.url):
        stream = docker.api.events(filters=filters, decode=True)
    closing = threading.Event()
    thread = threading.Thread(target=_read, args=(docker, stream, closing, on_death, on_lost), name="lab-events", daemon=True)
    thread.start()
    return Watch(stream, thread, closing)


def _read(
    docker: Docker,
    stream: Any,
    closing: threading.Event,
    on_death: Callable[[Death], None],
    on_lost: Callable[[MachineError], None],
) -> None:
    try:
        with asking("watching the engine's events", docker.url):
            for event in stream:
                if closing.is_set():
                    return
                on_death(_death(event))
    except (MachineError, ValueError) as error:
        # ValueError: close() took the file away under the read.
        lost = error if isinstance(error, MachineError) else None
    else:
        lost = MachineError(f"the engine's event stream at {docker.url} ended: the engine has stopped or restarted")
    if lost and not closing.is_set():
        on_lost(lost)


def _death(event: dict[str, Any]) -> Death:
    actor = event["Actor"]
    attributes = actor["Attributes"]
    return Death(actor["ID"], attributes["name"], int(attributes.get("exitCode", -1)), int(event["timeNano"]))


def wait_for_network_end(docker: Docker, timeout: float) -> bool:
    """Wait until any network is removed; False when `timeout` seconds passed first. For those who look again anyhow."""
    import requests.exceptions

    filters = {"type": "network", "event": "destroy"}
    with asking("watching the engine's events", docker.url):
        try:
            url = docker.api._url("/events")
            params = {"filters": json.dumps({key: [value] for key, value in filters.items()})}
            with docker.api._get(url, params=params, stream=True, timeout=(5, timeout)) as answer:
                return bool(next(answer.iter_lines(chunk_size=1), b""))
        except requests.exceptions.ConnectionError as error:
            if "timed out" in str(error):
                return False
            raise
