"""Whether a TLS session was begun anew or an earlier one resumed, from the handshake in clear.

Sources: RFC 8446, section 4.2.11 (the ServerHello names a key that the client offered); RFC 5246, section 7.3, and RFC 5077,
section 3.4 (before TLS 1.3: no Certificate, and ChangeCipherSpec straight after the ServerHello). Rule: what has not come tells
nothing. Weak spot: under TLS 1.3 a key that was agreed on outside of TLS looks like a session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import About
from lab.trace import cite
from lab.trace.streams import packet_at
from lab.trace.talk import TLS
from lab.trace.tls import certificates
from lab.trace.tls_records import CHANGE_CIPHER, NotTls

if TYPE_CHECKING:
    from lab.model.routes import Evidence
    from lab.trace.account import Account

NEW, RESUMED = "new", "resumed"
_SAYS = {NEW: "the server's first flight begins a session", RESUMED: "the server's first flight resumes an earlier session"}


def session(here: Account) -> str | None:
    """`new` or `resumed`; None: no TLS, no answer to the ClientHello, or it cannot be told (yet)."""
    said = here.leg.talk
    if said.protocol != TLS or said.reply is None or said.reply.retry:
        return None
    if said.reply.resumed is not None:
        return RESUMED if said.reply.resumed else NEW
    if _certificate(here):
        return NEW
    return RESUMED if any(record.kind == CHANGE_CIPHER for record in said.down_records) else None


def _certificate(here: Account) -> bool:
    """Whether a certificate came in clear."""
    down = here.leg.flow.down.data
    first = here.leg.talk.down_records[0].offset if here.leg.talk.down_records else len(down)
    try:
        return bool(certificates(down[first:]))
    except NotTls:
        return False


def evidence(here: Account) -> Evidence | None:
    """The packet that brought the ServerHello."""
    told = session(here)
    if told is None:
        return None
    return cite.packet(packet_at(here.leg.flow.down, here.leg.talk.down_records[0].offset), _SAYS[told], About.BYTES)
