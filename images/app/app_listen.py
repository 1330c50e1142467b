"""Listening sockets, with the options that decide when the kernel hands a connection over and to whom."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app_config import Listener

_DEFER_SECONDS = 30
"""After so many seconds' worth of repeated SYN-ACKs the kernel hands a silent connection over all the same (tcp(7))."""
_PKTINFO = {socket.AF_INET: (socket.IPPROTO_IP, 8), socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO)}
"""Tells the address that each datagram was sent to; 8 is IP_PKTINFO of ip(7), which Python names from 3.14 on."""


def listen(listener: Listener) -> socket.socket:
    """A listening socket. `[::]` takes IPv4 too, where the kernel's `bindv6only` is 0. Raises `OSError`."""
    kind = socket.SOCK_DGRAM if listener.transport == "udp" else socket.SOCK_STREAM
    sock = socket.socket(_family(listener), kind)
    try:
        _set_options(sock, listener)
        sock.bind((listener.address, listener.port))
        if kind == socket.SOCK_STREAM:
            sock.listen(listener.backlog)
    except OSError:
        sock.close()
        raise
    return sock


def _family(listener: Listener) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in listener.address else socket.AF_INET


def _set_options(sock: socket.socket, listener: Listener) -> None:
    if listener.reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if listener.transport == "udp":
        sock.setsockopt(*_PKTINFO[_family(listener)], 1)
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.defer_accept:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFER_SECONDS)
