"""A capture with the story in it: comments on its packets, which analysers show beside them.

Source: draft-ietf-opsawg-pcapng, sections 3.5 (options, opt_comment) and 4.3 (enhanced packet). Rule: a packet carries what it
was to its probe, and what other witnesses saw next on the same hop: who read it, whether a handler was entered. The first of a
hop says who received it, the last of a probe its diagnostic line. Nothing else of the file changes. Weak spot: what was seen
before any packet of its hop stands on the hop's first.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from typing import TYPE_CHECKING

from lab.model.routes import Witness
from lab.report.terminal import arrival, ending, receiver
from lab.report.timeline import name, since
from lab.trace.pcapng import OLD_PACKET, PACKET, SIMPLE_PACKET, blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lab.model.routes import Hop, Moment, Route

COMMENT, END = 1, 0
"""Options: opt_comment, opt_endofopt."""
LONGEST = 65_535
"""Bytes that the length of an option can tell."""

Comments = dict[str, dict[int, list[str]]]
"""File in the case's folder -> frame number, from 1 -> what is said of it."""


def comments(routes: Iterable[Route]) -> Comments:
    """What is said of each packet by the routes of whole probes; a probe's earlier moments are part of it."""
    said: Comments = defaultdict(lambda: defaultdict(list))
    for route in routes:
        if not route.moment:
            for where, words in _story(route):
                file, _, number = where.rpartition(":")
                said[file][int(number)].append(f"{name(route)}, {words}")
    return {file: dict(lines) for file, lines in said.items()}


def _story(route: Route) -> Iterator[tuple[str, str]]:
    """(`packets/web.pcapng:12`, words) in the order in which they are to be read."""
    shown = sorted((one for one in route.timeline if one.evidence.witness is Witness.PACKETS), key=_time)
    for hop in route.hops:
        firsts = {one.vantage: one for one in reversed(shown) if one.hop == hop.number}
        yield from ((one.evidence.where, _received(hop, len(route.hops))) for one in firsts.values())
    for one in sorted(route.timeline, key=_time):
        if place := _beside(one, shown):
            yield place.evidence.where, _seen(one)
    lasts = {one.vantage: one for one in shown}
    yield from ((one.evidence.where, f"in the end: {route.diagnosis}") for one in lasts.values())


def _received(hop: Hop, hops: int) -> str:
    tls = f", {ending(hop)}" if ending(hop) else ""
    tied = f", joined to hop {hop.parent or hop.number - 1} by: {hop.joined_by}" if hop.joined_by else ""
    return f"hop {hop.number} of {hops}: {arrival(hop)}, to {receiver(hop)}{tls}; {hop.stage}{tied}"


def _time(one: Moment) -> int:
    return one.time_ns


def _beside(one: Moment, shown: Sequence[Moment]) -> Moment | None:
    """The packet that it is told of: itself, or the last one before it in the same place, or on the same hop."""
    if one.evidence.witness is Witness.PACKETS:
        return one
    same = [each for each in shown if each.hop == one.hop]
    before = [each for each in same if each.time_ns <= one.time_ns]
    here = [each for each in before if each.vantage == one.vantage]
    return next(iter((here or before)[-1:] or same), None)


def _seen(one: Moment) -> str:
    hop = f"hop {one.hop}, " if one.hop else ""
    size = "" if one.size is None else f", {one.size} byte{'s' * (one.size != 1)}"
    if one.evidence.witness is Witness.PACKETS:
        return f"{hop}{since(one.since_ns)}: {one.event}{size}"
    return f"{hop}{since(one.since_ns)}: {one.process}: {one.event}{size}   {one.evidence.where}"


def annotated(capture: bytes, file: str, said: Mapping[int, Sequence[str]]) -> bytes:
    """The capture with these comments on its frames. Raises `BrokenCapture`."""
    pieces: list[bytes] = []
    number = 0
    for order, kind, offset, length in blocks(capture, file):
        block = capture[offset : offset + length]
        number += kind in {PACKET, SIMPLE_PACKET, OLD_PACKET}
        commented = kind == PACKET and number in said
        pieces.append(_with(block, order, said[number]) if commented else block)
    return b"".join(pieces)


def _with(block: bytes, order: str, said: Sequence[str]) -> bytes:
    """An enhanced packet block with comments in front of its other options."""
    (captured,) = struct.unpack_from(order + "I", block, 20)
    options = 28 + captured + -captured % 4
    more = b"".join(_option(order, COMMENT, text.encode()[:LONGEST]) for text in said)
    rest = block[options:-4] or struct.pack(order + "HH", END, 0)
    size = struct.pack(order + "I", options + len(more) + len(rest) + 4)
    return block[:4] + size + block[8:options] + more + rest + size


def _option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
