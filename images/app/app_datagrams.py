"""A datagram service: each datagram is answered by one, from the address that it was sent to.

There is nothing to accept and no connection: `read`, `dispatched` and `answered` are reported with the two ends of the
datagram, and nothing else. Weak spot: one datagram at a time.
"""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING

from app_report import endpoint

if TYPE_CHECKING:
    from app_report import Endpoint, Reporter

_ANCILLARY = 128
_ADDRESS = {socket.IPPROTO_IP: slice(8, 12), socket.IPPROTO_IPV6: slice(0, 16)}
"""Where in_pktinfo has the datagram's destination (ip(7)), and in6_pktinfo (ipv6(7))."""


def answer_all(sock: socket.socket, reporter: Reporter) -> None:
    """Answer each datagram until the socket is closed."""
    while True:
        try:
            data, about, _, peer = sock.recvmsg(65536, _ANCILLARY)
        except OSError:
            return
        own = replace(reporter, local=_sent_to(sock, about), peer=endpoint(peer))
        own.say("read", str(len(data)))
        own.say("dispatched")
        said = json.dumps({"app": "lab", "datagram_bytes": len(data), "datagram_sha256": sha256(data).hexdigest()}) + "\n"
        try:
            sock.sendmsg([said.encode()], about, 0, peer)
        except OSError as error:
            own.say("closed", f"{type(error).__name__}: {error}")
        else:
            own.say("answered")


def _sent_to(sock: socket.socket, about: list[tuple[int, int, bytes]]) -> Endpoint:
    """The datagram's own destination: that of the socket may be a wildcard."""
    port = sock.getsockname()[1]
    for level, _, data in about:
        if level in _ADDRESS:
            return endpoint((str(ip_address(data[_ADDRESS[level]])), port))
    return endpoint(sock.getsockname())
