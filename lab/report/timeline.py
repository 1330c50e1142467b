"""A probe's timeline for people: all that its witnesses saw, in the order of time.

Rule: one line an observation; times are since the probe's first packet, in a unit that suits them; each line names its
witness and where it can be looked up. Weak spot: clocks of one machine are one clock, but a log line is late by as long
as its server took to write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.routes import Moment, Route

HEAD = ("since first packet", "hop", "seen in", "process", "event", "bytes", "witness")


def timeline(route: Route) -> Iterator[Text]:
    """The lines of one probe, or a sentence where there are none."""
    yield Text.assemble("  timeline of ", (name(route), "bold"))
    if not route.timeline:
        yield Text("    no witness left a time", style="yellow")
        return
    yield from table(route.timeline)


def table(moments: Sequence[Moment]) -> Iterator[Text]:
    """These moments as a table with a head."""
    rows = [HEAD, *(_cells(one) for one in moments)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for number, row in enumerate(rows):
        yield Text("    " + _line(row, widths).rstrip(), style="dim" if number == 0 else "")


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell.rjust(width) if column in (0, 1, 5) else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )


def _cells(one: Moment) -> tuple[str, ...]:
    hop = "" if one.hop is None else str(one.hop)
    size = "" if one.size is None else str(one.size)
    return since(one.since_ns), hop, one.vantage, one.process, one.event, size, f"{one.evidence.witness} {one.evidence.where}"


def since(nanoseconds: int) -> str:
    """`+12 µs`, `+3.456 ms`, `+2.001 s`: three digits behind the point, except below a millisecond."""
    size = abs(nanoseconds)
    sign = "-" if nanoseconds < 0 else "+"
    if size < 1_000_000:
        return f"{sign}{size / 1e3:.0f} µs"
    return f"{sign}{size / 1e6:.3f} ms" if size < 1_000_000_000 else f"{sign}{size / 1e9:.3f} s"


def name(route: Route) -> str:
    """`order`, or `order at held` for a moment."""
    return f"{route.probe} at {route.moment}" if route.moment else route.probe
