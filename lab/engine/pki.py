"""The run's own certificate authority. Keys live in memory until they go into the one container that is to hold them;
they are never written beside the evidence and never logged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.model.arrangement import CLIENT
from lab.model.observations import SeenCertificate
from lab.model.plan import TLS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.model.plan import PlannedContainer, PlannedLeaf


@dataclass(frozen=True, slots=True)
class Placed:
    """A file for a container. `secret`: mode 0600, owned by the server's user; else 0644, owned by root."""

    path: str
    content: bytes = field(repr=False)
    secret: bool = False


class Authority:
    """One CA for one run."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="lab", organization_unit_name="run")
        self.pem = self._ca.cert_pem.bytes().decode("ascii")

    def files(self, container: PlannedContainer) -> tuple[list[Placed], list[SeenCertificate]]:
        """All TLS files of a container, and what the inventory may say of them."""
        placed, seen = [], []
        for leaf in container.leaves:
            files, certificate = self._issue(leaf)
            placed += files
            seen.append(certificate)
        if container.needs_ca or container.leaves:
            placed.append(Placed(f"{TLS_FOLDER}/ca.crt", self.pem.encode("ascii")))
        return placed, seen

    def client(self, kind: str) -> tuple[str, SeenCertificate] | None:
        """Key and chain of a client, and what the inventory may say of it: `good`, of this CA; `untrusted`, of one that nobody
        knows; `none`."""
        if kind == "none":
            return None
        ca = self._ca if kind == "good" else trustme.CA(organization_name="nobody")
        issued = ca.issue_cert("client.example", common_name="client.example", key_type=trustme.KeyType.ECDSA)
        seen = SeenCertificate(_fingerprint(issued.cert_chain_pems), CLIENT, ("client.example",))
        return issued.private_key_and_cert_chain_pem.bytes().decode("ascii"), seen

    def _issue(self, leaf: PlannedLeaf) -> tuple[list[Placed], SeenCertificate]:
        # A common name has at most 64 characters (RFC 5280, appendix A.1, ub-common-name); the names stand in the SAN.
        issued = self._ca.issue_cert(*leaf.names, common_name=leaf.names[0][:64], key_type=trustme.KeyType.ECDSA)
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        key = issued.private_key_pem.bytes()
        stem = f"{TLS_FOLDER}/{leaf.id}"
        files = [
            Placed(f"{stem}.crt", chain),
            Placed(f"{stem}.key", key, secret=True),
            Placed(f"{stem}.pem", chain + key, secret=True),
        ]
        return files, SeenCertificate(_fingerprint(issued.cert_chain_pems), leaf.container, leaf.names)


def _fingerprint(chain: Iterable[trustme.Blob]) -> str:
    leaf = x509.load_pem_x509_certificate(next(iter(chain)).bytes())
    return hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
