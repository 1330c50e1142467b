"""Pages of the kernel's trace ring buffer, as `trace_pipe_raw` gives them.

Source: include/linux/ring_buffer.h (`enum ring_buffer_type`) and kernel/trace/ring_buffer.c (`rb_update_event`,
`ring_buffer_read_page`). A page is a time, a length and records; a record's time is the page's time and all deltas
before it. Weak spot: the layout is not promised by the kernel; it has stood since 2.6.31 and a page that does not
add up raises.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH_MASK = 0xFFFFF
"""Bits 0-19 of `commit`; above them RB_MISSED_STORED (30) and RB_MISSED_EVENTS (31)."""
PADDING, TIME_EXTEND, TIME_STAMP = 29, 30, 31
DELTA_BITS = 27
STAMP_BITS = 59
"""An absolute TIME_STAMP carries the lower 59 bits (RB_TIME_STAMP); the upper five stay."""


class PageError(ValueError):
    """A page that does not add up."""


def records(page: bytes, data: int) -> Iterator[tuple[int, bytes]]:
    """`(time, record)` of each record of a page whose data begins at `data`. Raises PageError."""
    time, commit = struct.unpack_from("=QQ", page)
    place, end = data, data + (commit & LENGTH_MASK)
    if end > len(page):
        raise PageError(f"a page of {len(page)} bytes says that its data end at {end}")
    while place < end:
        kind, delta, extra = _head(page, place, end)
        if kind == PADDING and delta == 0:
            return
        time = _time(kind, time, delta, extra)
        start, length = _extent(kind, place, extra)
        if start + length > end:
            raise PageError(f"a record at {place} reaches to {start + length}, beyond the page's {end}")
        if kind < PADDING:
            yield time, page[start : start + length]
        place = start + length


def _head(page: bytes, place: int, end: int) -> tuple[int, int, int]:
    """Kind, time delta, and the word behind them where there is one."""
    if place + 4 > end:
        raise PageError(f"half a record head at {place}")
    word: int = struct.unpack_from("=I", page, place)[0]
    kind, delta = word & 31, word >> 5
    if 0 < kind < PADDING or (kind == PADDING and delta == 0):
        return kind, delta, 0
    if place + 8 > end:
        raise PageError(f"half a long record head at {place}")
    return kind, delta, struct.unpack_from("=I", page, place + 4)[0]


def _time(kind: int, time: int, delta: int, extra: int) -> int:
    if kind == TIME_EXTEND:
        return time + delta + (extra << DELTA_BITS)
    if kind == TIME_STAMP:
        return (time >> STAMP_BITS << STAMP_BITS) | delta | (extra << DELTA_BITS)
    return time + delta


def _extent(kind: int, place: int, extra: int) -> tuple[int, int]:
    """Where the record's bytes begin, and how many there are; for time records: none."""
    if kind in (TIME_EXTEND, TIME_STAMP):
        return place + 8, 0
    if kind == 0:
        return _long(place, extra)
    if kind == PADDING:
        return place + 4, extra
    return place + 4, 4 * kind


def _long(place: int, extra: int) -> tuple[int, int]:
    """A length of its own counts its own four bytes."""
    if extra < 4:
        raise PageError(f"a record at {place} says that it has {extra} bytes")
    return place + 8, extra - 4
