"""From trace records to events, and to the cases that an event belongs to.

Field names are those of `KernelEvent`. Rule: a read, write or accept belongs to the namespace of its process. A
change of state, a retransmission and a reset are told to each case that they may belong to, because they run in whatever
context the packet or the timer came in: only the first change of a socket (to SYN_SENT or LISTEN) is made by its own
process. That data is ready is told without ends, and goes to the cases that the socket is known to belong to. Weak spot:
loopback addresses are the same in every namespace, so what an unknown socket does on loopback goes to all cases; a
datagram's socket is known only after its process has tried to read or write once.
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.formats import Format
    from recorder.tids import Owner

STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "NEW_SYN_RECV",
}
"""include/net/tcp_states.h, without `TCP_`."""

KINDS = {
    "inet_sock_set_state": "state",
    "sock_recv_length": "read",
    "sock_send_length": "write",
    "sys_exit_accept4": "accept",
    "sys_exit_accept": "accept",
    "sk_data_ready": "ready",
    "tcp_retransmit_skb": "retransmit",
    "tcp_retransmit_synack": "retransmit",
    "tcp_send_reset": "reset sent",
    "tcp_receive_reset": "reset received",
}
WITH_ENDS = frozenset({"state", "retransmit", "reset sent", "reset received"})
"""Events that name both ends of the connection, and run in anybody's context."""
TRANSPORTS = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
FAMILIES = (socket.AF_INET, socket.AF_INET6)
MSG_PEEK = 2
MAPPED = bytes(10) + b"\xff\xff"
MOST_SOCKETS = 50_000

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """What one case watches."""

    case: str
    namespaces: dict[int, str]
    """Inode -> name, the host's included if it is watched."""
    addresses: frozenset[str]
    """Of its containers' namespaces, loopback left out."""
    host: int = 0
    """Inode of the host's namespace if the case watches it."""
    host_addresses: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()
    """On the host."""
    forwarders: frozenset[int] = frozenset()
    """Processes of the host that hold a socket on one of the ports."""
    whole: bool = False
    """Everything on the host is watched, not some ports."""


NO, PERHAPS, YES = 0, 1, 2
"""Whether a socket belongs to a case. Perhaps: on loopback, and nobody of the case has touched it yet."""


@dataclass(slots=True)
class Memory:
    """Socket address -> case -> whether it was found to belong to it."""

    sockets: dict[int, dict[str, int]] = field(default_factory=dict)


def event(form: Format, time_ns: int, record: bytes) -> tuple[int, Event] | None:
    """Thread id and event, without process and namespace; None for what is neither TCP nor UDP over IP, nor UNIX."""
    values: dict[str, Any] = form.values(record)
    kind = KINDS[form.name]
    found: Event = {"time_ns": time_ns, "event": kind, "pid": 0, "socket": 0, "namespace": ""}
    if kind == "accept":
        return values["common_pid"], found | {"size": values["ret"]}
    unix = values.get("family") == socket.AF_UNIX
    transport = "unix" if unix else TRANSPORTS.get(values.get("protocol", socket.IPPROTO_TCP))
    more = _MORE[kind](form, values)
    if transport is None or more is None:
        return None
    return values["common_pid"], found | {"transport": transport} | more


def places(found: Event, owner: Owner, views: list[View], memory: Memory) -> dict[str, str]:
    """Case -> name of the namespace, for each case that the event belongs to."""
    if found["event"] in WITH_ENDS:
        return dict.fromkeys(_of_ends(found, owner, views, memory), "")
    known = memory.sockets.get(found["socket"], {})
    if found["event"] == "ready":
        return {view.case: "" for view in views if known.get(view.case)}
    named = {view.case: _namespace(view, owner, bool(known.get(view.case))) for view in views}
    where = {case: name for case, name in named.items() if name is not None}
    if found.get("transport") == "udp":
        memory.sockets[found["socket"]] = dict.fromkeys(where, YES)
    elif where and PERHAPS in known.values():
        known.update({case: YES if case in where else NO for case, verdict in known.items() if verdict == PERHAPS})
    return where


def forget(memory: Memory, case: str, *, belonging: bool) -> None:
    """Judge sockets anew for a case that watches more now; with `belonging` also those that were found to be its own."""
    for verdicts in memory.sockets.values():
        if belonging or not verdicts.get(case, YES):
            verdicts.pop(case, None)


