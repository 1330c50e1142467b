"""The lab's own application: an HTTP/1.1 server that tells each step of each request on standard output.

app           this program
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

import os
import signal
import ssl
import sys
from pathlib import Path

from app_accept import channels, start
from app_config import Config, ConfigError, read_config
from app_handlers import DatabaseError
from app_workers import ENDS, run

VERSION = "1"


def main(arguments: list[str]) -> int:
    """Run with a configuration file; `--check FILE` only reads it, `--version` says the version."""
    if arguments == ["--version"]:
        sys.stdout.write(f"lab app {VERSION}, Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}\n")
        return 0
    try:
        config = read_config(Path(arguments[-1]))
        if arguments[0] == "--check":
            return _check(config)
        return run(config, config.workers) if config.workers else _run(config)
    except (ConfigError, DatabaseError, OSError, IndexError) as error:
        sys.stderr.write(f"app: {error or 'usage: app.py [--check] FILE'}\n")
        return 2


def _check(config: Config) -> int:
    for listener in config.listeners:
        channels(config, listener)
    return 0


def _run(config: Config) -> int:
    """Serve until TERM or INT. Waiting for them matters: as process 1 it would ignore both (pid_namespaces(7))."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    start(config)
    signal.sigwait(ENDS)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
