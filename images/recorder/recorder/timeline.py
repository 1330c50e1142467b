"""From trace records to events, and to the cases that an event belongs to.

Field names are those of `KernelEvent`. Rule: a read, write or accept belongs to the namespace of its process. A
change of state is told to each case that it may belong to, because it runs in whatever context the packet came in:
only the first change of a socket (to SYN_SENT or LISTEN) is made by its own process. Weak spot: loopback addresses
are the same in every namespace, so a change of state on loopback by an unknown socket goes to all cases.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
}
TRANSPORTS = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
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


@dataclass(slots=True)
class Memory:
    """Socket address -> case -> whether it was found to belong to it."""

    sockets: dict[int, dict[str, bool]] = field(default_factory=dict)


def event(form: Format, time_ns: int, record: bytes) -> tuple[int, Event] | None:
    """Thread id and event, without process and namespace; None for what is neither TCP nor UDP over IP."""
    values: dict[str, Any] = form.values(record)
    kind = KINDS[form.name]
    found: Event = {"time_ns": time_ns, "event": kind, "pid": 0, "socket": 0, "namespace": ""}
    if kind == "accept":
        return values["common_pid"], found | {"size": values["ret"]}
    transport = TRANSPORTS.get(values["protocol"])
    if transport is None or values["family"] not in (socket.AF_INET, socket.AF_INET6):
        return None
    found["transport"] = transport
    return values["common_pid"], found | (_state(values) if kind == "state" else _moved(values))


def places(found: Event, owner: Owner, views: list[View], memory: Memory) -> dict[str, str]:
    """Case -> name of the namespace, for each case that the event belongs to."""
    if found["event"] == "state":
        return dict.fromkeys(_of_state(found, owner, views, memory), "")
    known = memory.sockets.get(found["socket"], {})
    named = {view.case: _namespace(view, owner, known.get(view.case, False)) for view in views}
    return {case: name for case, name in named.items() if name is not None}


def forget(memory: Memory, case: str, *, belonging: bool) -> None:
    """Judge sockets anew for a case that watches more now; with `belonging` also those that were found to be its own."""
    for verdicts in memory.sockets.values():
        if belonging or not verdicts.get(case, True):
            verdicts.pop(case, None)


def _namespace(view: View, owner: Owner, known: bool) -> str | None:
    """Name of the process's namespace; empty if the process is gone but its socket is known; None: not this case's."""
    if owner.inode is None:
        return "" if known else None
    if owner.inode == view.host and not known and owner.pid not in view.forwarders:
        return None
    return view.namespaces.get(owner.inode)


def _of_state(found: Event, owner: Owner, views: list[View], memory: Memory) -> list[str]:
    born = found["old_state"] == "CLOSE"
    if len(memory.sockets) >= MOST_SOCKETS:
        memory.sockets.clear()
    verdicts = memory.sockets.setdefault(found["socket"], {})
    for view in views:
        if born or view.case not in verdicts:
            verdicts[view.case] = _touches(view, found, owner if born else None)
    return [view.case for view in views if verdicts[view.case]]


def _touches(view: View, found: Event, maker: Owner | None) -> bool:
    """Whether the socket may be one of the case's. `maker`: the process that made the change, if that is sure."""
    local, peer = found["local"], found["peer"]
    if local[0] in view.addresses or peer[0] in view.addresses:
        return True
    on_host = bool(view.ports & {local[1], peer[1]}) and (_anywhere(local[0]) or local[0] in view.host_addresses)
    if maker is None or maker.inode is None:
        return on_host if view.namespaces.keys() == {view.host} else on_host or (_anywhere(local[0]))
    return on_host if maker.inode == view.host else maker.inode in view.namespaces


def _anywhere(address: str) -> bool:
    """Loopback or unspecified: the same in every namespace."""
    return address.startswith("127.") or address in ("::1", "0.0.0.0", "::")


def _state(values: dict[str, Any]) -> Event:
    return {
        "socket": values["skaddr"],
        "old_state": STATES.get(values["oldstate"], str(values["oldstate"])),
        "new_state": STATES.get(values["newstate"], str(values["newstate"])),
        "local": [_address(values, "saddr"), values["sport"]],
        "peer": [_address(values, "daddr"), values["dport"]],
    }


def _moved(values: dict[str, Any]) -> Event:
    """Bytes read or written; a negative size is -errno."""
    return {"socket": values["sk"], "size": values["ret"], "peek": bool(values["flags"] & MSG_PEEK)}


def _address(values: dict[str, Any], name: str) -> str:
    if values["family"] == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, values[name])
    raw: bytes = values[name + "_v6"]
    if raw.startswith(MAPPED):
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    return socket.inet_ntop(socket.AF_INET6, raw)
