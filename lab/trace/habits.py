"""What processes and ports were seen to do on other connections: hand requests on, speak TLS, take a PROXY header.

Rule: a habit is an observation of this case and never a configuration; a port of which nothing else was seen has none. So a
probe that is refused is told better beside one that is not. Weak spot: a port that takes both kinds is known as such only
if both came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.handshake import client_finished
from lab.trace.talk import H2, TLS, remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.trace.bonds import Leg
    from lab.trace.index import Index
    from lab.trace.talk import Talk

Port = tuple[str, int]
"""Namespace and port."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Of one case, or of one case up to a moment."""

    forwarders: frozenset[str] = frozenset()
    """Containers that handed a request on."""
    tls: frozenset[Port] = frozenset()
    """Where a TLS handshake was finished."""
    clear: frozenset[Port] = frozenset()
    """Where HTTP in clear was answered with something other than a refusal."""
    proxied: frozenset[Port] = frozenset()
    """Where something was answered behind a PROXY header."""
    bare: frozenset[Port] = frozenset()
    """Where something was answered without one."""


NONE = Habits()


def habits(index: Index, claimed: Iterable[tuple[Leg, ...]]) -> Habits:
    """What was seen. `claimed`: legs of probes, each tied to its parent for sure."""
    parents = (legs[leg.parent].receiver.container for legs in claimed for leg in legs if leg.parent is not None)
    talks = list(_talks(index))
    served = [(port, said) for port, said in talks if _served(said)]
    return Habits(
        forwarders=frozenset(name for name in parents if name),
        tls=frozenset(port for port, said in talks if said.protocol == TLS and client_finished(said)),
        clear=frozenset(port for port, said in served if said.protocol != TLS),
        proxied=frozenset(port for port, said in served if said.proxied),
        bare=frozenset(port for port, said in served if not said.proxied),
    )


def _talks(index: Index) -> Iterator[tuple[Port, Talk]]:
    for connection in index.connections:
        if connection.receiver:
            flow = connection.best
            yield (connection.receiver.namespace, connection.receiver.server[1]), remembered(flow, index.memo)


def _served(said: Talk) -> bool:
    if said.protocol == TLS:
        return said.status is None and client_finished(said)
    return said.protocol == H2 or (said.status is not None and said.status.code < 400)


def misfit(known: Habits, leg: Leg) -> str:
    """What came on a leg and its port does not take, in words; empty: nothing of the kind is known."""
    if leg.connection.receiver is None or leg.talk.protocol is None:
        return ""
    port, said = (leg.connection.receiver.namespace, leg.connection.receiver.server[1]), leg.talk
    if said.protocol == TLS and said.status is not None:
        return "TLS came to a port that speaks HTTP in clear"
    if said.protocol != TLS and (_alert(leg) or (port in known.tls and port not in known.clear)):
        return "plaintext came to a port that ends TLS"
    if said.proxied and port in known.bare and port not in known.proxied:
        return "a PROXY header came to a port that takes none"
    if not said.proxied and port in known.proxied and port not in known.bare:
        return "no PROXY header came to a port that takes one"
    return ""


def _alert(leg: Leg) -> bool:
    """Whether what came back begins with an alert of TLS."""
    return leg.flow.down.data[:2] == b"\x15\x03"
