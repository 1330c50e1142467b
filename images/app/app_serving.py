"""What the program does with its arguments."""

from __future__ import annotations

import os
import signal
import ssl
import sys
from pathlib import Path

from app_accept import channels, start
from app_config import Config, ConfigError, read_config
from app_ends import ENDS
from app_handlers import DatabaseError
from app_workers import run

VERSION = "1"


def serve(arguments: list[str]) -> int:
    """Serve until TERM or INT, which are held back; or check, or say the version. Gives the exit code."""
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
    start(config)
    signal.sigwait(ENDS)
    os._exit(0)
