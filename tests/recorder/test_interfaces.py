"""Interfaces are read whole: a reading that the kernel says was broken off is made again."""

import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from recorder import netlink


class InterruptedDumpError(Exception):
    """As pyroute2 raises it; pyroute2 itself is only in the recorder's image."""


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("pyroute2.netlink.exceptions")
    module.NetlinkDumpInterrupted = InterruptedDumpError  # type: ignore[attr-defined]
    for name in ("pyroute2", "pyroute2.netlink"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)


class Message(dict[str, Any]):
    """One message of a dump."""

    def get_attr(self, name: str) -> Any:
        return self.get(name)


def link(broken: int) -> Any:
    """A link whose first readings are broken off."""
    left = [broken]

    def links() -> Any:
        yield Message(index=1, IFLA_IFNAME="lo")
        if left[0]:
            left[0] -= 1
            raise InterruptedDumpError
        yield Message(index=2, IFLA_IFNAME="eth0")

    route = SimpleNamespace(get_links=links, get_addr=lambda: [Message(index=2, IFA_LOCAL="10.0.0.2")])
    return SimpleNamespace(lock=threading.Lock(), route=route)


@pytest.mark.parametrize("broken", [0, 1, netlink.DUMPS - 1])
def test_a_reading_that_was_broken_off_is_made_again(broken: int) -> None:
    assert [(each["name"], each["addresses"]) for each in netlink.interfaces(link(broken))] == [
        ("lo", []),
        ("eth0", ["10.0.0.2"]),
    ]


def test_a_reading_that_is_always_broken_off_is_an_error_and_no_half_list() -> None:
    with pytest.raises(InterruptedDumpError):
        netlink.interfaces(link(10_000))
