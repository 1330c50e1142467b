"""Links that lose segments, bring them late, hold or delay them.

Rule: a queue stands in the network namespaces of one case and nowhere else, in an nftables table of its own, and goes
with the case, with the namespace or with the recorder. What is to be lost is taken behind the receiver's interface, so
that its capture shows the segment and its retransmission. What is to come later is held back where it is sent, in every
namespace of the case, so that the receiver's interface sees the disorder, and nothing of what has not come. Weak spot:
what the engine's own namespace sends cannot be held back, for its rules are not touched.
"""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from recorder import case as cases
from recorder import counting, namespaces, netlink, queueing
from recorder.errors import BadRequestError, GoneError

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Mapping

    from recorder.case import Case, Namespace

COMING, GOING = "input", "output"
TURN = 0.05
"""Seconds between two looks whether something was held long enough, at most."""


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


class Asked(NamedTuple):
    """What is to be done to segments that come into a namespace."""

    port: int | None
    """Destination; None: all."""
    lose: counting.Chosen = counting.NONE
    late: frozenset[int] = frozenset()
    hold: counting.Chosen = counting.NONE
    delay: float = 0.0


def asked(request: dict[str, Any]) -> Asked:
    """As a request has it. Raises BadRequestError."""
    port, late, delay = request.get("port"), request.get("late") or [], request.get("delay") or 0
    if not isinstance(delay, (int, float)) or delay < 0:
        raise BadRequestError("link: delay is a number of seconds")
    lose, hold = (_chosen(name, request.get(name) or []) for name in ("lose", "hold"))
    return Asked(None if port is None else int(port), lose, _numbers("late", late), hold, float(delay))


def put(case: Case, name: str, wish: Asked) -> dict[str, Any]:
    """Replace what is done to this namespace. Raises BadRequestError, GoneError."""
    into = _own(case, name)
    if name in case.links:
        close(case.links.pop(name))
    wanted = _rulings(case, into, wish)
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
    """Segments that are held back at this moment, and go on by themselves."""
    return sum(each.until < math.inf for _, ruling in _gates(case) for each in ruling.held)


def kept(case: Case, row: dict[str, Any]) -> bool:
    """Whether a link keeps what this socket sends, or what would acknowledge it, for as long as it stands: then what it has
    sent stays unacknowledged, and is sent again and again, and nothing comes of it."""
    sender = case.namespaces.get(row["namespace"])
    return sender is not None and any(
        _swallows(into, ruling, sender, row) or _unheard(into, ruling, sender, row) or _holds(ruling, row)
        for into, ruling in _gates(case)
    )


def _gates(case: Case) -> list[tuple[Namespace, counting.Ruling]]:
    """Each ruling, and the namespace at whose hook it stands."""
    return [(gate.namespace, gate.ruling) for link in list(case.links.values()) for gate in link.gates]


LAST: Mapping[str, Collection[str]] = {"syn": ("SYN-SENT",), "fin": ("FIN-WAIT-1", "CLOSING", "LAST-ACK")}
"""Kind -> states in which such a segment is what is not acknowledged; any other, if it is not there."""


def _swallows(into: Namespace, ruling: counting.Ruling, sender: Namespace, row: dict[str, Any]) -> bool:
    """Whether what it sends is lost whenever it is sent."""
    kind, (address, port), state = ruling.lose.kind, row["peer"], row["state"]
    if kind not in ("all", "data", "syn", "fin") or state not in LAST.get(kind, (state,)):
        return False
    return ruling.port in {None, port} and address in _addresses(into, sender)


def _unheard(into: Namespace, ruling: counting.Ruling, sender: Namespace, row: dict[str, Any]) -> bool:
    """Whether what acknowledges its bytes is lost whenever it comes."""
    return into is sender and ruling.lose.kind in ("all", "ack") and ruling.port in {None, row["local"][1]}


def _holds(ruling: counting.Ruling, row: dict[str, Any]) -> bool:
    """Whether something between its ends waits to be let go, whichever of them sent it."""
    ends = frozenset((tuple(row["local"]), tuple(row["peer"])))
    held = [each.segment for each in list(ruling.held) if each.until == math.inf]
    return any(frozenset(((each.source, each.sender), (each.destination, each.port))) == ends for each in held)


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


def _rulings(case: Case, into: Namespace, wish: Asked) -> list[tuple[Namespace, str, counting.Ruling]]:
    wanted = []
    if any(wish.lose):
        wanted.append((into, COMING, counting.Ruling(wish.port, lose=wish.lose)))
    if wish.late or any(wish.hold) or wish.delay:
        senders = [each for each in case.namespaces.values() if each.name != cases.HOST and each.inode != _host_inode()]
        wanted += [(each, GOING, _later(wish, _addresses(into, each))) for each in senders]
    return wanted


def _later(wish: Asked, addresses: frozenset[str]) -> counting.Ruling:
    return counting.Ruling(wish.port, addresses, late=wish.late, hold=wish.hold, delay=wish.delay)


def _chosen(name: str, values: object) -> counting.Chosen:
    if isinstance(values, str) and values in counting.KINDS:
        return counting.Chosen(kind=values)
    return counting.Chosen(_numbers(name, values))


def _numbers(name: str, values: object) -> frozenset[int]:
    if not isinstance(values, (list, tuple)) or not all(isinstance(each, int) and each > 0 for each in values):
        words = "" if name == "late" else f", or one of {', '.join(counting.KINDS)}"
        raise BadRequestError(f"link: {name} is a list of numbers from 1{words}")
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
            for key, _ in selector.select(_patience(link)):
                if key.data is None:
                    return
                _judge(key.data)
            for gate in link.gates:
                _give(gate, counting.release(gate.ruling, time.monotonic()))


def _patience(link: Link) -> float:
    """Seconds until something was held long enough."""
    soonest = min(counting.due(gate.ruling) for gate in link.gates)
    return max(0.0, min(TURN, soonest - time.monotonic()))


def _judge(gate: Gate) -> None:
    for each in queueing.take(gate.queue):
        _give(gate, counting.rule(gate.ruling, each.id, each.heads, time.monotonic()))


def _give(gate: Gate, verdicts: list[counting.Verdict]) -> None:
    for packet, verdict in verdicts:
        queueing.judge(gate.queue, gate.number, packet, verdict)
