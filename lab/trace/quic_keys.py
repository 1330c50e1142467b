"""Keys that open QUIC packets: of Initial packets everybody can derive them, of later ones only who has the session's secrets.

Sources: RFC 9001, sections 5.1 (key, iv, hp), 5.2 (Initial secrets: a salt and the client's first Destination Connection ID),
5.3 and 5.4 (the AEAD, header protection); RFC 9369, section 3.3 (salt and labels of version 2); RFC 8446, section 7.1; RFC
9000, appendix A.3 (packet numbers). AES and ChaCha20 are those of `cryptography`, which the project has for its certificates
already; aioquic's own are part of a whole connection and want to be fed as one. Rule: what does not authenticate is not
opened, and None. Weak spot: keys of later phases (RFC 9001, section 6) are not derived, so what is sent behind a key update
stays shut.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES, ChaCha20
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from lab.trace.quic_packets import LONG, ONE_RTT, VERSION_1, VERSION_2

if TYPE_CHECKING:
    from lab.trace.quic_packets import QuicPacket

SALTS = {
    VERSION_1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    VERSION_2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
}
LABELS = {VERSION_1: "quic ", VERSION_2: "quicv2 "}
AES_128, AES_256, CHACHA20 = 0x1301, 0x1302, 0x1303
SIZES = {AES_128: (16, hashes.SHA256), AES_256: (32, hashes.SHA384), CHACHA20: (32, hashes.SHA256)}
"""Cipher suite of TLS 1.3 -> bytes of its key, and its hash."""
SAMPLE = 16
NUMBER = 4
"""Bytes that a packet number has at most; the sample for header protection begins behind them."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Of one direction, at one level of encryption."""

    suite: int
    key: bytes
    iv: bytes
    mask: bytes
    """Of header protection."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One packet without its protection."""

    number: int
    payload: bytes


def initial(destination: bytes, version: int) -> tuple[Keys, Keys]:
    """Keys of the client's and of the server's Initial packets. `destination`: of the client's first one."""
    return _initial(destination, version)


@lru_cache(maxsize=1024)
def _initial(destination: bytes, version: int) -> tuple[Keys, Keys]:
    secret = hmac.new(SALTS[version], destination, hashlib.sha256).digest()
    client, server = (_expand(secret, f"{side} in", 32, AES_128) for side in ("client", "server"))
    return traffic(client, AES_128, version), traffic(server, AES_128, version)


def traffic(secret: bytes, suite: int, version: int) -> Keys:
    """Keys from a traffic secret. Raises KeyError for a cipher suite that TLS 1.3 has not."""
    label, (size, _) = LABELS[version], SIZES[suite]
    return Keys(
        suite, _expand(secret, f"{label}key", size, suite), _expand(secret, f"{label}iv", 12, suite),
        _expand(secret, f"{label}hp", size, suite),
    )  # fmt: skip


def _expand(secret: bytes, label: str, size: int, suite: int) -> bytes:
    """HKDF-Expand-Label with an empty context."""
    name = f"tls13 {label}".encode()
    info = size.to_bytes(2) + bytes((len(name),)) + name + b"\x00"
    return HKDFExpand(SIZES[suite][1](), size, info).derive(secret)


def opened(keys: Keys, datagram: bytes, packet: QuicPacket, expected: int, id_size: int = 0) -> Opened | None:
    """The packet, if these are its keys. `expected`: the number after the highest that was opened before in its space;
    `id_size`: bytes of the connection id, where the header is short."""
    at = packet.number_at + (id_size if packet.kind == ONE_RTT else 0)
    sample = datagram[at + NUMBER : at + NUMBER + SAMPLE]
    if len(sample) < SAMPLE or at + NUMBER + SAMPLE > packet.end:
        return None
    mask = _mask(keys, sample)
    first = datagram[packet.begin] ^ mask[0] & (0x0F if datagram[packet.begin] & LONG else 0x1F)
    size = (first & 3) + 1
    number = bytes(one ^ other for one, other in zip(datagram[at : at + size], mask[1:], strict=False))
    head = bytes((first,)) + datagram[packet.begin + 1 : at] + number
    whole = _number(int.from_bytes(number), 8 * size, expected)
    nonce = (int.from_bytes(keys.iv) ^ whole).to_bytes(12)
    aead = ChaCha20Poly1305(keys.key) if keys.suite == CHACHA20 else AESGCM(keys.key)
    try:
        return Opened(whole, aead.decrypt(nonce, datagram[at + size : packet.end], head))
    except InvalidTag:
        return None


def _mask(keys: Keys, sample: bytes) -> bytes:
    if keys.suite == CHACHA20:
        return Cipher(ChaCha20(keys.mask, sample), None).encryptor().update(bytes(5))
    return Cipher(AES(keys.mask), modes.ECB()).encryptor().update(sample)[:5]  # noqa: S305 - RFC 9001, section 5.4.3: one block


def _number(short: int, bits: int, expected: int) -> int:
    """The whole number, of which only the last bits are sent: the nearest to the one that is expected."""
    window = 1 << bits
    found = expected & ~(window - 1) | short
    if found <= expected - window // 2 and found < (1 << 62) - window:
        return found + window
    return found - window if found > expected + window // 2 and found >= window else found
