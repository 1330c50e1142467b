"""HTTP/1.1 by h11's rules: reads a request head, finds its handler, answers, and goes on while it may.

Rule: what the gate refuses, and what no route fits, is answered without a handler. Else the handler is entered as soon as the
head is complete (RFC 9112, section 2.1) and reads the body itself; so a fault in the head is rejected before dispatch, a
fault in the body after it. Weak spot: no upgrade, no CONNECT.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import h11
from app_gate import Gate
from app_handlers import Answer, Call, route
from app_report import NO_REQUEST, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app_config import Limits
    from app_handlers import Ask
    from app_report import Endpoint, Reporter

_TOKEN_HEADER = b"lab-probe"
_LETS_ALL_PASS = Gate()
VERSIONS = (b"1.0", b"1.1")


class Peer(Protocol):
    """The connection as HTTP sees it."""

    def receive(self, seconds: float) -> bytes:
        """Some clear bytes, empty at the end. Raises `TimeoutError` when `seconds` are over, or another `OSError`."""

    def send(self, data: bytes) -> None:
        """Write all of `data`. Raises `OSError`."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What is the same for all connections of a listener."""

    limits: Limits
    gate: Gate = _LETS_ALL_PASS
    secure: bool = False
    """TLS ends here."""
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """All that serving one connection needs."""

    http: h11.Connection
    peer: Peer
    reporter: Reporter
    desk: Desk
    client: Endpoint | None
    """The peer, or who a PROXY line says it is."""

    @property
    def limits(self) -> Limits:
        return self.desk.limits


class _RejectedError(Exception):
    """The request is refused with a status, and the connection ends."""

    def __init__(self, status: int, reason: str, request: Request = NO_REQUEST) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.request = request


class _GoneError(Exception):
    """The peer has ended; the text says in the middle of what."""


def serve(peer: Peer, reporter: Reporter, desk: Desk, client: Endpoint | None = None) -> str:
    """Serve requests until the connection is to end; gives the reason in words. Raises `OSError`."""
    talk = Talk(h11.Connection(h11.SERVER, desk.limits.head_bytes), peer, reporter, desk, client)
    try:
        while _exchange(talk):
            talk.http.start_next_cycle()
    except _RejectedError as fault:
        _reject(talk, fault, close=True)
        return "rejected"
    except _GoneError as gone:
        return str(gone)
    return "no more requests on this connection"


def _exchange(talk: Talk) -> bool:
    """One request and its answer; gives whether another may follow."""
    head = _read_head(talk)
    request = _describe(head)
    talk.reporter.say("parsed", request=request)
    _admit(head, request, talk.limits)
    handler = route(request.target)
    if refusal := talk.desk.gate.refusal(request.target, talk.client[0] if talk.client else ""):
        _turn_away(talk, _RejectedError(*refusal, request))
    elif handler is None:
        _turn_away(talk, _RejectedError(404, "no route fits", request))
    else:
        _handle(talk, head, request, handler)
    return talk.http.our_state is h11.DONE and talk.http.their_state is h11.DONE


def _turn_away(talk: Talk, refusal: _RejectedError) -> None:
    """Answer without a handler. The connection goes on only if there is no body that would have to be read."""
    bodiless = isinstance(_next_event(talk, refusal.request), h11.EndOfMessage)
    _reject(talk, refusal, close=not bodiless)


def _reject(talk: Talk, refusal: _RejectedError, close: bool) -> None:
    talk.reporter.say("rejected", str(refusal), refusal.request)
    bodiless = refusal.request.method == "HEAD"
    _answer(talk, Answer(refusal.status, {"app": "lab", "error": str(refusal)}), close=close, bodiless=bodiless)


def _handle(talk: Talk, head: h11.Request, request: Request, handler: Callable[[Call], Answer]) -> None:
    talk.reporter.say("dispatched", request=request)
    answer = handler(
        Call(
            request,
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()),
            talk.client,
            talk.desk.secure,
            lambda: _read_body(talk, request),
            lambda event, detail: talk.reporter.say(event, detail, request),
            talk.desk.ask,
        )
    )
    _answer(talk, answer, bodiless=request.method == "HEAD")
    talk.reporter.say("answered", str(answer.status), request)


