"""Whose certificate the sender of a session shows: read where it passes in clear, and not told where it does not."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.trace.wire import OK, Lab, Tls, get, speak

if TYPE_CHECKING:
    from lab.model.routes import Hop

CA = trustme.CA()
SHOWN, SERVER = CA.issue_cert("client.example"), CA.issue_cert("shop.example")


def fingerprint(leaf: trustme.LeafCert) -> str:
    return x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).fingerprint(hashes.SHA256()).hex()


def session(version: str, *, demanded: bool, shown: bool) -> Tls:
    """A session whose client has a certificate or none, and whose server asks for it or does not."""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.configure_trust(client)
    CA.configure_trust(server)
    SERVER.configure_cert(server)
    if shown:
        SHOWN.configure_cert(client)
    server.verify_mode = ssl.CERT_OPTIONAL if demanded else ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion[version]
    made = Tls(version=version)
    made.client = client.wrap_bio(made.down_in, made.up_out, server_hostname="shop.example")
    made.server = server.wrap_bio(made.up_in, made.down_out, server_side=True)
    return made


def hop(version: str = "TLSv1_2", *, demanded: bool = True, shown: bool = True, known: str = "client") -> Hop:
    lab = Lab(client="10.0.0.9", web="10.0.0.2")
    talk = lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8443), reader=lab.container("app", "web", 7))
    if known:
        lab.certificate(fingerprint(SHOWN), known)
    speak(talk.open(), session(version, demanded=demanded, shown=shown), get(), OK)
    lab.report(talk)
    return lab.route().hops[0]


@pytest.mark.parametrize(("known", "shows"), [("client", "client"), ("proxy", "proxy"), ("", "a stranger")])
def test_a_certificate_that_is_shown_is_its_holders(known: str, shows: str) -> None:
    found = hop(known=known)
    assert found.shows == shows
    assert any(fingerprint(SHOWN)[:16] in one.says for one in found.evidence)


@pytest.mark.parametrize(("demanded", "shown"), [(True, False), (False, True), (False, False)])
def test_one_that_is_not_had_or_not_asked_for_is_none(demanded: bool, shown: bool) -> None:
    assert hop(demanded=demanded, shown=shown).shows == "none"


def test_under_tls_1_3_nobody_between_can_tell() -> None:
    assert hop("TLSv1_3").shows is None
    assert hop("TLSv1_3", shown=False).shows is None
