"""An ingress-facing gateway for functions, in the manner of the public runtime-interface convention: requests come in by
HTTP, a function that listens nowhere asks for them.

`GET /2018-06-01/runtime/invocation/next` waits for a request and gives it as an event; `POST .../<id>/response` brings its
answer. Rule: the gateway runs no handler, so it reports nothing. Weak spot: one request at a time for each function that
asks, no more than `WAIT` seconds for its answer, and no authentication.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import queue
import signal
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RUNTIME = ("127.0.0.1", 9001)
"""Where functions ask: inside of the sandbox alone."""
PREFIX = "/2018-06-01/runtime/invocation/"
WAIT = 30.0


@dataclass(slots=True)
class Invocation:
    """One request on its way to a function and back."""

    id: str
    event: dict[str, Any]
    answered: threading.Event = field(default_factory=threading.Event)
    answer: dict[str, Any] = field(default_factory=dict)


WAITING: queue.Queue[Invocation] = queue.Queue()
GIVEN: dict[str, Invocation] = {}
NUMBERS = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """What both sides have in common."""

    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Public(Handler):
    """Towards the ingress."""

    def handle_any(self) -> None:
        event = {
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": base64.b64encode(self.body()).decode("ascii"),
        }
        invocation = Invocation(str(next(NUMBERS)), event)
        WAITING.put(invocation)
        if not invocation.answered.wait(WAIT):
            self.answer(504, b"no function answered\n", Content_Type="text/plain")
            return
        answer = invocation.answer
        self.answer(answer["statusCode"], answer["body"].encode(), Content_Type="application/json")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = handle_any  # noqa: N815 - http.server's names


class Runtime(Handler):
    """Towards functions."""

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}next":
            self.answer(404, b"")
            return
        invocation = WAITING.get()
        GIVEN[invocation.id] = invocation
        body = json.dumps(invocation.event).encode()
        self.answer(200, body, Content_Type="application/json", Lambda_Runtime_Aws_Request_Id=invocation.id)

    def do_POST(self) -> None:
        number, _, what = self.path.removeprefix(PREFIX).partition("/")
        invocation = GIVEN.pop(number, None)
        answer = json.loads(self.body())
        if invocation is None or what != "response":
            self.answer(404, b"")
            return
        self.answer(202, b"")
        invocation.answer = answer
        invocation.answered.set()


class Server(ThreadingHTTPServer):
    daemon_threads = True


def main(words: list[str]) -> int:
    """Serve as a configuration says; `--check FILE` only reads it."""
    listeners = [(one["address"], one["port"]) for one in json.loads(Path(words[-1]).read_text("utf-8"))["listeners"]]
    if words[0] == "--check":
        return 0
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # as process 1 it would ignore it (pid_namespaces(7))
    servers = [Server(RUNTIME, Runtime), *(Server(listener, Public) for listener in listeners)]
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