def _namespace(view: View, owner: Owner, known: bool) -> str | None:
    """Name of the process's namespace; empty if the process is gone but its socket is known; None: not this case's."""
    if owner.inode is None:
        return "" if known else None
    if owner.inode == view.host and not (view.whole or known or owner.pid in view.forwarders):
        return None
    return view.namespaces.get(owner.inode)


def _of_ends(found: Event, owner: Owner, views: list[View], memory: Memory) -> list[str]:
    born = found.get("old_state") == "CLOSE"
    new = born or found.get("new_state") == "SYN_RECV"  # a connection's socket begins here, on an address that was another's
    if len(memory.sockets) >= MOST_SOCKETS:
        memory.sockets.clear()
    verdicts = memory.sockets.setdefault(found["socket"], {}) if found["socket"] else {}
    for view in views:
        if new or view.case not in verdicts:
            verdicts[view.case] = _touches(view, found, owner if born else None)
    return [view.case for view in views if verdicts[view.case]]


def _touches(view: View, found: Event, maker: Owner | None) -> int:
    """Whether the socket is one of the case's. `maker`: the process that made the change, if that is sure."""
    local, peer = found["local"], found["peer"]
    if local[0] in view.addresses or peer[0] in view.addresses:
        return YES
    watched = view.whole or bool(view.ports & {local[1], peer[1]})
    on_host = watched and (_anywhere(local[0]) or local[0] in view.host_addresses)
    if maker is not None and maker.inode is not None:
        return YES if (on_host if maker.inode == view.host else maker.inode in view.namespaces) else NO
    if view.namespaces.keys() == {view.host}:
        return YES if on_host else NO
    return PERHAPS if on_host or _anywhere(local[0]) else NO


def _anywhere(address: str) -> bool:
    """Loopback or unspecified: the same in every namespace."""
    return address.startswith("127.") or address in ("::1", "0.0.0.0", "::")


def _state(form: Format, values: dict[str, Any]) -> Event | None:
    found = _ends(form, values)
    old, new = (STATES.get(values[name], str(values[name])) for name in ("oldstate", "newstate"))
    return found and found | {"old_state": old, "new_state": new}


def _moved(_: Format, values: dict[str, Any]) -> Event | None:
    """Bytes read or written; a negative size is -errno."""
    if values["family"] not in (*FAMILIES, socket.AF_UNIX):
        return None
    return {"socket": values["sk"], "size": values["ret"], "peek": bool(values["flags"] & MSG_PEEK)}


def _ready(_: Format, values: dict[str, Any]) -> Event | None:
    return {"socket": values["skaddr"]} if values["family"] in FAMILIES else None


def _ends(_: Format, values: dict[str, Any]) -> Event | None:
    """A retransmitted SYN-ACK has no socket yet."""
    if values["family"] not in FAMILIES:
        return None
    return {
        "socket": values.get("skaddr", 0),
        "local": [_address(values, "saddr"), values["sport"]],
        "peer": [_address(values, "daddr"), values["dport"]],
    }


def _reset_sent(form: Format, values: dict[str, Any]) -> Event | None:
    """The ends are whole socket addresses here. No socket: nobody had one for the packet that is refused."""
    local, peer = _whole(values["saddr"]), _whole(values["daddr"])
    reason = form.words.get("reason", {}).get(values["reason"], str(values["reason"]))
    return {"socket": values["skaddr"], "local": local, "peer": peer, "reason": reason} if local and peer else None


_MORE: dict[str, Callable[[Format, dict[str, Any]], Event | None]] = {
    "state": _state,
    "read": _moved,
    "write": _moved,
    "ready": _ready,
    "retransmit": _ends,
    "reset sent": _reset_sent,
    "reset received": _ends,
}


def _address(values: dict[str, Any], name: str) -> str:
    return _text(values["family"], values[name] if values["family"] == socket.AF_INET else values[name + "_v6"])


def _whole(address: bytes) -> list[Any] | None:
    """A `sockaddr_in` or `sockaddr_in6`; None for another."""
    family, port = int.from_bytes(address[:2], sys.byteorder), int.from_bytes(address[2:4])
    if family not in FAMILIES:
        return None
    return [_text(family, address[4:8] if family == socket.AF_INET else address[8:24]), port]


@lru_cache(maxsize=4096)
def _text(family: int, raw: bytes) -> str:
    if raw.startswith(MAPPED):
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    return socket.inet_ntop(family, raw)
