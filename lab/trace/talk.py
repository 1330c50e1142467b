"""What is said on one connection, and the part of it that concerns one request: PROXY header, TLS, HTTP, or bytes.

Rule: only what stands in the captured bytes; a stream that stops at a hole is read up to the hole. A connection may carry
several requests, one after the other or pipelined: TLS is read from the connection's beginning, HTTP from the request's.
Weak spot: of several requests inside somebody else's TLS session only the time tells one from the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.trace import early, fastcgi, h2_streams, http2
from lab.trace.decrypted import Clear, decrypted
from lab.trace.http import PREFACE, Head, NotHttp, NotProxy, Proxied, Status, preface, proxy_header, request_head, status_line
from lab.trace.messages import Answer, Message, answers
from lab.trace.messages import requests as split
from lab.trace.postgres import Query, begins, goes_on, queries
from lab.trace.streams import offset_since, packet_at
from lab.trace.tls import ClientHello, ServerHello, client_hello, server_hello
from lab.trace.tls_records import KINDS, NotTls, Record, whole_records
from lab.trace.tunnel import Tunnel, tunnel

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.model.observations import Secret
    from lab.trace.flows import Flow
    from lab.trace.moments import Memo
    from lab.trace.streams import Stream

    Choose = Callable[[tuple[Message, ...], Stream], int]
    """Which of a connection's requests is meant."""

TLS, H2, BYTES, PROXY, POSTGRES = "tls", "h2", "bytes", "proxy", "postgresql"
FASTCGI, POLLED = "fastcgi", "polled"


@dataclass(frozen=True, slots=True)
class Talk:
    """Both directions of one connection, as far as they concern one request."""

    begin: int = 0
    """Offset in `up` of the request's bytes, PROXY header and CONNECT left out."""
    answer: int = 0
    """Offset in `down` of what came back since."""
    protocol: str | None = None
    """`tls`, `http/1.1`, `http/1.0`, `h2`, `fastcgi`, `polled` (the answer to a poll), `proxy` (a PROXY header and no
    more), `postgresql`, `bytes`; None: nothing came."""
    proxied: Proxied | None = None
    tunnel: Tunnel | None = None
    """What a proxy was asked to connect to, and did; all else is told of what passed inside."""
    hello: ClientHello | None = None
    reply: ServerHello | None = None
    up_records: tuple[Record, ...] = ()
    down_records: tuple[Record, ...] = ()
    head: Head | None = None
    status: Status | None = None
    message: Message | None = None
    """The request, where it is HTTP/1.x in clear."""
    number: int = 0
    """How many requests came before it on this connection, as far as that was seen."""
    messages: tuple[Message, ...] = ()
    """All requests of the connection, where they are in clear."""
    answers: tuple[Answer, ...] = ()
    queries: tuple[Query, ...] = ()
    """Of a session with PostgreSQL."""
    streams: tuple[h2_streams.Stream, ...] | None = None
    """Of HTTP/2, in clear or in the client's own TLS session; None: it is something else, or cannot be read."""
    inside: tuple[Clear, Clear] | None = None
    """Of the client's own TLS session, where its secrets open it and HTTP/1.x is spoken in it: both directions in clear."""
    stream: h2_streams.Stream | None = None
    """The one that is meant."""
    early: early.Early | None = None
    """Early data of the client's own session; None: none were offered, or nothing tells which they are."""


NOTHING = Talk()
SHORTEST_PREFACE = 4
"""Bytes that tell HTTP/2's preface from a method: `PRI `."""


def talk(flow: Flow) -> Talk:
    """What is said on `flow` as a whole; of requests in clear the first is meant until another is chosen."""
    up, down = flow.up.data, flow.down.data
    proxied = _proxied(up)
    first = proxied.size if proxied else 0
    opened = tunnel(up[first:], down)
    if opened and len(up) > first + opened.size:
        return replace(_behind(flow, first + opened.size, opened.back), proxied=proxied, tunnel=opened)
    if len(up) <= first:
        return Talk(first, 0, PROXY if proxied else None, proxied, status=_status(down))
    return replace(_behind(flow, first, 0), proxied=proxied)


def _behind(flow: Flow, first: int, back: int) -> Talk:
    """What is said behind a PROXY header, or inside a tunnel: from `first` on one way, from `back` on the other."""
    up, down = flow.up.data, flow.down.data
    if _is_tls(up[first:], known=bool(flow.syns)):
        return _encrypted(up, down, first, back)
    if begins(up[first:]) or (not flow.syns and goes_on(up[first:])):
        return Talk(first, back, POSTGRES, queries=queries(up[first:]))
    if fastcgi.asks(up[first:]):
        return Talk(first, back, FASTCGI, status=fastcgi.answer(down[back:]))
    if not flow.syns and http2.goes_on(up[first:]):
        return Talk(first, back, H2)
    protocol, head = _clear(up, first)
    messages = () if protocol == H2 else split(up, first)
    methods = [each.head.method for each in messages if each.head]
    found, status = answers(down, methods, back), _status(down[back:])
    said = Talk(first, back, protocol, head=head, messages=messages, answers=found, status=status)
    return _meaning(said, down, 0) if messages else said


def remembered(flow: Flow, memo: Memo) -> Talk:
    """As `talk`, read once for all moments."""
    if id(flow) not in memo.talks:
        memo.talks[id(flow)] = flow, talk(flow)
    return memo.talks[id(flow)][1]


