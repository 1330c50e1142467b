"""A small web application: python3 serve.py ADDRESS PORT [NAME] [BEHAVIOUR]. It answers `NAME says hello` to anything.

Behaviours: `hello`; `never` reads the request and does not answer; `picky` refuses a request with an X-Forwarded-For field;
`close` ends the connection after it read the request; `tls:FILE` is `hello` over TLS with that PEM file.
"""

import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS, PORT = sys.argv[1], int(sys.argv[2])
NAME = sys.argv[3] if len(sys.argv) > 3 else "app"
BEHAVIOUR = sys.argv[4] if len(sys.argv) > 4 else "hello"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if BEHAVIOUR == "never":
            threading.Event().wait()
        if BEHAVIOUR == "close":
            self.close_connection = True
            return
        refused = BEHAVIOUR == "picky" and "X-Forwarded-For" in self.headers
        said = f"{NAME} says {'no' if refused else 'hello'} to {self.path}, {len(body)} bytes\n".encode()
        self.send_response(400 if refused else 200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - http.server wants these names

    def log_message(self, *_: object) -> None:
        """Write no log."""


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
    daemon_threads = True


server = Server((ADDRESS, PORT), Handler)
if BEHAVIOUR.startswith("tls:"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(BEHAVIOUR[4:])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
