"""The secrets of the clients' TLS sessions: read back as observations, and put into the captures of the clients' namespaces.

Sources: draft-ietf-tls-keylogfile (lines `LABEL RANDOM SECRET` in hex); draft-ietf-opsawg-pcapng, section 4.7 (Decryption
Secrets Block, type TLS Key Log). Rule: the block stands in front of all packets, so that an analyser that reads once has it; a
file with secrets in it can be read by its owner alone. Weak spot: who has the run's folder can read these sessions, which are
the lab's own.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lab.engine.errors import EvidenceError
from lab.engine.journal import CLIENT_KEYS
from lab.model.observations import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SECRETS_BLOCK, TLS_KEY_LOG = 0x0000000A, 0x544C534B
OWNER_ONLY = 0o600


def read_secrets(folder: Path) -> tuple[Secret, ...]:
    """The secrets of a case. Raises `EvidenceError` with file and line for what is no line of a key log."""
    path = folder / CLIENT_KEYS
    return tuple(_secrets(path)) if path.exists() else ()


def _secrets(path: Path) -> Iterator[Secret]:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            label, random, secret = line.split(" ")
            yield Secret(label, bytes.fromhex(random), bytes.fromhex(secret))
        except ValueError:
            raise EvidenceError(f"{path}:{number} is no line of a TLS key log: LABEL RANDOM SECRET") from None


def put_into_captures(folder: Path, namespaces: Iterable[str]) -> None:
    """Put the case's secrets into the captures of these namespaces. A capture that is not there stays away."""
    path = folder / CLIENT_KEYS
    keys = path.read_bytes() if path.exists() else b""
    for namespace in namespaces if keys else ():
        capture = folder / "packets" / f"{namespace}.pcapng"
        if capture.exists():
            data = capture.read_bytes()
            capture.chmod(OWNER_ONLY)
            capture.write_bytes(with_secrets(data, keys))


def with_secrets(capture: bytes, keys: bytes) -> bytes:
    """A capture with a Decryption Secrets Block behind its Section Header Block. Little-endian, as the recorder writes."""
    (length,) = struct.unpack_from("<I", capture, 4)
    return capture[:length] + _block(keys) + capture[length:]


def _block(keys: bytes) -> bytes:
    body = struct.pack("<II", TLS_KEY_LOG, len(keys)) + keys + bytes(-len(keys) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", SECRETS_BLOCK) + size + body + size