def meaning(whole: Talk, flow: Flow, since_ns: int, choose: Choose) -> Talk:
    """The same, told for one request: the chosen one where it can be told apart, else what was said from `since_ns` on."""
    if whole.protocol == TLS:
        return replace(whole, answer=offset_since(flow.down, since_ns))
    if whole.protocol == FASTCGI:
        return whole
    if whole.messages and flow.syns:
        return _meaning(whole, flow.down.data, choose(whole.messages, flow.up))
    return _since(whole, flow, since_ns)


def _meaning(said: Talk, down: bytes, number: int) -> Talk:
    message = said.messages[number]
    own = said.answers[number] if number < len(said.answers) else None
    ends = [each.end for each in said.answers[:number]]
    begin = own.offset if own else ends[-1] if ends and ends[-1] else len(down) if number else 0
    return replace(
        said, begin=message.offset, answer=begin, protocol=message.head.version if message.head else BYTES,
        head=message.head, status=replace(own.status, offset=0) if own else None, message=message, number=number,
    )  # fmt: skip


def _since(whole: Talk, flow: Flow, since_ns: int) -> Talk:
    """A connection whose beginning nobody saw, or on which no HTTP/1.x is spoken."""
    begin, answer = max(whole.begin, offset_since(flow.up, since_ns)), offset_since(flow.down, since_ns)
    if whole.protocol in (None, H2) or begin >= len(flow.up.data):
        return replace(whole, begin=begin, answer=answer)
    protocol, head = _clear(flow.up.data, whole.proxied.size if whole.proxied else 0, begin)
    status = _status(flow.down.data[answer:])
    messages = split(flow.up.data, begin)[:1]
    message = messages[0] if messages else None
    return replace(whole, begin=begin, answer=answer, protocol=protocol, head=head, status=status, message=message)


def within(said: Talk, secrets: tuple[Secret, ...], own: Callable[[bytes], bool]) -> Talk:
    """Of TLS whose secrets are known: what is inside, and of HTTP/2 the stream that is one's own."""
    said = replace(said, early=early.in_records(said, secrets))
    found = decrypted(said, secrets) if secrets else None
    if found is None or not (found[0].whole and found[1].whole):
        return said
    if not found[0].data.startswith(PREFACE):
        return replace(said, inside=found) if split(found[0].data) else said
    streams = h2_streams.streams(*found)
    return replace(said, streams=streams, stream=h2_streams.own(streams, own))


def of_stream(said: Talk, flow: Flow, own: Callable[[bytes], bool]) -> Talk:
    """Of HTTP/2 in clear: its streams, the one whose request is one's own, and its answer."""
    if flow.syns and not said.proxied:
        streams = h2_streams.streams(Clear(flow.up.data), Clear(flow.down.data))
        said = replace(said, streams=streams, stream=h2_streams.own(streams, own))
    block = http2.asked(flow.up.data, said.proxied.size if said.proxied else 0, own)
    if block is None:
        return said
    back = http2.answered(flow.down.data, block.stream)
    at, code = back or (len(flow.down.data), None)
    return replace(said, begin=block.offset, answer=at, status=Status(code, "h2", 0) if code else None)


def last(messages: tuple[Message, ...], _: Stream) -> int:
    """The request that was begun last."""
    return len(messages) - 1


def since(time_ns: int, own: Callable[[bytes], bool]) -> Choose:
    """A request that is one's own and was not complete before `time_ns`; else the first that began later."""

    def choose(messages: tuple[Message, ...], up: Stream) -> int:
        later = [n for n, each in enumerate(messages) if packet_at(up, _last(each, up)).time_ns >= time_ns]
        mine = [n for n in later if own(up.data[messages[n].offset : messages[n].end])]
        fresh = [n for n in later if packet_at(up, messages[n].offset).time_ns >= time_ns]
        return next(iter([*mine, *fresh, *later]), len(messages) - 1)

    return choose


def _last(message: Message, up: Stream) -> int:
    """Offset of a request's last byte, as far as it came."""
    return (message.end or len(up.data)) - 1


def _proxied(data: bytes) -> Proxied | None:
    try:
        return proxy_header(data)
    except NotProxy:
        return None


def _is_tls(data: bytes, *, known: bool) -> bool:
    """A ClientHello or the beginning of one; on a connection that is older than the capture, whole records."""
    if known:
        try:
            client_hello(data)
        except NotTls:
            return False
        return True
    return data[0] in KINDS and bool(whole_records(data))


def _encrypted(up: bytes, down: bytes, first: int, back: int) -> Talk:
    return Talk(
        first, back, TLS, hello=_hello(up[first:]), reply=_reply(down[back:]), up_records=whole_records(up, first),
        down_records=whole_records(down, back), status=_status(down[back:]),
    )  # fmt: skip


def _hello(data: bytes) -> ClientHello | None:
    try:
        return client_hello(data)
    except NotTls:
        return None


def _reply(data: bytes) -> ServerHello | None:
    """The ServerHello that counts: behind a HelloRetryRequest the second one, if it has come."""
    try:
        found = server_hello(data)
        if found is None or not found.retry:
            return found
        rest = data[found.end :]
        return server_hello(rest[6:] if rest[:1] == b"\x14" else rest) or found
    except NotTls:
        return None


def _clear(up: bytes, first: int, begin: int | None = None) -> tuple[str, Head | None]:
    if preface(up[first:]) is not False and len(up) - first >= SHORTEST_PREFACE:
        return H2, None
    try:
        head = request_head(up[first if begin is None else begin :])
    except NotHttp:
        return BYTES, None
    return (head.version if head else BYTES), head


def _status(data: bytes) -> Status | None:
    try:
        return status_line(data)
    except NotHttp:
        return None
