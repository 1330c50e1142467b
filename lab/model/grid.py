"""The grid of receipt behaviour: the same probes against every server, one cell for each.

`ASKS` is the list of what is asked, in the order in which it is shown. Each has its ground: what the standard says is due, or
that it leaves the choice to the server. How a probe is sent stands in `lab.plan.grid`, how its answer is read in
`lab.judge.grid`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lab.model.routes import Evidence  # noqa: TC001 - read at run time, when a grid is read back


class Mark(StrEnum):
    """What a cell is held against."""

    DUE = "as due"
    """What the standard says is due."""
    FREE = "free"
    """The standard leaves it to the server, and no quirk of its row speaks of it."""
    QUIRK = "quirk"
    """Its row declares it, with a source."""
    FINDING = "finding"
    """Neither due nor declared; or its row declares something else."""
    OPEN = "not known"
    """No witness could tell, and the reason is told."""
    UNSUPPORTED = "unsupported"
    """The server cannot be asked this, and the reason is told."""
    NOT_RUN = "not run"
    """The lab did not get so far, and the reason is told."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One column: what is sent, and what is due."""

    id: str
    topic: str
    title: str
    sends: str
    """In words."""
    due: str
    """In words; empty: the standard leaves it to the server."""
    source: str


@dataclass(frozen=True, slots=True)
class Cell:
    """What one server made of one probe."""

    ask: str
    words: str
    """`400, no handler, closed`: who answered what, whether a handler ran, what became of the connection."""
    mark: Mark
    why: str = ""
    """For a quirk what its row says, for a finding what was due, else the reason that there is nothing to show."""
    source: str = ""
    evidence: tuple[Evidence, ...] = ()
    """What the words were read from."""
    folder: str = ""
    """Of the evidence, inside the grid's folder."""


@dataclass(frozen=True, slots=True)
class Row:
    """One server."""

    server: str
    title: str
    role: str
    version: str
    """First line of what its version command prints."""
    stands: str
    """`before the lab's application`, `alone`, `behind nginx`."""
    cells: tuple[Cell, ...]
    peak_mb: tuple[tuple[str, float], ...] = ()
    """Container -> most memory that its cgroup had, in megabytes, page cache included."""
    seconds: float = 0.0
    folder: str = ""
    error: str = ""
    """What kept the server from being asked."""


@dataclass(frozen=True, slots=True)
class Grid:
    """All of it."""

    rows: tuple[Row, ...]
    kernel: str
    engine: str
    seconds: float


LINE_SIZES = (5_000, 9_000, 20_000, 70_000)
"""Bytes of a request target, and of a field, that are tried: below and above the usual buffers of 4, 8, 16 and 64 KiB."""

WAIT = 2.0
"""Seconds that a probe waits for a server to lose patience."""
LIMIT_SECONDS = 1
"""For head and body, of a server whose configuration can be told one."""
LIMIT_BODY = 16
"""Bytes, likewise."""

DISPATCH, HEADS, SIZES, TIMES, TLS, CONNECTIONS = "dispatch", "heads", "sizes", "times", "TLS", "connections"
TOPICS = (DISPATCH, HEADS, SIZES, TIMES, TLS, CONNECTIONS)

_FREE = ""
_REFUSED = "refused with 400, and no handler runs"

