"""Whether a route's own story holds together: no stage out of order, none missing, no handler entered before a read.

On each hop, as the namespace of its receiver saw it, the first of each kind, and of what was written the last:

| sign | told by |
|---|---|
| SYN, SYN-ACK, the end of the handshake | packets; of a connection that is older than the request none of them |
| established | kernel |
| bytes came | packets |
| the receiver read | kernel |
| a handler was entered | the application; the last receiver's alone |
| the receiver wrote for the last time | kernel |

Rule: signs come in this order; of an answered route none may be missing; a hop's receiver reads before bytes come on the next
one. Weak spot: nothing is told of a route whose timeline is open, but for the order of what is there.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from lab.model.routes import Stage, Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lab.model.routes import Hop, Moment, Route

    Sign = Callable[[Moment, Hop], bool]

CLOCK_NS = 10**6
"""An application takes its time a moment after the step."""
GONE = "kernel"
"""Who moved bytes, where the thread was gone when its event was noted."""
CAME, READ, ENTERED, WROTE = "bytes came", "the receiver read", "a handler was entered", "the receiver wrote"
BEGINNING = ("SYN", "SYN-ACK", "handshake done")


def _named(event: str) -> Sign:
    return lambda line, _: line.event == event and line.evidence.witness is Witness.PACKETS


def _by_receiver(event: str) -> Sign:
    return lambda line, hop: line.event == event and bool(line.size) and line.process in (_process(hop), GONE)


def _process(hop: Hop) -> str:
    return f"{hop.process or 'an unknown program'} (pid {hop.pid}) of {hop.container}"


SIGNS: tuple[tuple[str, Sign], ...] = (
    ("SYN", _named("SYN")),
    ("SYN-ACK", _named("SYN-ACK")),
    ("handshake done", lambda line, _: line.event.startswith("ACK: handshake done")),
    (CAME, lambda line, _: bool(line.size) and line.evidence.witness is Witness.PACKETS),
    (READ, _by_receiver("read")),
    (ENTERED, lambda line, _: line.event.startswith("reports dispatched")),
    (WROTE, _by_receiver("wrote")),
)
"""In the order in which they must come."""


def broken(route: Route) -> tuple[str, ...]:
    """What does not hold together, in words; empty: it does."""
    found = [_signs(route, hop) for hop in route.hops]
    told = [*_disordered(route, found), *_between(route, found), *_unread(route, found)]
    whole = route.stage is Stage.ANSWERED and not route.timeline_open
    return (*told, *(_missing(route, found) if whole else ()))


def _signs(route: Route, hop: Hop) -> Mapping[str, int]:
    """Sign -> when it was seen on a hop."""
    lines = [line for line in route.timeline if (line.hop, line.vantage) == (hop.number, hop.namespace)]
    seen = {name: [line.time_ns for line in lines if sign(line, hop)] for name, sign in SIGNS}
    return {name: max(times) if name == WROTE else min(times) for name, times in seen.items() if times}


def _disordered(route: Route, found: Sequence[Mapping[str, int]]) -> Iterator[str]:
    for hop, signs in zip(route.hops, found, strict=True):
        for (one, before), (other, after) in pairwise(signs.items()):
            slack = CLOCK_NS if ENTERED in (one, other) else 0
            if before > after + slack:
                yield f"hop {hop.number}: “{other}” came {before - after} ns before “{one}”"


def _between(route: Route, found: Sequence[Mapping[str, int]]) -> Iterator[str]:
    signs = {hop.number: each for hop, each in zip(route.hops, found, strict=True)}
    for hop in (each for each in route.hops if each.parent):
        outer, inner = signs.get(hop.parent or 0, {}), signs[hop.number]
        if READ in outer and CAME in inner and inner[CAME] < outer[READ]:
            yield f"hop {hop.number}: “{CAME}” {outer[READ] - inner[CAME]} ns before “{READ}” on hop {hop.parent}"


def _unread(route: Route, found: Sequence[Mapping[str, int]]) -> Iterator[str]:
    """A handler that was entered on a hop of which the kernel's timeline has no read."""
    if route.timeline_open:
        return
    for hop, signs in zip(route.hops, found, strict=True):
        if ENTERED in signs and READ not in signs:
            yield f"hop {hop.number}: “{ENTERED}” without any “{READ}”"


def _missing(route: Route, found: Sequence[Mapping[str, int]]) -> Iterator[str]:
    for hop, signs in zip(route.hops, found, strict=True):
        begun = any(name in signs for name in BEGINNING) or hop.number == 1
        wanted = [*(BEGINNING if begun else ()), CAME, READ, *([ENTERED] if _entered(route, hop) else []), WROTE]
        yield from (f"hop {hop.number}: no “{name}”" for name in wanted if name not in signs)
        if hop.stage is not Stage.ANSWERED:
            yield f"hop {hop.number}: it got no further than {hop.stage}, and the probe was answered"


def _entered(route: Route, hop: Hop) -> bool:
    return bool(route.dispatched) and hop is route.hops[-1]
