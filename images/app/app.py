"""The lab's own application: an HTTP/1.1 server that tells each step of each request on standard output.

app           this program
app_ends      the signals that end it
app_serving   what it does with its arguments
app_config    its configuration
app_workers   several processes
app_accept    listeners and connections
app_listen    listening sockets
app_wire      one connection
app_proxy_line, app_channel   what may stand before HTTP on it: a PROXY line, TLS
app_http      requests and answers
app_gate      what is refused before a route is looked for
app_handlers  routes and handlers
app_database  PostgreSQL
app_datagrams a datagram service
app_report    reports

TERM ends it at once, because it has nothing to save.
"""

from __future__ import annotations

import sys

from app_ends import hold


def main(arguments: list[str]) -> int:
    """Run with a configuration file; `--check FILE` only reads it, `--version` says the version."""
    hold()
    from app_serving import serve

    return serve(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
