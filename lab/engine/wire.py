"""Values as the agents' protocol carries them."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode


def base64(data: bytes) -> str:
    """Bytes as URL-safe base64."""
    return urlsafe_b64encode(data).decode("ascii")


_MARK = re.compile(rb"\r\nlab-probe:[ \t]*([0-9a-f]{16})\r\n", re.IGNORECASE)


def marked(data: bytes) -> str:
    """The token that exact bytes carry in a field `Lab-Probe` of their own, the last one; empty: none."""
    found = _MARK.findall(data)
    return found[-1].decode("ascii") if found else ""


def veiled(token: str) -> str:
    """A probe's token for the protocol. An engine may be reached in clear over a network that is recorded, and where the token
    is seen in clear the request is: the lab's own connection would be taken for a hop."""
    return base64(token.encode("ascii"))
