"""Rows of the kernel's socket table as evidence, and listeners looked for in them.

Field names are those of `SocketRow`. Rule: an address is written in its canonical form, an IPv4-mapped IPv6 address
as IPv4; all wildcards mean the same when a listener is looked for. Weak spot: an IPv6 wildcard also takes IPv4
unless IPV6_V6ONLY is set, and is held to match both.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recorder.diag import Raw

STATES = {
    1: "ESTAB",
    2: "SYN-SENT",
    3: "SYN-RECV",
    4: "FIN-WAIT-1",
    5: "FIN-WAIT-2",
    6: "TIME-WAIT",
    7: "UNCONN",
    8: "CLOSE-WAIT",
    9: "LAST-ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN-RECV",
}
"""include/net/tcp_states.h, in the words of ss(8). 12 is NEW_SYN_RECV, a request without a socket yet."""

TRANSPORTS = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
WILDCARD = "*"


def row(namespace: str, look: str, time_ns: int, protocol: int, raw: Raw) -> dict[str, Any]:
    """One row; holders are added by whoever read /proc."""
    return {
        "time_ns": time_ns,
        "look": look,
        "namespace": namespace,
        "transport": TRANSPORTS[protocol],
        "state": STATES.get(raw.state, str(raw.state)),
        "local": [canonical(raw.local[0]), raw.local[1]],
        "peer": [canonical(raw.peer[0]), raw.peer[1]],
        "inode": raw.inode,
        "recv_q": raw.received,
        "send_q": raw.unsent,
    }


@lru_cache(maxsize=4096)
def canonical(address: str) -> str:
    """Canonical text of an address; `[...]` is taken off."""
    parsed = ipaddress.ip_address(address.strip("[]"))
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def written(address: str, port: int) -> str:
    """`127.0.0.1:3000`, `[::]:8443`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def wanted(listener: dict[str, Any]) -> tuple[str, str, int]:
    """`(transport, address, port)` to compare with `listening`. Raises ValueError for what is no address."""
    text = str(listener.get("address") or WILDCARD)
    address = WILDCARD if text == WILDCARD else _folded(canonical(text))
    return str(listener.get("transport", "tcp")), address, int(listener["port"])


def listening(rows: list[dict[str, Any]]) -> set[tuple[str, str, int]]:
    """What the rows listen on: TCP LISTEN, UDP UNCONN."""
    open_rows = [each for each in rows if each["state"] in ("LISTEN", "UNCONN")]
    return {(each["transport"], _folded(each["local"][0]), each["local"][1]) for each in open_rows}


def _folded(address: str) -> str:
    return WILDCARD if ipaddress.ip_address(address).is_unspecified else address
