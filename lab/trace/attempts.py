"""Attempts of which no packet went out: the kernel was asked for a connection, and there is no SYN.

So it is where nobody has the address (its neighbour is asked for by ARP or NDP, and nobody answers), or where a rule of the
sender's own namespace drops what goes out. Rule: only the kernel's timeline tells of them: a socket went from CLOSE to
SYN_SENT, was never established, and no packet that was captured has its ends. Of the engine's own namespace, where some ports
alone are watched, and where packets were lost, nothing is told. Source: tcp(7), arp(7). Weak spot: an address for which there
is no route at all is refused before the socket changes its state, and leaves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lab.trace.flows import Flow
from lab.trace.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lab.model.observations import Endpoint
    from lab.trace.lives import Life

NEAR_NS = 2 * 10**9
"""A SYN goes out within this time, or with the kernel's next attempts."""


def attempts(found: Iterable[Flow], alive: Iterable[Life], namespaces: Mapping[int, str]) -> Iterator[Flow]:
    """One flow without packets for each. `namespaces`: host pid -> name, of processes whose packets were all captured."""
    seen: dict[str, list[Flow]] = defaultdict(list)
    for flow in found:
        seen[flow.namespace].append(flow)
    for life in alive:
        namespace = namespaces.get(life.connecter or 0, "")
        if namespace and _unanswered(life) and not any(_same(life, flow) for flow in seen[namespace]):
            yield Flow(namespace, life.local, life.peer, (), (), None, None, None, Stream(), Stream(), attempt=life)


def _unanswered(life: Life) -> bool:
    first = life.states[0] if life.states else None
    began = first is not None and (first.old_state, first.new_state) == ("CLOSE", "SYN_SENT")
    return began and not life.moves and all(event.new_state in ("SYN_SENT", "CLOSE") for event in life.states)


def _same(life: Life, flow: Flow) -> bool:
    """Whether packets are its own; one of their ends may have been rewritten."""
    if not life.begun_ns - NEAR_NS <= flow.begun_ns <= life.ended_ns + NEAR_NS:
        return False
    return life.local == flow.client or (life.peer == flow.server and _nameless(life.local))


def _nameless(end: Endpoint) -> bool:
    """A socket whose port was not told yet."""
    return end[1] == 0
