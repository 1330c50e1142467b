"""What a listener refuses before any route is looked for: paths that are denied, and requests that come too fast.

Rule: a refusal is a status and a reason; None lets the request pass. Weak spot: each worker process counts for itself.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from app_config import Rate

Refusal = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Gate:
    """The policy of one listener."""

    deny: tuple[str, ...] = ()
    rate: Rate | None = None
    now: Callable[[], float] = time.monotonic
    _taken: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    """Client's address -> when its last requests were let pass, as many as the rate allows."""
    _lock: Lock = field(default_factory=Lock)

    def refusal(self, target: str, client: str) -> Refusal | None:
        """Why this request is not let pass; counts it if it is."""
        if denied := next((path for path in self.deny if target.startswith(path)), None):
            return 403, f"{denied} is denied"
        if self.rate and not self._admitted(self.rate, client):
            return 429, f"more than {self.rate.requests} requests in {self.rate.seconds:g} s"
        return None

    def _admitted(self, rate: Rate, client: str) -> bool:
        with self._lock:
            taken, now = self._taken[client], self.now()
            while taken and now - taken[0] >= rate.seconds:
                taken.popleft()
            if len(taken) >= rate.requests:
                return False
            taken.append(now)
            return True
