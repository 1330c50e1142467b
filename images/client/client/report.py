"""The report of a probe as JSON: the fields of `ClientReport` without `line` and `namespace`."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from client.faults import fault

if TYPE_CHECKING:
    from client.connecting import Progress

LIMIT = 16 * 1024 * 1024
"""Bytes of a body that are kept; a report is one line of text."""


@dataclass(slots=True)
class Received:
    """What came back."""

    status: int | None = None
    http_version: str | None = None
    """`1.0` or `1.1`."""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    """These four are of the last answer whose head came."""
    answers: int = 0
    """Whole final answers."""


def token(probe: dict[str, Any]) -> str:
    """Its text; empty: the probe carries none. In the protocol it is base64: where the engine is reached over a network
    it must not be seen in clear on the lab's own connection, for where it is seen the request is."""
    return decode(probe.get("token")).decode("ascii")


def report(probe: dict[str, Any], started_ns: int, finished_ns: int, progress: Progress, received: Received) -> dict[str, Any]:
    return {
        "probe": probe["probe"],
        "token": probe.get("token", ""),
        "asked": list(probe["connect"]),
        "started_ns": started_ns,
        "finished_ns": finished_ns,
        "local": progress.local,
        "peer": progress.peer,
        "sent": encode(bytes(progress.sent)),
        "tls": progress.tls,
        "status": received.status,
        "http_version": received.http_version,
        "headers": received.headers,
        "body": encode(bytes(received.body[:LIMIT])),
        "error": fault(progress.during, progress.error) if progress.error else None,
        "answers": received.answers,
    }


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def decode(text: str | None) -> bytes:
    """URL-safe base64; raises ValueError."""
    return base64.b64decode((text or "").encode(), altchars=b"-_", validate=True)
