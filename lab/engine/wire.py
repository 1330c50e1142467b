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
