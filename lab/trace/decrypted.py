"""What passed inside a TLS session whose secrets the client wrote down: the client's own, and no other.

Sources: RFC 8446, sections 5.2, 5.3 and 7.3 (records, nonces, keys of TLS 1.3); RFC 5246, section 6.3, RFC 5288, section 3,
and RFC 7905, section 2 (TLS 1.2); the NSS key log's format. The primitives are `cryptography`'s. Rule: a record that does not
open ends what is known of its direction, and nothing behind it is shown; so what is shown is what the peer's key
authenticates. Early data that the server took (RFC 8446, section 2.3) are the beginning of what the client said; those that it
refused are nothing. Weak spot: the cipher suites of the table alone; keys that were updated (RFC 8446, section 4.6.3) are not
followed.
"""

from __future__ import annotations

import hmac
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from lab.trace.tls_records import APPLICATION, CHANGE_CIPHER, HANDSHAKE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    from lab.model.observations import Secret
    from lab.trace.early import Early
    from lab.trace.talk import Talk
    from lab.trace.tls_records import Record

FINISHED = 20
EXPLICIT = 8
"""Bytes of the nonce that AES-GCM sends under TLS 1.2."""
TAG = 16


@dataclass(frozen=True, slots=True)
class Suite:
    """What a cipher suite stands for."""

    cipher: type[AESGCM | ChaCha20Poly1305]
    key: int
    """Bytes."""
    digest: type[SHA256 | SHA384]


_SMALL, _LARGE, _CHACHA = Suite(AESGCM, 16, SHA256), Suite(AESGCM, 32, SHA384), Suite(ChaCha20Poly1305, 32, SHA256)
SUITES: Mapping[int, Suite] = {
    0x1301: _SMALL, 0x1302: _LARGE, 0x1303: _CHACHA,
    0xC02B: _SMALL, 0xC02F: _SMALL, 0xC02C: _LARGE, 0xC030: _LARGE, 0xCCA8: _CHACHA, 0xCCA9: _CHACHA,
}  # fmt: skip
"""RFC 8446, appendix B.4; RFC 5289; RFC 7905: the suites that the lab's servers and client agree on."""


@dataclass(frozen=True, slots=True)
class Clear:
    """One direction in clear, and where on the wire it stands."""

    data: bytes
    ends: tuple[int, ...] = ()
    """Offset in `data` behind what each record carries; empty: `data` is the wire itself."""
    records: tuple[Record, ...] = ()
    whole: bool = True
    """False: a record did not open, and what is behind it is not known."""

    def begins(self, offset: int) -> int:
        """Offset on the wire of what carries this byte."""
        return self.records[bisect_right(self.ends, offset)].offset if self.records else offset

    def behind(self, offset: int) -> int:
        """Offset on the wire behind what carries this byte: before that has come, nobody can read it."""
        return self.records[bisect_right(self.ends, offset)].end if self.records else offset + 1


def decrypted(said: Talk, secrets: Iterable[Secret]) -> tuple[Clear, Clear] | None:
    """Both directions of a session in clear, from the client and to it; None: its secrets or its suite are not known."""
    if said.hello is None or said.reply is None:
        return None
    known = {one.label: one.secret for one in secrets if one.random == said.hello.random}
    suite = SUITES.get(said.reply.cipher)
    if not known or suite is None:
        return None
    if said.reply.version == "TLSv1.3":
        return _both(said, _keys_1_3(suite, known))
    master = known.get("CLIENT_RANDOM")
    return _both(said, _keys_1_2(suite, master, said.hello.random, said.reply.random)) if master else None


Keys = tuple["Iterator[_Opener]", "Iterator[_Opener]"]
"""For each direction: what opens its records, one after the other as the handshake goes on."""


def _both(said: Talk, keys: Keys) -> tuple[Clear, Clear]:
    ahead = {record.offset for record in said.early.records} if said.early else ()
    up = _opened([record for record in said.up_records if record.offset not in ahead], keys[0])
    return _behind_early(said.early, up), _opened(said.down_records, keys[1])


def _behind_early(early: Early | None, up: Clear) -> Clear:
    """Both parts of what the client said."""
    if early is None or early.taken is False:
        return up
    ends = (*early.ends, *(len(early.data) + end for end in up.ends))
    return Clear(early.data + up.data, ends, (*early.carrying, *up.records), up.whole)


def opened_early(records: Sequence[Record], secret: bytes) -> tuple[tuple[Record, bytes], ...]:
    """The client's records of early data, each with what it carries of a request: nothing in EndOfEarlyData. Their suite is the
    resumed session's own, of which only the secret's length is known."""
    protected = [record for record in records if record.kind == APPLICATION]
    for suite in (each for each in (_SMALL, _LARGE, _CHACHA) if each.digest.digest_size == len(secret)):
        opener, found = _Opener(suite, secret), list[tuple["Record", bytes]]()
        for record in protected:
            inner = opener.open(record)
            if inner is None:
                break
            found.append((record, inner[1] if inner[0] == APPLICATION else b""))
        if found:
            return tuple(found)
    return ()


