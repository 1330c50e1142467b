"""What kind of machine this is, and how that was told.

Rule: each conclusion names what was read; without evidence it is `unknown`, never a guess from a host name. Weak
spot: a container sees only what the host lets it; a hypervisor can hide itself, so `no hypervisor flag` is no proof
of a physical machine.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

READ = {
    "dmi chassis": "/sys/class/dmi/id/chassis_asset_tag",
    "dmi vendor": "/sys/class/dmi/id/sys_vendor",
    "dmi product": "/sys/class/dmi/id/product_name",
    "hypervisor type": "/sys/hypervisor/type",
    "device tree": "/proc/device-tree/model",
}

SIGNS = (
    ("7783-7084-3265-9085-8269-3286-77", "cloud instance (Microsoft Azure)"),
    ("Amazon EC2", "cloud instance (Amazon EC2)"),
    ("Google Compute Engine", "cloud instance (Google Compute Engine)"),
    ("DigitalOcean", "cloud instance (DigitalOcean)"),
    ("Hetzner", "cloud instance (Hetzner)"),
    ("OpenStack", "cloud instance (OpenStack)"),
    ("Alibaba Cloud", "cloud instance (Alibaba Cloud)"),
    ("Microsoft Corporation Virtual Machine", "virtual machine (Hyper-V)"),
    ("VMware", "virtual machine (VMware)"),
    ("VirtualBox", "virtual machine (VirtualBox)"),
    ("QEMU", "virtual machine (QEMU)"),
    ("KVM", "virtual machine (KVM)"),
    ("Xen", "virtual machine (Xen)"),
    ("xen", "virtual machine (Xen)"),
    ("Apple Virtualization", "virtual machine (Apple Virtualization)"),
)
"""What vendor, product and chassis say -> conclusion; the first that fits. As systemd-detect-virt(1) and cloud-init's
ds-identify tell them; the number is the one that Azure puts on every chassis."""

ENGINE_ROOT = "/proc/{parent}/root"
"""The root of the machine that the engine runs on, as the recorder's parent has it: a process of the engine, since the
recorder shares the machine's processes. Process 1 may belong to somebody else."""
INSIDE = {"/.dockerenv": "docker", "/run/.containerenv": "podman", "/run/systemd/container": "named there"}
"""Files that container engines leave in the root of what they run. Source: systemd-detect-virt(1)."""


def facts() -> dict[str, Any]:
    """What was read and what it says. Absent files are absent keys."""
    read = {name: text for name, path in READ.items() if (text := _text(path))}
    read["processor"] = "hypervisor flag" if _flag(_text("/proc/cpuinfo")) else "no hypervisor flag"
    if "firecracker" in _text("/proc/cmdline").lower():
        read["kernel command line"] = "names firecracker"
    kind, because = conclude(read)
    host, told = container_host(Path(ENGINE_ROOT.format(parent=os.getppid())))
    return {
        "kind": kind,
        "because": because,
        "host": host,
        "host_because": told,
        "read": read,
        "kernel": os.uname().release,
        "architecture": os.uname().machine,
    }


def boot() -> str:
    """Which boot of which kernel this is; nobody else has the same. See random(4)."""
    return _text("/proc/sys/kernel/random/boot_id")


NAMED = ("dmi vendor", "dmi product", "dmi chassis", "hypervisor type")


def container_host(root: Path) -> tuple[str, str]:
    """Whether the machine that runs the containers is in a container itself, and how that was told."""
    try:
        found = [name for name in INSIDE if (root / name.lstrip("/")).exists()]
        list(root.iterdir())
    except OSError as error:
        return "container host", f"containers run here; whether it is in a container itself is not known: {error}"
    if found:
        return "container host, in a container itself", f"{found[0]} in its root ({INSIDE[found[0]]})"
    return "container host", f"containers run here; none of {', '.join(INSIDE)} in its root, so it is in none itself"


def conclude(read: dict[str, str]) -> tuple[str, str]:
    """Kind of machine, and the reason in words."""
    named = " ".join(read.get(name, "") for name in NAMED)
    for sign, kind in SIGNS:
        if sign in named:
            return kind, f"{sign} in {named.strip()!r}"
    if "kernel command line" in read:
        return "virtual machine (Firecracker)", f"the kernel command line {read['kernel command line']}"
    if read.get("processor") == "hypervisor flag":
        return "virtual machine", "the processor's hypervisor flag; nothing that can be read names the hypervisor"
    if named.strip():
        return "physical, probably", f"no hypervisor flag, and the firmware says {named.strip()!r}"
    return "unknown", "no hypervisor flag, and no firmware tables to read"


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip("\0 \n")
    except OSError:
        return ""


def _flag(cpuinfo: str) -> bool:
    lines = (line for line in cpuinfo.splitlines() if line.startswith("flags"))
    return "hypervisor" in next(lines, "").split()
