"""Exceptions as the lab's words: `during` and `kind` of `ClientError`.

Rule: a table, first match; the innermost exception decides, whatever a library wrapped around it. An alert is told
from other TLS faults by OpenSSL's reason, which names it.
"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl


class CertificateRefusedError(OSError):
    """The peer's certificate was refused, where no library of TLS says so in its own words."""


class AlertError(OSError):
    """The peer refused the handshake, likewise."""


KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "certificate"),
    (CertificateRefusedError, "certificate"),
    (AlertError, "alert"),
    (ssl.SSLZeroReturnError, "closed"),
    (ssl.SSLEOFError, "closed"),
    (socket.gaierror, "unreachable"),
    (ConnectionRefusedError, "refused"),
    (TimeoutError, "timeout"),
    (http.client.RemoteDisconnected, "closed"),  # which is a ConnectionResetError by class, but no reset came
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "reset"),
    (http.client.IncompleteRead, "closed"),
    (EOFError, "closed"),
)
ALERTS = ("SSLV3_ALERT_", "TLSV1_", "TLSV13_")
"""How OpenSSL's reasons begin that stand for an alert of the peer (openssl/sslerr.h, 1000 and above)."""
NUMBERS = {errno.ENETUNREACH: "unreachable", errno.EHOSTUNREACH: "unreachable", errno.EADDRNOTAVAIL: "unreachable"}


def fault(during: str, error: BaseException) -> dict[str, str]:
    """The report's `error`."""
    inner = innermost(error)
    return {"during": during, "kind": kind(inner), "text": str(inner) or type(inner).__name__}


def kind(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and (error.reason or "").startswith(ALERTS):
        return "alert"
    for known, name in KINDS:
        if isinstance(error, known):
            return name
    return NUMBERS.get(getattr(error, "errno", None) or 0, "other")


def innermost(error: BaseException) -> BaseException:
    """The exception that began it: through causes, contexts, `reason` and arguments that are exceptions."""
    for _ in range(10):
        inside = _inside(error)
        if inside is None:
            return error
        error = inside
    return error


def _inside(error: BaseException) -> BaseException | None:
    if kind(error) != "other":
        return None
    candidates = (error.__cause__, getattr(error, "reason", None), *error.args, error.__context__)
    return next((each for each in candidates if isinstance(each, BaseException)), None)
