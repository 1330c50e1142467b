"""TLS contexts of the client, and what it saw of TLS.

Weak spot: the chain as the peer sent it needs Python 3.13 (`SSLSocket.get_unverified_chain`); before, only the leaf
is reported. After a failed verification Python shows no certificate at all.
"""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def context(ca: str, alpn: Sequence[str], *, verify: bool, name: str | None) -> ssl.SSLContext:
    """A client's context that trusts `ca` (PEM text) alone. Without a name only the chain can be verified."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = verify and name is not None
    made.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if ca:
        made.load_verify_locations(cadata=ca)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


def seen(connection: ssl.SSLSocket) -> dict[str, Any]:
    """The report's `tls`."""
    cipher = connection.cipher()
    return {
        "version": connection.version() or "",
        "cipher": cipher[0] if cipher else "",
        "alpn": connection.selected_alpn_protocol(),
        "chain_sha256": [hashlib.sha256(der).hexdigest() for der in _chain(connection)],
        "verified": connection.context.verify_mode == ssl.CERT_REQUIRED,
    }


def _chain(connection: ssl.SSLSocket) -> list[bytes]:
    chain = getattr(connection, "get_unverified_chain", None)
    if chain is not None:
        return list(chain())
    leaf = connection.getpeercert(binary_form=True)
    return [leaf] if leaf else []
