"""What a client asked for: the requests in the bytes that it sent, and which of them its probe is about.

Rule: of several requests on one connection the last that was begun is meant; how far it got is how far the probe got. A
request may carry a token of its own in its field `Lab-Probe`; at a look the last of the probe's may not have been sent. Weak
spot: of an ordinary request the client tells its head and perhaps no body, so what is missing behind it says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from lab.trace.http import NotProxy, proxy_header
from lab.trace.messages import Message, mark, requests

if TYPE_CHECKING:
    from lab.model.observations import ClientReport, SentStream


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests of one report, and the one that is meant."""

    messages: tuple[Message, ...]
    """In `ClientReport.sent`; empty: it sent something else, or nothing."""
    number: int
    """Of the one meant, from 0."""
    data: bytes
    """Its bytes in clear, as far as they were sent; all that was sent where it was no request."""
    token: str
    offset: int = 0
    """Where its bytes begin in `ClientReport.sent`."""


def parts(report: ClientReport) -> tuple[ClientReport, ...]:
    """One report for each request on a stream of its own, as if its client had sent it alone; itself where there is none."""
    return tuple(_part(report, each) for each in report.streams) or (report,)


def _part(report: ClientReport, stream: SentStream) -> ClientReport:
    return replace(
        report,
        token=stream.token,
        sent=stream.sent,
        streams=(),
        status=stream.status,
        http_version=report.http_version if stream.status else None,
        body=stream.body,
        answers=int(stream.answered),
    )


def asked(report: ClientReport) -> Asked:
    """What the client asked for."""
    return _asked(report.sent, report.token)


@lru_cache(maxsize=4096)
def _asked(sent: bytes, token: str) -> Asked:
    begin = _behind_proxy_header(sent)
    found = requests(sent, begin)
    if not found:
        return Asked((), 0, sent[begin:], token, begin)
    data = sent[found[-1].offset :]
    return Asked(found, len(found) - 1, data, mark(data) or token, found[-1].offset)


def _behind_proxy_header(sent: bytes) -> int:
    try:
        header = proxy_header(sent)
    except NotProxy:
        return 0
    return header.size if header else 0


@lru_cache(maxsize=4096)
def one_of(sent: bytes, token: str, number: int) -> Asked:
    """The same, with another of its requests meant, which may carry a token of its own."""
    whole = _asked(sent, token)
    message = whole.messages[number]
    data = sent[message.offset : message.end]
    return Asked(whole.messages, number, data, mark(data) or token, message.offset)
