"""An application with a path for each way to behave: python3 paths.py ADDRESS PORT NAME.

/fail answers 500, /forbidden 403, /unavailable 503, /accel tells nginx to take /kept/..., /crash kills the process when it
has read the request, /slow answers after a second, /stream writes three events, /early answers without reading the
body, /gzip compresses; anything else is greeted.
"""

import gzip
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS, PORT, NAME = sys.argv[1], int(sys.argv[2]), sys.argv[3]
CODES = {"fail": 500, "forbidden": 403, "unavailable": 503, "unauthorized": 401, "nothing": 204}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        verb = self.path.split("?")[0].strip("/").split("/")[-1]
        if verb != "early":
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if verb == "crash":
            os._exit(1)
        if verb == "slow":
            time.sleep(1)
        if verb == "stream":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for number in range(3):
                self.wfile.write(f"data: {number}\n\n".encode())
                time.sleep(0.3)
            self.close_connection = True
            return
        said = b"" if verb == "nothing" else f"{NAME} was asked for {self.path}\n".encode()
        self.send_response(CODES.get(verb, 200))
        if verb == "accel":
            self.send_header("X-Accel-Redirect", "/kept/" + NAME)
        if verb == "gzip":
            said = gzip.compress(said)
            self.send_header("Content-Encoding", "gzip")
        if verb != "nothing":
            self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_HEAD = handle_any  # noqa: N815 - http.server wants these names

    def log_message(self, *_: object) -> None:
        """Write no log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True


Server((ADDRESS, PORT), Handler).serve_forever()
