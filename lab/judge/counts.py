"""What can be counted on a probe's own connections, as findings.

Rule: a count that no witness could tell is None in `Counts`, and never zero; each rests on the observations cited for it
by its name. The names are those of `Expect` and of `Counts` alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.judge.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.model.routes import Route

SAYS: Mapping[str, str] = {
    "unread": "unread bytes in the receive buffer of its socket: {expected}",
    "bytes_read": "bytes that the first receiver read from its socket: {expected}",
    "reads": "reads of the first receiver that gave bytes: {expected}",
    "segments": "segments with payload that came to the first receiver's interface: {expected}",
    "retransmitted": "segments among them whose bytes had come before: {expected}",
    "disordered": "segments among them that came before bytes that precede theirs: {expected}",
    "connections": "connections that the client opened: {expected}",
    "addresses": "addresses and ports from which the client's packets of its connection came: {expected}",
    "requests": "whole request heads on them: {expected}",
    "dispatches": "times that a handler was entered: {expected}",
    "answers": "final answers that came back: {expected}",
    "interim": "interim responses (1xx) that came back: {expected}",
    "queries": "queries that the handler sent to a database: {expected}",
    "streams": "streams that the client opened on its connection: {expected}",
    "resets": "streams among them that it reset: {expected}",
    "upstreams": "connections behind the first receiver: {expected}",
}


def reader(name: str) -> Callable[[Route], Finding]:
    """What reads this count from a route."""

    def read(route: Route) -> Finding:
        counts = route.counts
        evidence = tuple(one for of, one in counts.evidence if of == name)
        why = "; ".join(route.open_questions) or "no witness could tell"
        return Finding(getattr(counts, name), evidence, f"{name}: {why}")

    return read


READERS: Mapping[str, Callable[[Route], Finding]] = {name: reader(name) for name in SAYS}
