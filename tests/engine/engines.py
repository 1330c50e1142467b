"""Engines that are not: as much of the API over HTTP as an address is told apart by."""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

VERSION = {"Version": "26.1", "ApiVersion": "1.45", "MinAPIVersion": "1.24", "KernelVersion": "6.1.0"}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_error(501)

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        status, body = self.server.answer  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class _UnixServer(socketserver.UnixStreamServer):
    def get_request(self) -> Any:
        request, _ = super().get_request()
        return request, ("local", 0)


@contextmanager
def _serving(server: Any, version: Any, status: int) -> Iterator[list[str]]:
    body = version if isinstance(version, bytes) else json.dumps(version).encode()
    server.answer, server.asked = (status, body), []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def on_socket(path: Path, version: Any = VERSION, status: int = 200) -> Iterator[list[str]]:
    """At a Unix socket; gives the paths that were asked for."""
    with _serving(_UnixServer(str(path), _Handler), version, status) as asked:
        yield asked


@contextmanager
def on_port(context: ssl.SSLContext | None = None, version: Any = VERSION) -> Iterator[tuple[int, list[str]]]:
    """At a port of the loopback, over TLS with a context."""
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with _serving(server, version, 200) as asked:
        yield server.server_address[1], asked
