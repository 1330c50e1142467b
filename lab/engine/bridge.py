"""A network bridge on this machine, made by the kernel's own calls, so that the lab's engine shares none with another.

Rule: our bridge has a name of its own and a subnet that no route overlaps. Weak spot: Linux only, IPv4 only, root only.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from ipaddress import IPv4Interface, IPv4Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SIOCBRADDBR, SIOCBRDELBR = 0x89A0, 0x89A1
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
"""From linux/sockios.h; the structure is `struct ifreq` of netdevice(7)."""

IFF_UP = 1

CANDIDATES = tuple(IPv4Network((int(IPv4Network("10.212.0.0/16")[0]) + (n << 8), 24)) for n in range(256))


def exists(name: str) -> bool:
    """Tell whether an interface of this name is there."""
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True


def make(name: str, routes: Iterable[IPv4Network]) -> IPv4Interface:
    """Make a bridge with the first address of a /24 in 10.212.0.0/16 that meets no route. OSError by the kernel."""
    taken = tuple(routes)
    subnet = next(one for one in CANDIDATES if not any(one.overlaps(route) for route in taken))
    own = IPv4Interface((subnet[1], subnet.prefixlen))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCBRADDBR, _name(name))
        fcntl.ioctl(sock, SIOCSIFADDR, _address(name, own.ip.packed))
        fcntl.ioctl(sock, SIOCSIFNETMASK, _address(name, own.netmask.packed))
        _flags(sock, name, up=True)
    return own


def remove(name: str) -> None:
    """Take a bridge away; one that is not there is no error."""
    if not exists(name):
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _flags(sock, name, up=False)
        fcntl.ioctl(sock, SIOCBRDELBR, _name(name))


def _name(name: str) -> bytes:
    return struct.pack("16s", name.encode())


def _address(name: str, packed: bytes) -> bytes:
    """Write `struct ifreq` with a `struct sockaddr_in`."""
    return struct.pack("16sHH4s16x", name.encode(), socket.AF_INET, 0, packed)


def _flags(sock: socket.socket, name: str, *, up: bool) -> None:
    answer = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16sh22x", name.encode(), 0))
    flags = struct.unpack_from("16sh", answer)[1]
    flags = flags | IFF_UP if up else flags & ~IFF_UP
    fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", name.encode(), flags))
