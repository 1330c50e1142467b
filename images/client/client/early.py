"""Early data on a connection of Python's own `ssl`: what goes out behind the ClientHello, before the handshake.

Python offers no call for it, OpenSSL does (SSL_write_early_data(3)). So the very OpenSSL that `_ssl` is linked to is asked,
with the structure of the connection. Rule: where that structure lies is checked, not believed: behind it CPython keeps the
connection's context, and if that is not found there, no early data is sent and the error says so. Weak spot: CPython alone, and
one that has `_ssl` in a file of its own, as Debian's has.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

STRUCTURE, CONTEXT = 3, 4
"""Places of both in CPython's `PySSLSocket`, in words: behind the object's head (2) and the socket."""
NOT_SENT, REJECTED, ACCEPTED = "none", "refused", "taken"
_STATUS = (NOT_SENT, REJECTED, ACCEPTED)
"""SSL_EARLY_DATA_NOT_SENT, _REJECTED, _ACCEPTED: SSL_get_early_data_status(3)."""


def allowed(connection: ssl.SSLObject) -> int:
    """Bytes of early data that the session to be resumed allows; 0: none, or there is no session. Raises OSError."""
    session = _library().SSL_get_session(_structure(connection))
    return int(_library().SSL_SESSION_get_max_early_data(session)) if session else 0


def write(connection: ssl.SSLObject, data: bytes) -> None:
    """Begin the handshake and write early data behind the ClientHello; both lie in the outgoing buffer. Raises OSError."""
    written = ctypes.c_size_t()
    if _library().SSL_write_early_data(_structure(connection), data, len(data), ctypes.byref(written)) != 1:
        raise OSError("OpenSSL wrote no early data")


def status(connection: ssl.SSLObject) -> str:
    """After the handshake: what became of early data. Raises OSError."""
    return _STATUS[_library().SSL_get_early_data_status(_structure(connection))]


def _structure(connection: ssl.SSLObject) -> int:
    inner: Any = connection._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    words = (ctypes.c_void_p * (CONTEXT + 1)).from_address(id(inner))
    if words[CONTEXT] != id(inner.context) or not words[STRUCTURE]:
        raise OSError("this Python's ssl keeps OpenSSL's structure elsewhere: no early data")
    return int(words[STRUCTURE])


@cache
def _library() -> Any:
    """The OpenSSL of `_ssl`: a symbol is looked for in a file and in all that it is linked to."""
    import _ssl

    if not getattr(_ssl, "__file__", None):
        raise OSError("this Python has ssl built in: no early data")
    found = ctypes.CDLL(_ssl.__file__)
    structure, amount = ctypes.c_void_p, ctypes.c_size_t
    found.SSL_get_session.argtypes, found.SSL_get_session.restype = [structure], structure
    found.SSL_SESSION_get_max_early_data.argtypes = [structure]
    found.SSL_SESSION_get_max_early_data.restype = ctypes.c_uint32
    found.SSL_write_early_data.argtypes = [structure, ctypes.c_char_p, amount, ctypes.POINTER(amount)]
    found.SSL_get_early_data_status.argtypes = [structure]
    return found
