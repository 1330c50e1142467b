"""Which of the client's bytes each encrypted record carries, told by lengths alone.

Sources: RFC 8446, sections 5.2 (one byte of type and the tag of 16 are added to what is carried), 4.4.4 (Finished is as
long as the hash); RFC 5288, section 3, and RFC 7905, section 2, for TLS 1.2. Rule: only the client's own session can be
told so, for only there is known what was sent in clear; where the lengths do not add up to it nothing is told. Weak spot:
padding, and cipher suites of TLS 1.2 that are none of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.trace.tls_records import APPLICATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.trace.talk import Talk
    from lab.trace.tls_records import Record

TAG = 16
FINISHED = (4 + 32 + 1 + TAG, 4 + 48 + 1 + TAG)
"""Bytes of the record with a Finished under TLS 1.3, by SHA-256 and by SHA-384."""
ADDED_1_3 = (1 + TAG,)
ADDED_1_2 = (8 + TAG, TAG)
"""AES-GCM and AES-CCM send 8 bytes of the nonce, ChaCha20 none."""


def behind_handshake(said: Talk) -> tuple[Record, ...]:
    """The client's encrypted records behind its Finished; before them its early data, if the server took them."""
    data = behind_hello(said)
    if said.reply is None or said.reply.version != "TLSv1.3":
        return tuple(data)
    finished = next((n for n, r in enumerate(data) if len(r.body) in FINISHED), 0)
    ahead = said.early.carrying if said.early and said.early.taken is not False else ()
    return (*ahead, *data[finished + 1 :])


def behind_hello(said: Talk) -> list[Record]:
    """The client's encrypted records, early data left out."""
    ahead = {record.offset for record in said.early.records} if said.early else ()
    return [r for r in said.up_records if r.kind == APPLICATION and r.offset not in ahead]


def carried(said: Talk, sent: bytes) -> tuple[tuple[Record, int], ...]:
    """Each record with the offset in `sent` behind what it carries; empty if lengths do not tell."""
    records = behind_handshake(said)
    added = ADDED_1_3 if said.reply and said.reply.version == "TLSv1.3" else ADDED_1_2
    return next(filter(None, (_added_up(records, each, len(sent)) for each in added)), ())


def _added_up(records: Sequence[Record], added: int, size: int) -> tuple[tuple[Record, int], ...]:
    at, found = 0, []
    for record in records:
        if at >= size:
            break
        at += len(record.body) - added
        found.append((record, at))
    return tuple(found) if size and at == size else ()


def carrying(said: Talk, sent: bytes, offset: int) -> Record | None:
    """The record that carries the byte of `sent` at `offset`."""
    return next((record for record, end in carried(said, sent) if end > offset), None)


def opened(said: Talk, sent: bytes, wire: int) -> int | None:
    """How many bytes of `sent` lie in whole records among the first `wire` bytes of the stream; None: lengths do not tell."""
    told = carried(said, sent)
    if not told:
        return None
    return max((end for record, end in told if record.end <= wire), default=0)
