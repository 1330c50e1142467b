"""The handler of the contract for ASGI: one report when it is entered, one when it has answered, and the request told back.

Weak spot: it says of its connection what the server says (`server`, `client` of the scope).
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

NAME = os.environ.get("LAB_APP", "asgi")


async def app(scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer HTTP, echo over WebSocket; take part in nothing else."""
    if scope["type"] == "websocket":
        await echo(scope, receive, send)
        return
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])  # a server that asks for lifespan goes on without (ASGI, "Lifespan Protocol")
    report("dispatched", scope)
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    told = {"app": NAME, "method": scope["method"], "target": target(scope), "body_bytes": size}
    body = json.dumps(told).encode() + b"\n"
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    report("answered", scope)


async def echo(scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Take the upgrade, and send back each message until the client goes."""
    await receive()
    report("dispatched", scope)
    await send({"type": "websocket.accept"})
    report("answered", scope)
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})


def target(scope: Mapping[str, Any]) -> str:
    """Path and query as they were sent."""
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def report(event: str, scope: Mapping[str, Any]) -> None:
    """Write one report as one write(2)."""
    line = {
        "lab": "app/1",
        "time_ns": time.time_ns(),
        "event": event,
        "local": scope["server"],
        "peer": scope["client"],
        "token": next((value.decode("latin-1") for name, value in scope["headers"] if name == b"lab-probe"), ""),
        "method": scope.get("method", "GET"),  # an upgrade has no other (RFC 6455, section 4.1)
        "target": target(scope),
        "detail": "",
        "pid": os.getpid(),
    }
    os.write(1, json.dumps(line).encode() + b"\n")
