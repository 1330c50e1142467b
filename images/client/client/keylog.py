"""The secrets of the client's own TLS sessions, in the NSS key log's format, as OpenSSL writes them.

Rule: they lie in memory only (a file that is nowhere on a disk) until the report takes them along; whoever asked for the probe
keeps them. Source: draft-ietf-tls-keylogfile. Weak spot: all sessions of this process write to one log, so a line is taken
with the report that comes next.
"""

from __future__ import annotations

import os

_LOG = os.memfd_create("keys")
PATH = f"/proc/self/fd/{_LOG}"
"""What a library opens that wants a path."""


def begin() -> None:
    """Have libraries that make their own contexts write to it too (urllib3 does, by this name)."""
    os.environ["SSLKEYLOGFILE"] = PATH


def take() -> str:
    """What was written since the last time."""
    size = os.fstat(_LOG).st_size
    lines = os.pread(_LOG, size, 0).decode("ascii", "replace")
    os.ftruncate(_LOG, 0)
    return "".join(f"{line}\n" for line in lines.splitlines() if line and not line.startswith("#"))
