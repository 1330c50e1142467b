"""Links that lose segments or bring them late.

Rule: a queue stands in the network namespaces of one case and nowhere else, in an nftables table of its own, and goes
with the case, with the namespace or with the recorder. What is to be lost is taken behind the receiver's interface, so
that its capture shows the segment and its retransmission. What is to come late is held back where it is sent, in every
namespace of the case, so that the receiver's interface sees the disorder. Weak spot: what the engine's own namespace
sends cannot be made late, for its rules are not touched.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from recorder import case as cases
from recorder import counting, namespaces, netlink, queueing
from recorder.errors import BadRequestError, GoneError

if TYPE_CHECKING:
    import socket

    from recorder.case import Case, Namespace

COMING, GOING = "input", "output"
TURN = 0.05
"""Seconds between two looks whether something was held long enough."""


@dataclass(slots=True)
class Gate:
    """One hook of one namespace."""

    namespace: Namespace
    number: int
    """Of the queue and of the rules' table: one in each namespace for each link and hook."""
    ruling: counting.Ruling
    queue: socket.socket


@dataclass(slots=True)
class Link:
    """What is done to one namespace."""

    gates: list[Gate]
    end: tuple[int, int]
    """A pipe: written to when it is over."""
    thread: threading.Thread | None = None


def put(case: Case, name: str, port: int | None, lose: list[int] | str, late: list[int]) -> dict[str, Any]:
    """Replace what is done to this namespace. Raises BadRequestError, GoneError."""
    into = _own(case, name)
    if name in case.links:
        close(case.links.pop(name))
    wanted = _rulings(case, into, port, lose, late)
    if not wanted:
        return {"available": True}
    link, number = Link([], os.pipe2(os.O_CLOEXEC)), 2 * list(case.namespaces).index(name)
    try:
        for namespace, hook, ruling in wanted:
            link.gates.append(_gate(namespace, hook, number + (hook == GOING), ruling))
    except OSError as error:
        close(link)
        return {"available": False, "why": f"{error}; it needs nfnetlink_queue, nf_tables, nft_compat and xt_NFQUEUE"}
    link.thread = threading.Thread(target=_serve, args=(link,), name=f"link {name}", daemon=True)
    link.thread.start()
    case.links[name] = link
    return {"available": True}


def close(link: Link) -> None:
    """Undo it: what is held goes on first. A namespace that is gone took its rules with it."""
    os.write(link.end[1], b"!")
    if link.thread is not None:
        link.thread.join()
    for gate in link.gates:
        with contextlib.suppress(OSError):  # without its reader a queue lets everything pass
            _give(gate, counting.release(gate.ruling))
            namespaces.inside(gate.namespace.descriptor, partial(netlink.unhook, gate.number))
        gate.queue.close()
    for each in link.end:
        os.close(each)


def held(case: Case) -> int:
    """Segments that are held back at this moment."""
    return sum(len(gate.ruling.held) for link in list(case.links.values()) for gate in link.gates)


def swallowed(case: Case, peer: tuple[str, int], namespace: str) -> bool:
    """Whether a link loses all that is sent to this end from this namespace."""
    sender = case.namespaces.get(namespace)
    rulings = ((gate.namespace, gate.ruling) for link in list(case.links.values()) for gate in link.gates)
    return sender is not None and any(
        ruling.lose_all and ruling.port in {None, peer[1]} and peer[0] in _addresses(into, sender) for into, ruling in rulings
    )


def _own(case: Case, name: str) -> Namespace:
    """The namespace, if it is one of the case's own. The engine's is never touched."""
    if name not in case.namespaces:
        raise GoneError(f"namespace {name} is not attached to case {case.name}")
    found = case.namespaces[name]
    if name == cases.HOST or found.inode == _host_inode():
        raise BadRequestError(f"namespace {name} is the engine's own; its packets are not touched")
    return found


def _host_inode() -> int | None:
    host = namespaces.host_pid()
    return namespaces.inode_of_process(host) if host else None


def _rulings(
    case: Case, into: Namespace, port: int | None, lose: list[int] | str, late: list[int]
) -> list[tuple[Namespace, str, counting.Ruling]]:
    wanted = []
    if lose:
        every = lose == "all"
        numbers = frozenset() if every else _numbers("lose", lose)
        wanted.append((into, COMING, counting.Ruling(port, lose=numbers, lose_all=every)))
    if late:
        numbers = _numbers("late", late)
        senders = [each for each in case.namespaces.values() if each.name != cases.HOST and each.inode != _host_inode()]
        wanted += [(each, GOING, counting.Ruling(port, _addresses(into, each), late=numbers)) for each in senders]
    return wanted


def _numbers(name: str, values: object) -> frozenset[int]:
    if not isinstance(values, list) or not all(isinstance(each, int) and each > 0 for each in values):
        raise BadRequestError(f"link: {name} is a list of numbers from 1, or for `lose` the word all")
    return frozenset(values)


def _addresses(into: Namespace, sender: Namespace) -> frozenset[str]:
    return into.addresses if sender is into else frozenset(cases.outer(into.addresses))


def _gate(namespace: Namespace, hook: str, number: int, ruling: counting.Ruling) -> Gate:
    queue = namespaces.inside(namespace.descriptor, partial(queueing.open_queue, number))
    try:
        namespaces.inside(namespace.descriptor, partial(netlink.hook, hook, number))
    except OSError:
        queue.close()
        with contextlib.suppress(OSError):  # the table may not have come to be
            namespaces.inside(namespace.descriptor, partial(netlink.unhook, number))
        raise
    return Gate(namespace, number, ruling, queue)


def _serve(link: Link) -> None:
    """Give verdicts until it is over. In the link's own thread. A fault lets everything pass: nobody reads any more."""
    try:
        _judge_all(link)
    except BaseException:
        for gate in link.gates:
            gate.queue.close()
        raise


def _judge_all(link: Link) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(link.end[0], selectors.EVENT_READ)
        for gate in link.gates:
            selector.register(gate.queue, selectors.EVENT_READ, gate)
        while True:
            for key, _ in selector.select(TURN):
                if key.data is None:
                    return
                _judge(key.data)
            for gate in link.gates:
                _give(gate, counting.release(gate.ruling, time.monotonic()))


def _judge(gate: Gate) -> None:
    for each in queueing.take(gate.queue):
        _give(gate, counting.rule(gate.ruling, each.id, each.heads, time.monotonic()))


def _give(gate: Gate, verdicts: list[counting.Verdict]) -> None:
    for packet, verdict in verdicts:
        queueing.judge(gate.queue, gate.number, packet, verdict)
