"""The signals that end the program, held back until it waits for them.

Rule: a signal with the default disposition never reaches process 1 (pid_namespaces(7)); one that is blocked does, as soon as
it is waited for. So they are blocked before anything else is loaded: a TERM that comes while the program starts is not lost.
"""

from __future__ import annotations

import signal

ENDS = frozenset({signal.SIGTERM, signal.SIGINT})


def hold() -> None:
    """Block them, in this thread and all that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
