"""What is said on one connection from a moment on: PROXY header, TLS, HTTP, or bytes.

Rule: only what stands in the captured bytes; a stream that stops at a hole is read up to the hole. On a connection that is
older than the request (an upstream pool) TLS is read from the connection's beginning and HTTP from the request's.
Weak spot: pipelined requests begin inside a packet, and only the first of them is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.trace.http import Head, NotHttp, NotProxy, Proxied, Status, preface, proxy_header, request_head, status_line
from lab.trace.streams import offset_since
from lab.trace.tls import ClientHello, ServerHello, client_hello, server_hello
from lab.trace.tls_records import APPLICATION, KINDS, NotTls, Record, whole_records

if TYPE_CHECKING:
    from lab.trace.flows import Flow

TLS, H2, BYTES, PROXY = "tls", "h2", "bytes", "proxy"


@dataclass(frozen=True, slots=True)
class Talk:
    """Both directions of one connection, as far as they concern one request."""

    begin: int = 0
    """Offset in `up` of the request's bytes, PROXY header left out."""
    answer: int = 0
    """Offset in `down` of what came back since."""
    protocol: str | None = None
    """`tls`, `http/1.1`, `http/1.0`, `h2`, `proxy` (a PROXY header and no more), `bytes`; None: nothing was sent."""
    proxied: Proxied | None = None
    hello: ClientHello | None = None
    reply: ServerHello | None = None
    up_records: tuple[Record, ...] = ()
    down_records: tuple[Record, ...] = ()
    head: Head | None = None
    status: Status | None = None


NOTHING = Talk()


def talk(flow: Flow, since_ns: int = 0) -> Talk:
    """What is said on `flow` from `since_ns` on."""
    up, down = flow.up.data, flow.down.data
    proxied = _proxied(up)
    first = proxied.size if proxied else 0
    begin = max(first, offset_since(flow.up, since_ns))
    answer = offset_since(flow.down, since_ns)
    if len(up) <= first:
        return Talk(first, answer, PROXY if proxied else None, proxied, status=_status(down[answer:]))
    if _is_tls(up[first:], known=bool(flow.syns)):
        return _encrypted(up, down, first, answer, proxied)
    protocol, head = _clear(up, first, begin)
    return Talk(begin, answer, protocol, proxied, head=head, status=_status(down[answer:]))


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


def _encrypted(up: bytes, down: bytes, first: int, answer: int, proxied: Proxied | None) -> Talk:
    return Talk(
        first, answer, TLS, proxied, _hello(up[first:]), _reply(down), whole_records(up, first), whole_records(down),
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


def _clear(up: bytes, first: int, begin: int) -> tuple[str, Head | None]:
    if preface(up[first:]):
        return H2, None
    try:
        head = request_head(up[begin:])
    except NotHttp:
        return BYTES, None
    return (head.version if head else BYTES), head


def _status(data: bytes) -> Status | None:
    try:
        return status_line(data)
    except NotHttp:
        return None


# TLS without keys

FINISHED = 50
"""Bytes of the shortest record with a Finished under TLS 1.3 (4 + 32 + 1 + 16); an encrypted alert has 19."""
TICKET = 300
"""Bytes up to which a server's record may be a session ticket and no answer."""
TICKETS = 2
"""Session tickets that a server sends after the handshake, as OpenSSL does by default."""


def client_finished(said: Talk) -> bool:
    """Whether the client finished its part of the handshake."""
    if said.reply is None or said.reply.retry:
        return False
    if said.reply.version == "TLSv1.3":
        return any(r.kind == APPLICATION and len(r.body) >= FINISHED for r in said.up_records)
    kinds = [r.kind for r in said.up_records]
    return 20 in kinds and 22 in kinds[kinds.index(20) :]


def requests(said: Talk) -> tuple[Record, ...]:
    """Encrypted records of the client that carry what it has to say, as far as lengths tell."""
    data = [r for r in said.up_records if r.kind == APPLICATION and len(r.body) > 24]
    if said.reply and said.reply.version == "TLSv1.3":
        return tuple(data[1:])
    return tuple(data)


def server_data(said: Talk) -> tuple[Record, ...]:
    """Encrypted records of the server, alerts left out."""
    return tuple(r for r in said.down_records if r.kind == APPLICATION and len(r.body) > 24)
