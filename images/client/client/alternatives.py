"""Alternative services that answers announced, and a later request that takes one.

Source: RFC 7838, sections 2 and 3 (`Alt-Svc: h3=":8443"; ma=3600`). Rule: what an answer of an origin announces is kept for
that origin and client alone, and only HTTP/3 is understood; SNI, Host and the certificate stay the origin's. Weak spot:
nothing is forgotten but by `clear`: a client lives no longer than a case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

ANNOUNCED = re.compile(r'(?:^|,)\s*h3="(?P<host>[^":]*|\[[^"\]]*\]):(?P<port>\d{1,5})"')


@dataclass(slots=True)
class Alternatives:
    """What is known, by origin."""

    known: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Origin -> host (empty: the origin's) and port."""

    def heard(self, probe: dict[str, Any], headers: Iterable[tuple[str, str]]) -> None:
        """Keep what an answer announced."""
        for name, value in headers:
            if name.lower() != "alt-svc":
                continue
            if value.strip() == "clear":
                self.known.pop(origin(probe["url"]), None)
            elif found := ANNOUNCED.search(value):
                self.known[origin(probe["url"])] = found["host"], int(found["port"])

    def taken(self, probe: dict[str, Any]) -> dict[str, Any]:
        """The same probe, sent to the alternative if there is one."""
        found = self.known.get(origin(probe["url"]))
        if found is None:
            return probe
        host, port = found
        return {**probe, "http": "3", "connect": [host or probe["connect"][0], port]}


def origin(url: str) -> str:
    """Scheme, host and port (RFC 6454)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or {'http': 80, 'https': 443}.get(parts.scheme)}"
