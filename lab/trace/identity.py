"""Whose certificate the sender of a TLS session showed, where it passed in clear: before TLS 1.3.

Sources: RFC 5246, section 7.4.6 (the client's Certificate, empty if it has none); RFC 8446, section 4.4.2 (encrypted since).
Rule: a leaf is somebody's if the inventory says who holds its key. Weak spot: in a resumed session the identity is that of
the session's first connection, and nothing is told.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from lab.model.routes import About
from lab.trace import cite
from lab.trace.resumption import RESUMED, session
from lab.trace.streams import packet_at
from lab.trace.talk import TLS
from lab.trace.tls import certificates
from lab.trace.tls_records import CHANGE_CIPHER, NotTls

if TYPE_CHECKING:
    from lab.model.routes import Evidence
    from lab.trace.account import Account
    from lab.trace.owners import World

NOBODY, STRANGER = "none", "a stranger"


def shows(world: World, here: Account) -> str | None:
    """A container, `client`, `none` or `a stranger`; None: no TLS, not yet, or it cannot be read."""
    chain = _chain(here)
    if chain is None:
        return None
    if not chain:
        return NOBODY
    leaf = sha256(chain[0]).hexdigest()
    owners = [each.container for each in world.index.seen.inventory.certificates if each.sha256.lower() == leaf]
    return owners[0] if owners else STRANGER


def _chain(here: Account) -> tuple[bytes, ...] | None:
    """What the sender showed, leaf first; empty: that it has none, or it was not asked."""
    said = here.leg.talk
    if said.protocol != TLS or said.reply is None or said.reply.version == "TLSv1.3" or not said.up_records:
        return None
    if session(here) == RESUMED or CHANGE_CIPHER not in [record.kind for record in said.up_records]:
        return None
    try:
        return certificates(here.leg.flow.up.data[said.up_records[0].offset :]) or ()
    except NotTls:
        return None


def evidence(here: Account) -> Evidence | None:
    """The packet with the sender's second flight, where its certificate stands or is missing."""
    chain = _chain(here)
    if chain is None:
        return None
    flight = here.leg.talk.up_records[min(1, len(here.leg.talk.up_records) - 1)]
    says = (
        f"the sender shows a certificate, leaf {sha256(chain[0]).hexdigest()[:16]}…"
        if chain
        else "the sender shows no certificate"
    )
    return cite.packet(packet_at(here.leg.flow.up, flight.offset), says, About.CERTIFICATE)
