"""TLS contexts of the client, and what it saw of TLS.

Weak spot: the chain as the peer sent it needs Python 3.13 (`SSLSocket.get_unverified_chain`); before, only the leaf
is reported. After a failed verification Python shows no certificate at all.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from typing import Any

from client import keylog

_LEFT: dict[tuple[object, ...], tuple[ssl.SSLContext, ssl.SSLSession]] = {}
"""Place -> the session that the last connection there left; a session can be resumed in its own context alone."""
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context(ca: str, asked: dict[str, Any]) -> ssl.SSLContext:
    """A client's context for a probe's `tls`, which trusts `ca` (PEM text) alone. Without a name only the chain can be
    verified. Raises ValueError for a certificate that is none."""
    name, verify = asked.get("sni"), bool(asked.get("verify", True))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.keylog_filename = keylog.PATH
    made.check_hostname = verify and name is not None
    made.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if ca:
        made.load_verify_locations(cadata=ca)
    if asked.get("alpn"):
        made.set_alpn_protocols(list(asked["alpn"]))
    if asked.get("version"):
        made.minimum_version = made.maximum_version = VERSIONS[asked["version"]]
    if asked.get("certificate"):
        _show(made, str(asked["certificate"]))
    return made


def leave(place: tuple[object, ...], connection: ssl.SSLObject) -> None:
    """Keep a connection's session for a later one. Under TLS 1.3 it has one once it has read a ticket."""
    if connection.session is not None:
        _LEFT[place] = connection.context, connection.session


def resumable(place: tuple[object, ...]) -> tuple[ssl.SSLContext | None, ssl.SSLSession | None]:
    """The session that was left at a place, and its context; neither if there is none."""
    return _LEFT.get(place, (None, None))


def _show(made: ssl.SSLContext, pem: str) -> None:
    """Certificate and key, from memory: the module wants a path, and the root is read-only."""
    with InMemory("certificate", pem) as path:
        try:
            made.load_cert_chain(path)
        except ssl.SSLError as error:
            raise ValueError(f"certificate: {error}") from error


class InMemory:
    """Text as a file that has a path and is nowhere on a disk."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def __enter__(self) -> str:
        self.descriptor = os.memfd_create(self.name)
        os.write(self.descriptor, self.text.encode())
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        return f"/proc/self/fd/{self.descriptor}"

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def seen(connection: ssl.SSLSocket | ssl.SSLObject) -> dict[str, Any]:
    """The report's `tls`."""
    cipher = connection.cipher()
    return {
        "version": connection.version() or "",
        "cipher": cipher[0] if cipher else "",
        "alpn": connection.selected_alpn_protocol(),
        "chain_sha256": [hashlib.sha256(der).hexdigest() for der in _chain(connection)],
        "verified": connection.context.verify_mode == ssl.CERT_REQUIRED,
    }


def _chain(connection: ssl.SSLSocket | ssl.SSLObject) -> list[bytes]:
    chain = getattr(connection, "get_unverified_chain", None)
    if chain is not None:
        return list(chain())
    leaf = connection.getpeercert(binary_form=True)
    return [leaf] if leaf else []
