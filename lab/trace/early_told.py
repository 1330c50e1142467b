"""Whether a request came as early data: `taken`, `refused` or `none`.

Rule: the request's own first byte decides, by its record or, over QUIC, by the packet in which its stream began; what the
session could have carried besides says nothing. Weak spot: see `lab.trace.early`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import About
from lab.trace import cite
from lab.trace.streams import packet_at
from lab.trace.talk import TLS
from lab.trace.tls_records import APPLICATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.observations import ClientReport
    from lab.model.routes import Evidence
    from lab.trace.account import Account

TAKEN, REFUSED, NONE = "taken", "refused", "none"


def early(here: Account) -> str | None:
    """What became of it; None: no TLS, or it cannot be told (yet)."""
    said = here.leg.talk
    if said.protocol != TLS or said.hello is None:
        return None
    if not said.hello.early:
        return NONE
    began = _began(here)
    if began is None or said.early is None:
        return None
    if not began:
        return NONE
    return None if said.early.taken is None else TAKEN if said.early.taken else REFUSED


def _began(here: Account) -> bool | None:
    """Whether the request began in early data."""
    said, found = here.leg.talk, here.leg.talk.early
    if found is None:
        return None
    if not found.carrying:
        return False
    if here.leg.flow.quic:
        return said.stream.early if said.stream else None
    if said.stream is None:
        return here.meant.offset < len(found.data)
    if found.taken:
        return said.stream.begin <= found.carrying[-1].offset
    return None


def evidence(report: ClientReport, here: Account) -> Iterator[Evidence]:
    """The first packet with early data, the server's answer to them, and the client's word."""
    found, told = here.leg.talk.early, early(here)
    if found is None or told in (None, NONE):
        return
    first = packet_at(here.leg.flow.up, found.carrying[0].offset)
    yield cite.packet(first, "early data (0-RTT): sent behind the ClientHello, before the handshake", About.BYTES)
    said = next(record for record in here.leg.talk.down_records if record.kind == APPLICATION)
    answer = "takes early data" if told == TAKEN else "does not take early data"
    yield cite.packet(packet_at(here.leg.flow.down, said.offset), f"the server {answer} (EncryptedExtensions)", About.BYTES)
    if here.outer and report.tls and report.tls.early:
        yield cite.client(report, f"early data as the client was told: {report.tls.early}", About.BYTES)
