"""Issues a certificate authority and leaf certificates into folders, once, and ends.

Takes from the environment `LEAVES`, a JSON list of `{"id", "folder", "names", "owner": "uid:gid"}`, and `FOLDERS`, a
JSON list of further folders that only get `ca.crt`. Writes `<id>.crt` (chain), `<id>.key`, `<id>.pem` (both), `ca.crt`.

Rule: a private key exists with mode 0600 from its first byte, and the authority's own key is never written. Weak spot:
every run makes a new authority, so all servers must start after it.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf to issue."""

    id: str
    folder: str
    names: tuple[str, ...]
    owner: str = "10001:10001"


def main(environment: dict[str, str]) -> int:
    """Issue what the environment asks for. Raises `OSError`, or `ValueError`, `TypeError` for what is no such list."""
    leaves = [Leaf(**{**one, "names": tuple(one["names"])}) for one in json.loads(environment.get("LEAVES", "[]"))]
    folders = json.loads(environment.get("FOLDERS", "[]"))
    authority = trustme.CA(organization_name="lab", organization_unit_name="one run")
    for leaf in leaves:
        issue(authority, leaf)
    for folder in sorted({*folders, *(leaf.folder for leaf in leaves)}):
        put(Path(folder) / "ca.crt", authority.cert_pem.bytes(), 0o644, None)
    sys.stdout.write(f"issued {len(leaves)} leaves\n")
    return 0


def issue(authority: trustme.CA, leaf: Leaf) -> None:
    """Write certificate, key and both together for one leaf."""
    made = authority.issue_cert(*leaf.names)
    chain = b"".join(one.bytes() for one in made.cert_chain_pems)
    key = made.private_key_pem.bytes()
    uid, _, gid = leaf.owner.partition(":")
    owner = (int(uid), int(gid or uid))
    folder = Path(leaf.folder)
    for ending, content, mode in (("crt", chain, 0o644), ("key", key, 0o600), ("pem", chain + key, 0o600)):
        put(folder / f"{leaf.id}.{ending}", content, mode, owner)


def put(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    """Write a file that has its mode and owner before it has its content; an older one is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        if owner is not None:
            os.fchown(descriptor, *owner)
        file.write(content)


if __name__ == "__main__":
    sys.exit(main(dict(os.environ)))
