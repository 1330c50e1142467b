"""From system calls to events of the timeline: connections numbered, calls that initiate them tied to their ends.

Field names are those of `KernelEvent`. Rule: a connection gets a number of its own, below zero, when it is accepted,
when a connect is seen to have led to it, or when it is first met; all its events carry that number and both ends.
Weak spot: a connection that was open before strace came has no beginning, and a connect that never led to a connection
has no end of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recorder import calls

CLONE_THREAD = "CLONE_THREAD"

Event = dict[str, Any]
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A connect whose own end is not known yet."""

    time_ns: int
    pid: int
    peer: calls.End


@dataclass(slots=True)
class Memory:
    """What is known of one case's connections."""

    last: int = 0
    numbers: dict[Key, int] = field(default_factory=dict)
    """(namespace, transport, local, peer) -> number."""
    asked: dict[tuple[int, int], Asked] = field(default_factory=dict)
    """(process, descriptor) -> connect under way."""


def events(memory: Memory, call: calls.Call, pid: int, namespace: str) -> list[Event]:
    """What the call shows; nothing for one on something else than a socket of TCP or UDP."""
    if call.name in calls.ACCEPTS:
        return _accepted(memory, call, pid, namespace)
    found = calls.socket_of(_subject(call))
    if found is None:
        return []
    if call.name == calls.CONNECT:
        return _connecting(memory, call, pid, namespace, found)
    local, peer = _ends(call, found)
    if local is None:
        return []
    kind = "read" if _reads(call) else "write"
    base = _event(call, kind, pid, namespace, found.transport) | {"local": local, "peer": peer}
    begun = _begun(memory, pid, namespace, found)
    base["socket"] = _number(memory, _key(namespace, found))
    return begun + [base | {"size": size, "peek": "MSG_PEEK" in call.arguments} for size in _sizes(call)]


def _subject(call: calls.Call) -> str:
    """The argument that is the socket. splice reads from its first and writes to its third."""
    if call.name != "splice" or calls.socket_of(call.arguments):
        return call.arguments
    return call.arguments.split(", ")[2]


def _reads(call: calls.Call) -> bool:
    return call.name in calls.READS or (call.name == "splice" and calls.socket_of(call.arguments) is not None)


def _sizes(call: calls.Call) -> list[int]:
    if call.name.endswith("mmsg") and (calls.number(call.result) or 0) > 0:
        return calls.sizes(call.arguments)
    size = calls.number(call.result)
    return [] if size is None else [size]


def _ends(call: calls.Call, found: calls.Socket) -> tuple[calls.End | None, calls.End | None]:
    """Both ends; a datagram's peer is in the call."""
    if found.transport == "udp" and found.peer is None:
        return found.local, calls.address(call.arguments)
    return found.local, found.peer


def _accepted(memory: Memory, call: calls.Call, pid: int, namespace: str) -> list[Event]:
    found = calls.socket_of(call.result)
    if found is None or found.local is None:
        return []
    event = _event(call, "accept", pid, namespace, found.transport)
    event |= {"socket": _new(memory, _key(namespace, found)), "size": found.descriptor}
    return [event | {"local": found.local, "peer": found.peer}]


def _connecting(memory: Memory, call: calls.Call, pid: int, namespace: str, found: calls.Socket) -> list[Event]:
    """Its own end is known with the next call on it; one that failed at once has none."""
    peer, result = calls.address(call.arguments), calls.number(call.result)
    if peer is None or found.transport != "tcp" or result is None:
        return []
    if result and calls.UNDER_WAY not in call.result:
        return [_event(call, "connect", pid, namespace, "tcp") | {"socket": 0, "size": result, "peer": peer}]
    memory.asked[pid, found.descriptor] = Asked(call.time_ns, pid, peer)
    return []


def _begun(memory: Memory, pid: int, namespace: str, found: calls.Socket) -> list[Event]:
    """The connect that led to this connection, once its ends are known."""
    asked = memory.asked.pop((pid, found.descriptor), None)
    if asked is None or found.peer != asked.peer:
        return []
    event = {"time_ns": asked.time_ns, "event": "connect", "pid": pid, "namespace": namespace, "transport": "tcp"}
    return [event | {"socket": _new(memory, _key(namespace, found)), "size": 0, "local": found.local, "peer": found.peer}]


def _event(call: calls.Call, kind: str, pid: int, namespace: str, transport: str) -> Event:
    return {"time_ns": call.time_ns, "event": kind, "pid": pid, "namespace": namespace, "transport": transport}


def _key(namespace: str, found: calls.Socket) -> Key:
    return namespace, found.transport, *(tuple(end) if end else () for end in (found.local, found.peer))


def _number(memory: Memory, key: Key) -> int:
    return memory.numbers[key] if key in memory.numbers else _new(memory, key)


def _new(memory: Memory, key: Key) -> int:
    memory.last -= 1
    memory.numbers[key] = memory.last
    return memory.last
