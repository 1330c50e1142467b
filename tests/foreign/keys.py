"""Make the keys and certificates that the foreign deployments mount from `tls/`: python tests/foreign/keys.py.

One authority (`ca.pem`) and a few leaves, each a PEM file with key and chain (`shop.pem`) and the two apart (`shop.key`,
`shop.crt`). They are made when they are missing and never checked in.
"""

from __future__ import annotations

from pathlib import Path

import trustme

FOLDER = Path(__file__).parent / "tls"
LEAVES = {
    "shop": ("shop.example", "localhost", "127.0.0.1", "::1"),
    "inner": ("inner.example", "origin", "backend", "localhost", "127.0.0.1"),
}
CLIENTS = ("friend",)


def ensure(folder: Path = FOLDER) -> Path:
    """The folder, filled."""
    if not (folder / "ca.pem").exists():
        folder.mkdir(exist_ok=True)
        authority = trustme.CA(organization_name="foreign tests")
        for name, names in LEAVES.items():
            _write(folder, name, authority.issue_cert(*names))
        for name in CLIENTS:
            _write(folder, name, authority.issue_cert(f"{name}@example.org"))
        authority.cert_pem.write_to_path(folder / "ca.pem")  # last: it says that all is there
    return folder


def _write(folder: Path, name: str, leaf: trustme.LeafCert) -> None:
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    (folder / f"{name}.crt").write_bytes(chain)
    (folder / f"{name}.key").write_bytes(leaf.private_key_pem.bytes())
    (folder / f"{name}.pem").write_bytes(leaf.private_key_pem.bytes() + chain)


if __name__ == "__main__":
    print(ensure())
