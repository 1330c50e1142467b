"""What kind of machine it is: each kind from what would be read there, and nothing from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorder.machine import conclude, container_host, facts

FLAG, NO_FLAG = {"processor": "hypervisor flag"}, {"processor": "no hypervisor flag"}


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        ({"dmi vendor": "Amazon EC2", "dmi product": "m7i.large", **FLAG}, "cloud instance (Amazon EC2)"),
        ({"dmi vendor": "Google", "dmi product": "Google Compute Engine", **FLAG}, "cloud instance (Google Compute Engine)"),
        (
            {
                "dmi vendor": "Microsoft Corporation",
                "dmi product": "Virtual Machine",
                "dmi chassis": "7783-7084-3265-9085-8269-3286-77",
                **FLAG,
            },
            "cloud instance (Microsoft Azure)",
        ),
        ({"dmi vendor": "Microsoft Corporation", "dmi product": "Virtual Machine", **FLAG}, "virtual machine (Hyper-V)"),
        ({"dmi vendor": "QEMU", "dmi product": "Standard PC", **FLAG}, "virtual machine (QEMU)"),
        ({"hypervisor type": "xen", **FLAG}, "virtual machine (Xen)"),
        ({"kernel command line": "names firecracker", **FLAG}, "virtual machine (Firecracker)"),
        (FLAG, "virtual machine"),
        ({"dmi vendor": "Dell Inc.", "dmi product": "PowerEdge R650", **NO_FLAG}, "physical, probably"),
        (NO_FLAG, "unknown"),
    ],
)
def test_each_kind_by_what_is_read_there(read: dict[str, str], kind: str) -> None:
    found, because = conclude(read)
    assert found == kind
    assert because


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("", "container host"),
        (".dockerenv", "container host, in a container itself"),
        ("run/.containerenv", "container host, in a container itself"),
    ],
)
def test_whether_the_container_host_is_in_a_container(tmp_path: Path, file: str, told: str) -> None:
    if file:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    assert container_host(tmp_path)[0] == told


def test_what_cannot_be_read_is_said() -> None:
    assert "not known" in container_host(Path("/nonexistent"))[1]


def test_all_that_was_read_stands_beside_the_conclusion() -> None:
    told = facts()
    assert {"kind", "because", "read", "host", "host_because", "kernel", "architecture"} <= told.keys()
