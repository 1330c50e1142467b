"""How the client's connection ended: kept, closed or reset by who received it, by the first FIN or RST on the wire.

Rule: only what the receiver sent before the client ended the connection itself counts, for everything after it is an echo. A
half-close of the client's is no end. Weak spot: a server that closes only some time after its answer, and after the client
went, is shown as one that kept the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Ending
from lab.trace import cite
from lab.trace.index import gaps

if TYPE_CHECKING:
    from lab.model.observations import Packet
    from lab.trace.account import Story
    from lab.trace.flows import Flow


def ending(story: Story) -> Ending | None:
    """Of the client's own connection; None: its receiver did not end it, or packets are missing."""
    flow = story.found[0].leg.connection.sender
    if flow is None or flow.refused or gaps(story.world.index, "packets", flow.namespace):
        return None
    found = _first(flow)
    if found is None or found.time_ns > _by_client(story, flow):
        return None
    how = "reset" if "R" in found.flags else "closed"
    return Ending(how, cite.packet(found, "RST: the receiver resets it" if how == "reset" else "FIN: the receiver closes it"))


def _first(flow: Flow) -> Packet | None:
    found = [packet for packet in (flow.down.fin, flow.down.reset) if packet]
    return min(found, key=lambda packet: packet.time_ns, default=None)


def _by_client(story: Story, flow: Flow) -> int:
    """When the client ended it: its reset, or its FIN after it had told what it saw. A FIN before that is a half-close."""
    told = [p.time_ns for p in (flow.up.fin,) if p and p.time_ns > story.report.finished_ns]
    told += [p.time_ns for p in (flow.up.reset,) if p]
    return min(told, default=flow.ended_ns)
