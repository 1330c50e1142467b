"""A probe's timeline for people: all that its witnesses saw, in the order of time.

Rule: one line an observation; times are since the probe's first packet, in a unit that suits them; each line names its
witness and where it can be looked up. Weak spot: a log line is late by as long as its server took to write it, and steps
carry the time of the machine on which the lab runs, which with a remote engine is another clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lab.model.routes import Moment, Route
    from lab.model.steps import StepDone

Row = tuple[str, ...]
HEAD: Row = ("since first packet", "hop", "seen in", "process", "event", "bytes", "witness")


def timeline(route: Route, steps: Iterable[StepDone] = ()) -> Iterator[Text]:
    """The lines of one probe, its steps among them, or a sentence where there are none."""
    yield Text.assemble("  timeline of ", (name(route), "bold"))
    if not route.timeline:
        yield Text("    no witness left a time", style="yellow")
        return
    rows = lines(route, steps)
    whole = [HEAD, *(row for row in rows if len(row) == len(HEAD))]
    widths = [max(len(row[column]) for row in whole) for column in range(len(HEAD))]
    yield Text("    " + _line(HEAD, widths).rstrip(), style="dim")
    for row in rows:
        step = len(row) != len(HEAD)
        told = f"{row[0].rjust(widths[0])}  ── {row[1]}" if step else _line(row, widths).rstrip()
        yield Text("    " + told, style="bold" if step else "")


def lines(route: Route, steps: Iterable[StepDone] = ()) -> list[Row]:
    """Cells of each line; a step of this probe has two: when it began, and what it was."""
    first = route.timeline[0].time_ns - route.timeline[0].since_ns if route.timeline else 0
    found: list[tuple[int, int, Row]] = [(one.time_ns, 1, _cells(one)) for one in route.timeline]
    found += [(one.begun_ns, 0, (since(one.begun_ns - first), _step(one))) for one in steps if one.probe == route.probe]
    return [row for _, _, row in sorted(found, key=lambda line: line[:2])]


def _step(one: StepDone) -> str:
    return f"step {one.number}: {one.words}" + ("" if one.came else f", and it did not come to pass: {one.why}")


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell.rjust(width) if column in (0, 1, 5) else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )


def _cells(one: Moment) -> Row:
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
