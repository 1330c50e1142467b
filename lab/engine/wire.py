"""Values as the agents' protocol carries them."""

from __future__ import annotations

from base64 import urlsafe_b64encode


def base64(data: bytes) -> str:
    """Bytes as URL-safe base64."""
    return urlsafe_b64encode(data).decode("ascii")
