"""A function with its runtime: it has no listener; it asks its platform for requests, one after the other, and answers them.

Rule: it knows nothing of connections, only of events, so its reports name no ends. Weak spot: one request at a time.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import sys
import time
from typing import Any

PREFIX = "/2018-06-01/runtime/invocation/"
PLATFORM_SECONDS = 20.0
"""For the platform's interface to be there: both start together."""


def handler(event: dict[str, Any]) -> dict[str, Any]:
    """The function itself: an event in, an answer out."""
    report("dispatched", event)
    size = len(base64.b64decode(event["body"]))
    told = {"app": "function", "method": event["method"], "target": event["target"], "body_bytes": size}
    return {"statusCode": 200, "body": json.dumps(told) + "\n"}


def report(happened: str, event: dict[str, Any]) -> None:
    """Write one report as one write(2)."""
    line = {
        "lab": "app/1",
        "time_ns": time.time_ns(),
        "event": happened,
        "local": None,
        "peer": None,
        "token": event["headers"].get("lab-probe", ""),
        "method": event["method"],
        "target": event["target"],
        "detail": "",
        "pid": os.getpid(),
    }
    os.write(1, json.dumps(line).encode() + b"\n")


def platform(address: str) -> http.client.HTTPConnection:
    """A connection to the platform's interface; waits for it to be there. Raises ConnectionRefusedError."""
    end = time.monotonic() + PLATFORM_SECONDS
    while True:
        connection = http.client.HTTPConnection(address)
        try:
            connection.connect()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return connection


def serve(connection: http.client.HTTPConnection) -> None:
    """Ask, run, answer, and again, until the platform goes away."""
    while True:
        connection.request("GET", f"{PREFIX}next")
        response = connection.getresponse()
        number, event = response.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(response.read())
        answer = json.dumps(handler(event)).encode()
        connection.request("POST", f"{PREFIX}{number}/response", body=answer)
        connection.getresponse().read()
        report("answered", event)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # as process 1 it would ignore it (pid_namespaces(7))
    try:
        serve(platform(os.environ.get("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")))
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"function: the platform is gone: {error}")
