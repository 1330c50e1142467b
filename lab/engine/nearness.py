"""Where the engine is, seen from here: what `localhost` and "the host" mean on its machine, and whether that is ours.

Rule: the recorder tells which boot of which kernel it runs on and the host's network namespace; both are compared with our
own. An address says nothing: a tunnel's socket looks like the engine's own, and a port of the loopback may be. Weak spot:
where there is no /proc, or the host's namespace is hidden, the kernel's release must do.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.engine.docker import Docker


class Where(StrEnum):
    HERE = "this machine"
    NAMESPACE = "this machine, in another network namespace"
    """As seen from a container that was given the engine's socket, and with a rootless engine."""
    ELSEWHERE = "another machine"


def where(docker: Docker, ready: Mapping[str, Any]) -> Where:
    """Tell it from the recorder's ready line."""
    boot, namespace = here()
    told, host = ready.get("boot"), ready.get("host_inode")
    if not (boot and told):
        return Where.HERE if docker.local else Where.ELSEWHERE
    if boot != told:
        return Where.ELSEWHERE
    return Where.HERE if host in (namespace, None) else Where.NAMESPACE


def here() -> tuple[str, int]:
    """Our kernel's boot and our network namespace; nothing where there is no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return boot, Path("/proc/self/ns/net").stat().st_ino
    except OSError:
        return "", 0
