"""The handler of the contract for WSGI: one report when it is entered, one when it has answered, and the request told back.

Rule: PEP 3333 names neither the target as it was sent nor the socket; gunicorn gives both (`RAW_URI`, `gunicorn.socket`).
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = 65536


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterator[bytes]:
    """Answer any request."""
    report("dispatched", environ)
    size = 0
    while piece := environ["wsgi.input"].read(PIECE):
        size += len(piece)
    told = {
        "app": environ["SERVER_SOFTWARE"],
        "method": environ["REQUEST_METHOD"],
        "target": environ["RAW_URI"],
        "body_bytes": size,
    }
    body = json.dumps(told).encode() + b"\n"
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    yield body
    report("answered", environ)


def report(event: str, environ: dict[str, Any]) -> None:
    """Write one report as one write(2)."""
    line = {
        "lab": "app/1",
        "time_ns": time.time_ns(),
        "event": event,
        "local": environ["gunicorn.socket"].getsockname()[:2],
        "peer": (environ["REMOTE_ADDR"], int(environ["REMOTE_PORT"])),
        "token": environ.get("HTTP_LAB_PROBE", ""),
        "method": environ["REQUEST_METHOD"],
        "target": environ["RAW_URI"],
        "detail": "",
        "pid": os.getpid(),
    }
    os.write(1, json.dumps(line).encode() + b"\n")
