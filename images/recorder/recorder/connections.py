"""One connection in the socket tables of a case: the client's end and the end that it leads to.

Rule: the other end is the socket whose peer is the client's own end, in whatever namespace of the case that is; so a
port rewritten on the way (DNAT) is followed, and a forwarder's own connection is not. Source: sock_diag(7). Weak spot:
a client's address rewritten on the way (masquerading) leads nowhere, and the answer says so.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from recorder import looking, netlink, processes, sockets
from recorder.errors import BadRequestError, GoneError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recorder.case import Case, Namespace

Row = dict[str, Any]
End = list[Any]
"""`[address, port]`."""


def own_end(case: Case, namespace: str, local: End, transport: str = "tcp") -> Row | None:
    """The client's socket; None when it is gone. Raises GoneError for a namespace that is not attached."""
    found = looking.rows(case, named(case, namespace), "")
    return _youngest(row for row in found if row["transport"] == transport and row["local"] == local)


def other_end(case: Case, namespace: str | None, own: Row | None, local: End) -> Row | None:
    """The socket at the other end; for a datagram's the one that it was sent to. None: no namespace has it.

    `namespace`: the client's; where it is not told, a loopback's end is looked for in all.
    """
    places = _places(case, namespace, local[0])
    found = [row for place in places for row in looking.rows(case, place, "")]
    if own is not None and own["transport"] == "udp":
        return next((row for row in found if _takes(row, own["peer"])), None)
    return _youngest(row for row in found if row["transport"] == "tcp" and row["peer"] == local)


def listeners(case: Case, namespace: str, address: str, port: int) -> list[Row]:
    """Sockets that take connections to this address: those on just this address, or else those on all."""
    place = _answering(case, namespace, address)
    found = [row for row in looking.rows(case, place, "", netlink.LISTENING) if row["local"][1] == port]
    exact = [row for row in found if row["local"][0] == address]
    return exact or [row for row in found if ipaddress.ip_address(row["local"][0]).is_unspecified]


def holders(case: Case, row: Row) -> list[int]:
    """Host pids of the processes of the socket's namespace that have a descriptor of it."""
    if not row["inode"]:
        return []
    found = processes.in_namespaces({named(case, row["namespace"]).inode})
    return [each.pid for each in found if row["inode"] in each.sockets]


def named(case: Case, name: str) -> Namespace:
    """Raises GoneError."""
    if name not in case.namespaces:
        raise GoneError(f"namespace {name} is not attached to case {case.name}")
    return case.namespaces[name]


def end(value: object) -> End:
    """An end as it is written in rows. Raises BadRequestError, ValueError."""
    if not isinstance(value, list) or len(value) != 2:
        raise BadRequestError(f"{value!r} is no [address, port]")
    return [sockets.canonical(str(value[0])), int(value[1])]


def _places(case: Case, namespace: str | None, address: str) -> list[Namespace]:
    """Where the other end can be: a loopback's is in the same namespace."""
    if namespace and ipaddress.ip_address(address).is_loopback:
        return [named(case, namespace)]
    return list(case.namespaces.values())


def _answering(case: Case, namespace: str, address: str) -> Namespace:
    """The namespace that has this address."""
    if not ipaddress.ip_address(address).is_loopback:
        for each in case.namespaces.values():
            if address in each.addresses:
                return each
    return named(case, namespace)


def _takes(row: Row, to: End) -> bool:
    address, port = row["local"]
    anywhere = ipaddress.ip_address(address).is_unspecified
    return row["transport"] == "udp" and port == to[1] and (anywhere or address == to[0])


def _youngest(found: Iterable[Row]) -> Row | None:
    """One that lives before one that is only remembered (TIME-WAIT)."""
    return min(found, key=lambda row: row["state"] == "TIME-WAIT", default=None)
