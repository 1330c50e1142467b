"""Witnesses that the recorder is to do without, for tests: what the lab is worth on a host that refuses them.

Rule: what is forbidden is forbidden by the kernel (seccomp), so the recorder meets the refusal of such a host; the
environment only lets it say that this was wanted. SYS_PTRACE stays: reading /proc and entering namespaces need it too.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from lab.engine.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLE = "LAB_WITHOUT"
CALLS: dict[str, tuple[str, ...]] = {
    "kernel": ("mount", "fsopen", "fsmount", "move_mount", "open_tree", "mount_setattr"),
    "ptrace": ("ptrace", "process_vm_readv", "process_vm_writev"),
}
"""Witness -> system calls without which there is none: tracefs must be mounted in the recorder's container."""


def wanted(words: str | None = None) -> tuple[str, ...]:
    """Read `kernel,ptrace`; None: from the environment. Raises MachineError for a word that is no such witness."""
    text = os.environ.get(VARIABLE, "") if words is None else words
    found = tuple(sorted({word.strip() for word in text.split(",") if word.strip()}))
    unknown = [word for word in found if word not in CALLS]
    if unknown:
        raise MachineError(f"--without {', '.join(unknown)}: no witness that can be forbidden", f"name {' or '.join(CALLS)}")
    return found


def environment(without: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Tell the recorder."""
    text = ",".join(without)
    return ((VARIABLE, text),) if text else ()


def security(without: Iterable[str]) -> tuple[str, ...]:
    """Write the engine's security option: these calls fail with "operation not permitted"."""
    names = [name for word in without for name in CALLS[word]]
    if not names:
        return ()
    rule = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": 1}
    return ("seccomp=" + json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}),)