ASKS: tuple[Ask, ...] = (
    Ask("good", DISPATCH, "a good request", "GET, and a token of chance", "200 from a handler", "RFC 9110, section 15.3.1"),
    Ask(
        "head-then-body", DISPATCH, "handler entered", "the head, a look, then the body",
        _FREE, "RFC 9112, section 6: a body may be read later than its head",
    ),
    Ask(
        "half-a-head", DISPATCH, "half a head", "a head without its blank line, a look, then the line",
        "no handler before the blank line", "RFC 9112, section 2.1",
    ),
    Ask(
        "expect", DISPATCH, "Expect: 100-continue", "a head with Expect, a look, then the body",
        "100 before the body, or a final answer", "RFC 9110, section 10.1.1",
    ),
    Ask(
        "bad-method", HEADS, "bad method", "`G@T / HTTP/1.1`", _REFUSED + " (501 counts)",
        "RFC 9112, section 3; RFC 9110, section 9.1",
    ),
    Ask(
        "bad-version", HEADS, "HTTP/3.0 on TCP", "`GET / HTTP/3.0`", "refused with 505 or 400, and no handler runs",
        "RFC 9110, sections 2.5, 15.6.6",
    ),
    Ask("no-host", HEADS, "no Host", "HTTP/1.1 without Host", _REFUSED, "RFC 9112, section 3.2"),
    Ask("two-hosts", HEADS, "two Hosts", "two Host fields", _REFUSED, "RFC 9112, section 3.2"),
    Ask(
        "both-lengths", HEADS, "length and chunks", "Content-Length and Transfer-Encoding",
        "refused with 400, or chunks taken and the connection closed", "RFC 9112, section 6.1",
    ),
    Ask("two-lengths", HEADS, "two lengths", "Content-Length: 5 and 6", _REFUSED + "; closed", "RFC 9112, section 6.3"),
    Ask(
        "nul", HEADS, "NUL in a field", "a field with a NUL byte", _REFUSED + " (or the byte is made a blank)",
        "RFC 9110, section 5.5",
    ),
    Ask("control", HEADS, "control byte in a field", "a field with U+0001", _FREE, "RFC 9110, section 5.5: may be kept"),
    Ask(
        "bad-chunk", HEADS, "bad chunk size", "a chunk size of letters", "no 200, and the connection is closed",
        "RFC 9112, sections 7.1, 8",
    ),
    Ask(
        "long-line", SIZES, "long target", f"targets of {', '.join(f'{size:,}' for size in LINE_SIZES)} bytes",
        "414 from where it is too long", "RFC 9112, section 3",
    ),
    Ask(
        "long-field", SIZES, "large field", f"fields of {', '.join(f'{size:,}' for size in LINE_SIZES)} bytes",
        "4xx from where it is too large", "RFC 9110, section 5.4",
    ),
    Ask(
        "body-large", SIZES, "body announced too large", "Content-Length: 20000000000 and no body",
        "413, or it waits for the body", "RFC 9110, section 15.5.14",
    ),
    Ask(
        "body-limit", SIZES, f"body above a limit of {LIMIT_BODY} bytes", "32 bytes, where a limit can be set", "413",
        "RFC 9110, section 15.5.14",
    ),
    Ask(
        "body-short", SIZES, "body cut short", "Content-Length: 10, five bytes, and the sending side closed", "no 200",
        "RFC 9112, section 8",
    ),
    Ask("silent", TIMES, "nothing is sent", "a connection and no byte", _FREE, "RFC 9112, section 9.5"),
    Ask("slow-head", TIMES, "slow head", "half a head, and no more", "408, or it still waits", "RFC 9110, section 15.5.9"),
    Ask(
        "slow-body", TIMES, "slow body", "a head, two bytes of five, and no more", "408, or it still waits",
        "RFC 9110, section 15.5.9",
    ),
    Ask("plain-to-tls", TLS, "plaintext to a TLS port", "GET in clear", "no handler", "RFC 8446, section 5.1"),
    Ask("tls-to-plain", TLS, "TLS to a plaintext port", "a ClientHello", "no handler", "RFC 9112, section 3"),
    Ask("tls", TLS, "TLS ends", "GET over TLS", "200 from a handler", "RFC 9110, section 4.2.2"),
    Ask(
        "keep-alive", CONNECTIONS, "a second request", "GET, its answer, GET", "both answered on one connection",
        "RFC 9112, section 9.3",
    ),
    Ask("pipelined", CONNECTIONS, "pipelined", "two GETs at once", "both answered, in order", "RFC 9112, section 9.3.2"),
    Ask(
        "half-close", CONNECTIONS, "half-close", "GET, and the sending side closed before any answer", _FREE,
        "RFC 9293, section 3.6",
    ),
    Ask("http-1-0", CONNECTIONS, "HTTP/1.0", "GET of HTTP/1.0", "200, and the connection is closed", "RFC 9112, section 9.3"),
    Ask("upstream", CONNECTIONS, "connections behind it", "the hops of `keep-alive`", _FREE, "RFC 9112, section 9.1"),
    Ask("processes", CONNECTIONS, "processes", "all that its container ran, and those on the route", _FREE, "proc(5)"),
)  # fmt: skip
BY_ID = {ask.id: ask for ask in ASKS}
TIMED = frozenset(ask.id for ask in ASKS if ask.topic == TIMES)
"""Asks whose cell tells how long it took."""
