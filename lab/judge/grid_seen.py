"""What was seen of one probe of the grid, in the words of a cell.

Rule: who answered, whether a handler ran, and what became of the connection are told apart, each from the route; nothing is
called an error. The name of the server that the row is about is left out. Weak spot: a server that says that it will close, and
was not seen to, is believed (`says close`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lab.model.grid import TIMED
from lab.model.routes import About

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.model.catalogue import Server
    from lab.model.observations import ClientReport, Observations
    from lab.model.routes import Evidence, Route

ITSELF = ""
FRONT_CONTAINERS = ("front", "secure", "strict")
EARLY = 0.05
"""Seconds by which a timer may be early, for clocks tick."""
ALERT = b"\x15"
"""Content type of a TLS record (RFC 8446, section 5.1)."""


class Word(StrEnum):
    """What became of the connection."""

    CLOSED = "closed"
    RESET = "reset"
    SAYS_CLOSE = "says close"
    KEPT = "kept"


def labels(row: Server) -> Mapping[str, str]:
    """Container of the arrangement -> what a cell calls it."""
    fastcgi = row.speaks == "fastcgi"
    behind = ITSELF if fastcgi else row.worker or "the application"
    return dict.fromkeys(FRONT_CONTAINERS, "nginx" if fastcgi else ITSELF) | {"app": behind}


@dataclass(frozen=True, slots=True)
class Seen:
    """One probe, or a moment of it."""

    route: Route
    client: ClientReport | None
    named: Mapping[str, str]

    @property
    def entered(self) -> bool | None:
        """Whether a handler ran."""
        return self.route.dispatched

    @property
    def code(self) -> int | None:
        """Status of the answer: the client's; what the wire shows where it spoke TLS and was answered in clear. An answer to a
        client that had given up is none."""
        if self.route.status is not None:
            return self.route.status
        in_tls = self.client is not None and self.client.error is not None and self.client.error.during == "tls"
        return self.route.hops[0].code if in_tls and self.route.hops else None

    @property
    def word(self) -> Word | None:
        """None: there was no connection."""
        if self.route.ending:
            return Word(self.route.ending.how)
        if any((name.lower(), value.lower()) == ("connection", "close") for name, value in self.headers):
            return Word.SAYS_CLOSE
        return Word.KEPT if self.route.hops else None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return self.client.headers if self.client else ()

    @property
    def at_front(self) -> bool:
        """Whether the answer was made by the server that the client reached."""
        return self.route.answered_by in FRONT_CONTAINERS

    @property
    def spoke(self) -> bool:
        """Whether anything came back."""
        return self.code is not None or self.alert or bool(self.client and self.client.body)

    @property
    def alert(self) -> bool:
        return self.client is not None and self.client.status is None and self.client.body[:1] == ALERT

    @property
    def waits(self) -> bool:
        """Nothing came back, and the connection was left open."""
        return not self.spoke and self.word is Word.KEPT

    def words(self) -> str:
        """The cell."""
        parts = [self.answer(), self._handler()]
        if self.spoke:
            parts.append(self.word or "")
        return ", ".join(filter(None, parts))

    def answer(self) -> str:
        """Who answered what, or how it stayed silent."""
        if self.alert:
            return "a TLS alert"
        if self.code is not None:
            return f"{self.code}{self._by()}{self._late()}"
        if self.spoke:
            return "bytes that are no HTTP"
        return self._silence()

    def _silence(self) -> str:
        if self.word is Word.KEPT:
            return f"waits {self.seconds} s and more"
        if self.word is None:
            return "no connection"
        return f"{self.word} without an answer{self._late()}"

    def _by(self) -> str:
        who = self.named.get(self.route.answered_by or "", self.route.answered_by)
        if self.route.answered_by is None:
            return " by not known whom"
        return f" by {who}" if who else ""

    def _late(self) -> str:
        """How long it took, where that is what was asked."""
        return f" after {self.seconds} s" if self.route.probe in TIMED else ""

    @property
    def seconds(self) -> int:
        """Whole seconds that the probe took, rounded down: a busy machine makes them longer, and nothing makes them shorter."""
        return int((self.client.finished_ns - self.client.started_ns) / 1e9 + EARLY) if self.client else 0

    def _handler(self) -> str:
        return {True: "handler ran", False: "no handler", None: "not known whether a handler ran"}[self.entered]

    def evidence(self) -> tuple[Evidence, ...]:
        """What the words were read from: the answer, the handler's report, the end; without any, the connection itself."""
        found = tuple(dict.fromkeys(self._evidence()))
        return found or tuple(one for hop in self.route.hops[:1] for one in hop.evidence[:2]) or self.route.evidence

    def _evidence(self) -> Iterator[Evidence]:
        for about in (About.ANSWER, About.HANDLER):
            yield from (one for hop in self.route.hops for one in hop.evidence if one.about is about)
        if self.route.ending:
            yield self.route.ending.evidence
        yield from self.route.evidence

    def counted(self, name: str) -> tuple[Evidence, ...]:
        """What a count rests on."""
        return tuple(one for of, one in self.route.counts.evidence if of == name)


def seen_of(route: Route, observed: Observations, named: Mapping[str, str]) -> Seen:
    """A route with the report of its client."""
    mine = (one for one in observed.clients if (one.probe, one.moment) == (route.probe, route.moment))
    return Seen(route, next(mine, None), named)