def server_messages(said: Talk, secret: bytes) -> bytes:
    """The server's handshake messages behind its ServerHello, in clear, as far as this secret of it opens them."""
    suite = SUITES.get(said.reply.cipher) if said.reply else None
    if suite is None or suite.digest.digest_size != len(secret):
        return b""
    opener, found = _Opener(suite, secret), b""
    for record in _protected(said.down_records, opener):
        inner = opener.open(record)
        if inner is None or inner[0] != HANDSHAKE:
            break
        found += inner[1]
    return found


def _opened(records: Sequence[Record], keys: Iterator[_Opener]) -> Clear:
    data, ends, carriers = bytearray(), list[int](), list["Record"]()
    opener = next(keys, None)
    for record in _protected(records, opener):
        found = opener.open(record) if opener else None
        if found is None and (later := next(keys, None)):  # a Finished that began in the record before
            opener, found = later, later.open(record)
        if found is None:
            return Clear(bytes(data), tuple(ends), tuple(carriers), whole=False)
        kind, body = found
        if kind == HANDSHAKE and _finishes(body):
            opener = next(keys, opener)
        if kind == APPLICATION and body:
            data += body
            ends.append(len(data))
            carriers.append(record)
    return Clear(bytes(data), tuple(ends), tuple(carriers))


def _protected(records: Sequence[Record], opener: _Opener | None) -> Iterator[Record]:
    """Records that a key protects: under TLS 1.3 those that call themselves application data, under TLS 1.2 all behind
    ChangeCipherSpec."""
    if isinstance(opener, _Opener12):
        kinds = [record.kind for record in records]
        yield from records[kinds.index(CHANGE_CIPHER) + 1 :] if CHANGE_CIPHER in kinds else ()
    else:
        yield from (record for record in records if record.kind == APPLICATION)


def _finishes(body: bytes) -> bool:
    """Whether a record of handshake messages ends with a Finished; a message may begin in a record before."""
    at = 0
    while at + 4 <= len(body):
        kind, size = body[at], int.from_bytes(body[at + 1 : at + 4])
        if kind == FINISHED and at + 4 + size == len(body):
            return True
        at += 4 + size
    return False


class _Opener:
    """TLS 1.3: one secret of traffic, and how many records it has opened."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self.aead = suite.cipher(_expand(suite, secret, b"key", suite.key))
        self.iv, self.number = _expand(suite, secret, b"iv", 12), 0

    def open(self, record: Record) -> tuple[int, bytes] | None:
        """The true kind of a record and what it carries; None: this key does not open it."""
        head = bytes((record.kind, 3, 3)) + len(record.body).to_bytes(2)
        inner = _decrypt(self.aead, _xor(self.iv, self.number), record.body, head)
        if inner is None:
            return None
        self.number += 1
        inner = inner.rstrip(b"\0")  # RFC 8446, section 5.4: padding
        return (inner[-1], inner[:-1]) if inner else None


class _Opener12(_Opener):
    """TLS 1.2."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self.aead, self.iv, self.number = suite.cipher(key), iv, 0

    def open(self, record: Record) -> tuple[int, bytes] | None:
        explicit = len(self.iv) == 4
        body = record.body[EXPLICIT:] if explicit else record.body
        nonce = self.iv + record.body[:EXPLICIT] if explicit else _xor(self.iv, self.number)
        head = self.number.to_bytes(8) + bytes((record.kind, 3, 3)) + max(0, len(body) - TAG).to_bytes(2)
        inner = _decrypt(self.aead, nonce, body, head)
        self.number += 1
        return None if inner is None else (record.kind, inner)


def _decrypt(aead: AESGCM | ChaCha20Poly1305, nonce: bytes, body: bytes, head: bytes) -> bytes | None:
    try:
        return aead.decrypt(nonce, body, head)
    except (InvalidTag, ValueError):
        return None


def _xor(iv: bytes, number: int) -> bytes:
    return (int.from_bytes(iv) ^ number).to_bytes(len(iv))


def _keys_1_3(suite: Suite, known: Mapping[str, bytes]) -> Keys:
    def openers(*labels: str) -> Iterator[_Opener]:
        return (_Opener(suite, known[label]) for label in labels if label in known)

    return (
        openers("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"),
        openers("SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"),
    )


def _expand(suite: Suite, secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label, RFC 8446, section 7.1."""
    told = size.to_bytes(2) + bytes((6 + len(label),)) + b"tls13 " + label + b"\0"
    return HKDFExpand(suite.digest(), size, told).derive(secret)


def _keys_1_2(suite: Suite, master: bytes, client: bytes, server: bytes) -> Keys:
    """RFC 5246, section 6.3: no MAC keys, for an AEAD has none."""
    iv = 12 if suite is _CHACHA else 4
    block = _prf(suite.digest(), master, b"key expansion" + server + client, 2 * (suite.key + iv))
    keys, ivs = block[: 2 * suite.key], block[2 * suite.key :]
    openers = [
        _Opener12(suite, keys[n * suite.key : (n + 1) * suite.key], ivs[n * iv : (n + 1) * iv]) for n in (0, 1)
    ]  # fmt: skip
    return iter(openers[:1]), iter(openers[1:])


def _prf(digest: HashAlgorithm, secret: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246, section 5: P_hash."""
    made, link = b"", seed
    while len(made) < size:
        link = hmac.digest(secret, link, digest.name)
        made += hmac.digest(secret, link + seed, digest.name)
    return made[:size]