def _read_head(talk: Talk) -> h11.Request:
    end = time.monotonic() + talk.limits.head_seconds
    while True:
        event = _next_event(talk, NO_REQUEST)
        if isinstance(event, h11.Request):
            return event
        data = _receive_head(talk, end - time.monotonic())
        if not data:
            raise _GoneError("in the middle of a head" if talk.http.trailing_data[0] else "by the peer")
        talk.http.receive_data(data)


def _receive_head(talk: Talk, seconds: float) -> bytes:
    try:
        return talk.peer.receive(max(seconds, 0.001))
    except TimeoutError:
        if not talk.http.trailing_data[0]:
            raise _GoneError("idle for too long") from None
        raise _RejectedError(408, f"the head took longer than {talk.limits.head_seconds:g} s") from None


def _next_event(talk: Talk, request: Request) -> object:
    try:
        return talk.http.next_event()
    except h11.RemoteProtocolError as error:
        raise _RejectedError(error.error_status_hint, str(error), request) from error


def _describe(head: h11.Request) -> Request:
    token = next((value for name, value in head.headers if name == _TOKEN_HEADER), b"")
    return Request(token.decode("latin-1"), head.method.decode("latin-1"), head.target.decode("latin-1"))


def _admit(head: h11.Request, request: Request, limits: Limits) -> None:
    # h11 takes any HTTP/d.d; answering a major version that it does not speak would be a lie (RFC 9110, section 2.5).
    if head.http_version not in VERSIONS:
        raise _RejectedError(505, f"HTTP/{head.http_version.decode()} is not spoken here", request)
    if request.method == "CONNECT":
        raise _RejectedError(501, "CONNECT is not offered", request)
    # h11 holds its own limit against incomplete heads alone, so one that comes whole would slip through.
    if sum(len(name) + len(value) + 4 for name, value in head.headers) + len(head.target) > limits.head_bytes:
        raise _RejectedError(431, f"the head is longer than {limits.head_bytes} bytes", request)
    length = next((int(value) for name, value in head.headers if name == b"content-length"), 0)
    if length > limits.body_bytes:
        raise _RejectedError(413, f"a body of {length} bytes is announced, {limits.body_bytes} are allowed", request)


def _read_body(talk: Talk, request: Request) -> Iterator[bytes]:
    if talk.http.they_are_waiting_for_100_continue:
        talk.peer.send(talk.http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
    size = 0
    while not isinstance(event := _next_event(talk, request), h11.EndOfMessage):
        if not isinstance(event, h11.Data):
            talk.http.receive_data(_receive_body(talk, request))
            continue
        size += len(event.data)
        if size > talk.limits.body_bytes:
            raise _RejectedError(413, f"the body is longer than {talk.limits.body_bytes} bytes", request)
        yield bytes(event.data)


def _receive_body(talk: Talk, request: Request) -> bytes:
    try:
        data = talk.peer.receive(talk.limits.body_seconds)
    except TimeoutError:
        raise _RejectedError(408, f"no more of the body for {talk.limits.body_seconds:g} s", request) from None
    if not data:
        raise _GoneError("in the middle of a body")
    return data


def _answer(talk: Talk, answer: Answer, *, close: bool = False, bodiless: bool = False) -> None:
    body = json.dumps(answer.value).encode() + b"\n"
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    if close:
        headers.append(("Connection", "close"))
    reason = HTTPStatus(answer.status).phrase.encode()
    parts = [talk.http.send(h11.Response(status_code=answer.status, headers=headers, reason=reason))]
    if not bodiless:
        parts.append(talk.http.send(h11.Data(data=body)))
    parts.append(talk.http.send(h11.EndOfMessage()))
    talk.peer.send(b"".join(part or b"" for part in parts))
