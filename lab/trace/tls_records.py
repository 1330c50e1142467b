"""The record layer of TLS as far as it can be read without keys.

Sources: RFC 8446, section 5; RFC 5246, section 6.2. Rule: a value, None for "need more bytes", or `NotTls`; nothing
else is ever raised, whatever the bytes. Weak spot: under TLS 1.3 the type of an encrypted record is hidden, and only
its length hints at an alert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGE_CIPHER, ALERT, HANDSHAKE, APPLICATION = 20, 21, 22, 23
KINDS = (CHANGE_CIPHER, ALERT, HANDSHAKE, APPLICATION)
MOST = (1 << 14) + 2048
"""Bytes of a record, RFC 5246, section 6.2.3."""

ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
    42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
    46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 90: "user_canceled", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 113: "bad_certificate_status_response", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol",
}  # fmt: skip
"""RFC 8446, section 6, and the registry for the older ones."""


class NotTls(Exception):  # noqa: N818 - it says what the bytes are not
    """These bytes are not what was looked for; more of them will not help."""


@dataclass(frozen=True, slots=True)
class Record:
    """One whole record."""

    kind: int
    offset: int
    """Of its header in the stream."""
    body: bytes

    @property
    def end(self) -> int:
        return self.offset + 5 + len(self.body)


def records(data: bytes, start: int = 0) -> Iterator[Record]:
    """The whole records of a stream, from `start`; ends before an incomplete one. Raises `NotTls` at a wrong header."""
    at = start
    while at < len(data):
        kind, major = data[at], data[at + 1 : at + 2]
        length = int.from_bytes(data[at + 3 : at + 5])
        if kind not in KINDS or major not in (b"", b"\x03") or (len(data) >= at + 5 and length > MOST):
            raise NotTls(f"byte {at} begins no TLS record: {data[at : at + 5].hex()}")
        if len(data) < at + 5 + length or len(data) < at + 5:
            return
        yield Record(kind, at, data[at + 5 : at + 5 + length])
        at += 5 + length


def whole_records(data: bytes, start: int = 0) -> tuple[Record, ...]:
    """As `records`, but ends silently where the stream stops being TLS."""
    found = []
    try:
        for record in records(data, start):
            found.append(record)  # noqa: PERF402 - what was read before the fault is kept
    except NotTls:
        pass
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that was sent in clear."""

    fatal: bool
    name: str
    offset: int


def clear_alerts(found: tuple[Record, ...]) -> tuple[Alert, ...]:
    """Alerts before encryption began (before this direction's first ChangeCipherSpec or application data)."""
    alerts = []
    for record in found:
        if record.kind in (CHANGE_CIPHER, APPLICATION):
            break
        if record.kind == ALERT and len(record.body) == 2:
            level, code = record.body
            alerts.append(Alert(level == 2, ALERTS.get(code, f"alert {code}"), record.offset))
    return tuple(alerts)
