"""Connections, each joined over all the namespaces that saw it.

Rule: what two namespaces saw is one connection if the initial sequence numbers of both sides agree (RFC 9293, section 3.4.1:
they are chosen anew for each connection). That survives address translation, which rewrites addresses and leaves sequence
numbers; a forwarder makes a connection of its own, with a number of its own. QUIC is told by the client's first connection id
and one end (RFC 9000, section 7.2). An end belongs to the namespace that has its address. Weak spot: something between that
rewrites sequence numbers (a SYN proxy) makes one connection look like two; connections older than the capture are joined by
their addresses.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from lab.trace.flows import Flow, flows
from lab.trace.quic_flows import quic_flows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.model.observations import Endpoint, Inventory, Packet
    from lab.trace.moments import Memo

    Attempted = Callable[[tuple[Flow, ...]], Iterable[Flow]]

TOGETHER_NS = 60 * 10**9
"""SYNs of one connection are seen within the time in which a kernel gives up (tcp_syn_retries: about two minutes)."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection, over TCP or QUIC, wherever it was seen."""

    id: int
    views: tuple[Flow, ...]
    """In order of first sight."""
    sender: Flow | None
    """As seen in the namespace that initiated it; None: no captured namespace has the address."""
    receiver: Flow | None
    """As seen in the namespace that its packets are addressed to in the end."""
    best: Flow
    """The view to read bytes from: without holes, then the longest, then nearest to the receiver."""
    begun_ns: int
    ended_ns: int


def connections(
    packets: Iterable[Packet], inventory: Inventory, memo: Memo, attempted: Attempted = lambda _: ()
) -> tuple[Connection, ...]:
    """All connections over TCP and QUIC, in order of first sight. `attempted`: from those over TCP to what no packet is of."""
    addresses = {n.name: frozenset(a for i in n.interfaces for a in i.addresses) for n in inventory.namespaces}
    found = flows(packets, memo)
    groups = [*_groups(found), *_quic_groups(quic_flows(packets, memo)), *([each] for each in attempted(found))]
    groups.sort(key=lambda group: group[0].begun_ns)
    return tuple(_connection(number, group, addresses) for number, group in enumerate(groups))


def is_loopback(address: str) -> bool:
    """Loopback belongs to each namespace itself: 127/8 and ::1."""
    return ip_address(address).is_loopback


def _groups(found: Iterable[Flow]) -> list[list[Flow]]:
    groups: list[list[Flow]] = []
    by_number: dict[object, list[list[Flow]]] = defaultdict(list)
    for flow in found:
        key = _key(flow)
        group = next((g for g in by_number[key] if _same(g, flow)), None)
        if group is None:
            group = []
            groups.append(group)
            by_number[key].append(group)
        group.append(flow)
    return groups


def _quic_groups(found: Iterable[Flow]) -> list[list[Flow]]:
    """What two namespaces saw of one QUIC connection: the client's first id is the same, which it chose at random, and the
    kernel has rewritten one end at most. A process that sends the datagrams on does so from a socket of its own, to another
    address."""
    groups: list[list[Flow]] = []
    for flow in found:
        group = next((g for g in groups if any(_same_datagrams(each, flow) for each in g)), None)
        if group is None:
            groups.append([flow])
        else:
            group.append(flow)
    return groups


def _same_datagrams(one: Flow, other: Flow) -> bool:
    if not one.quic or not other.quic or one.quic.original != other.quic.original or one.namespace == other.namespace:
        return False
    return one.client == other.client or one.server == other.server


def _key(flow: Flow) -> object:
    if flow.isn is not None:
        return flow.isn
    if is_loopback(flow.client[0]) or is_loopback(flow.server[0]):
        return flow.namespace, flow.client, flow.server
    return flow.client, flow.server


def _same(group: list[Flow], flow: Flow) -> bool:
    servers = {f.server_isn for f in (*group, flow)} - {None}
    return len(servers) <= 1 and abs(flow.begun_ns - group[0].begun_ns) < TOGETHER_NS


def _connection(number: int, group: list[Flow], addresses: dict[str, frozenset[str]]) -> Connection:
    if group[0].attempt:
        return joined(number, tuple(group), group[0], None)
    starts = [flow for flow in group if _has(addresses, flow.namespace, flow.client)]
    ends = [flow for flow in group if _has(addresses, flow.namespace, flow.server)]
    # A namespace that translates addresses may own the address that was asked for; the packets go on from it.
    return joined(number, tuple(group), starts[0] if starts else None, ends[-1] if ends else None)


def joined(number: int, views: tuple[Flow, ...], sender: Flow | None, receiver: Flow | None) -> Connection:
    """A connection of these views, in order of first sight."""
    best = max((view for view in (receiver, sender, *views) if view), key=_readable)
    return Connection(number, views, sender, receiver, best, views[0].begun_ns, max(view.ended_ns for view in views))


def _readable(view: Flow) -> tuple[bool, int]:
    return view.up.whole and view.down.whole, len(view.up.data) + len(view.down.data)


def _has(addresses: dict[str, frozenset[str]], namespace: str, end: Endpoint) -> bool:
    return is_loopback(end[0]) or end[0] in addresses.get(namespace, frozenset())
