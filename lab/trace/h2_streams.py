"""The streams of one HTTP/2 connection: which were opened, ended, reset, answered, and where on the wire that stands.

Source: RFC 9113, sections 5.1 (a stream is opened by HEADERS and ends with END_STREAM or RST_STREAM), 6.2, 6.4, 8.1. Rule:
frames are read, in clear or out of the client's own TLS session (`lab.trace.decrypted`); nobody's word is taken. Weak spot: a
connection older than the capture shows the streams of its captured part alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace import http2
from lab.trace.http import PREFACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.trace.decrypted import Clear

DATA, RST_STREAM = 0, 3
END_STREAM = 0x1
FINAL = 200


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream that the client opened. Offsets are on the wire: of TLS, behind the record that carries a byte."""

    number: int
    begin: int
    """Where its first frame begins."""
    head: bytes
    """Its header block, still packed; empty: it is not whole."""
    head_end: int | None
    last: int
    """Behind what came of it last."""
    ended: bool = False
    """The client sent END_STREAM."""
    reset: int | None = None
    """Behind the client's RST_STREAM."""
    answer: int | None = None
    """In the other direction: where its final answer begins."""
    status: int | None = None
    answered: bool = False
    """The server sent END_STREAM, or HEADERS of a final answer alone."""
    refused: bool = False
    """The server reset it."""
    early: bool = False
    """Of HTTP/3: it was opened by early data."""


def streams(up: Clear, down: Clear) -> tuple[Stream, ...]:
    """The streams, in the order in which they were opened."""
    begins = len(PREFACE) if up.data.startswith(PREFACE) else 0
    asked = _frames(up, begins)
    heads = {block.stream: block for block in reversed(list(http2.blocks(up.data, begins)))}
    back = _frames(down, 0)
    answers = _answers(down)
    return tuple(
        _stream(number, found, heads.get(number), up, back.get(number, []), answers, down) for number, found in asked.items()
    )


def _frames(clear: Clear, begins: int) -> dict[int, list[http2.Frame]]:
    """Number of a stream that its client opened -> its frames; those that nothing opened are not told."""
    found: dict[int, list[http2.Frame]] = {}
    for frame in http2.frames(clear.data, begins):
        if frame.stream % 2 == 1 and (frame.kind == http2.HEADERS or frame.stream in found):
            found.setdefault(frame.stream, []).append(frame)
    return found


def _answers(down: Clear) -> dict[int, http2.Block]:
    """Final answers: behind an interim one (1xx) another block comes, so the first that is none counts."""
    found: dict[int, http2.Block] = {}
    for block in http2.blocks(down.data):
        code = http2.status(block.data)
        if code is None or code >= FINAL:
            found.setdefault(block.stream, block)
    return found


def _stream(  # noqa: PLR0913, PLR0917 - both directions of one stream
    number: int, asked: list[http2.Frame], head: http2.Block | None, up: Clear, back: list[http2.Frame],
    answers: dict[int, http2.Block], down: Clear,
) -> Stream:  # fmt: skip
    answer = answers.get(number)
    reset = next((frame for frame in asked if frame.kind == RST_STREAM), None)
    return Stream(
        number=number, begin=up.begins(asked[0].offset), head=head.data if head else b"",
        head_end=up.behind(head.end - 1) if head else None, last=up.behind(asked[-1].end - 1),
        ended=_ends(asked), reset=up.behind(reset.end - 1) if reset else None,
        answer=down.begins(answer.offset) if answer else None, status=http2.status(answer.data) if answer else None,
        answered=answer is not None and _ends(back), refused=any(frame.kind == RST_STREAM for frame in back),
    )  # fmt: skip


def _ends(frames: Iterable[http2.Frame]) -> bool:
    return any(frame.flags & END_STREAM for frame in frames if frame.kind in (DATA, http2.HEADERS))


def own(found: Iterable[Stream], mine: Callable[[bytes], bool]) -> Stream | None:
    """The stream whose fields are one's own."""
    return next((stream for stream in found if stream.head and mine(stream.head)), None)
