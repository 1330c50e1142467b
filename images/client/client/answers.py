"""Answers read one after the other by h11, each by a reader of its own.

Rule: what comes back is HTTP if it begins like it, and raw bytes otherwise; an interim answer (1xx) is not counted, but 101
is: what follows it is another protocol (RFC 9110, section 15.2.2). After an answer that ends the connection none is read any
more. Where an answer ends depends on its request's method, which is read from what was sent. Weak spot: after bytes that are
not HTTP nothing tells the end but the peer's close, so reading ends after `QUIET` seconds without more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11

from client.channel import Deadline
from client.report import LIMIT, Received

if TYPE_CHECKING:
    from client.channel import Channel

QUIET = 0.25
"""Seconds; a local peer's next segment comes within a millisecond."""

HEAD_LIMIT = 1 << 20
SWITCHING = 101


@dataclass(slots=True)
class Answers:
    """What came back on one connection so far."""

    received: Received
    ended: bool = False
    """No answer can follow: the peer closed or said that it will, or what came is no answer."""
    garbled: bool = False
    """What came begins like HTTP and is none that h11 understands."""
    alien: bool = False
    """What comes is not HTTP."""
    _reader: h11.Connection | None = None
    """Of the answer that has begun."""
    _head: bytearray | None = None
    """Its bytes, until its head is whole."""

    def feed(self, data: bytes, sent: bytes) -> None:
        """Take bytes that came; none at the end. `sent` is what was sent so far."""
        closed = not data
        if self.alien:
            self._keep(data)
        while not self.alien and not self.ended and (data or self._reader):
            if not self._part(data, sent):
                break
            data = self._next()
        self.ended = self.ended or closed

    def _part(self, data: bytes, sent: bytes) -> bool:
        """Read on in the answer that has begun, or begin one; whether it is whole."""
        if self._reader is None:
            self._reader, self._head = _reader(_method(sent, self.received.answers)), bytearray()
        if self._head is not None:
            self._head += data
            self.alien = not _like_http(self._head)
        whole = not self.alien and self._events(self._reader, data)
        if self._head is not None and self.received.status is None:
            self.received.body[:] = self._head
        return whole

    def _events(self, reader: h11.Connection, data: bytes) -> bool:
        try:
            reader.receive_data(data)
            while True:
                event = reader.next_event()
                if reader.their_state is h11.SWITCHED_PROTOCOL and event is h11.PAUSED:
                    return True
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return False
                if isinstance(event, h11.EndOfMessage):
                    return True
                self._take(event)
        except h11.RemoteProtocolError:
            self.ended, self.garbled = True, bool(data)
            return False

    def _take(self, event: Any) -> None:
        received = self.received
        if isinstance(event, h11.Response) or (isinstance(event, h11.InformationalResponse) and event.status_code == SWITCHING):
            self._head = None
            received.status = event.status_code
            received.http_version = event.http_version.decode()
            received.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()]
            received.body.clear()
        elif isinstance(event, h11.Data):
            self._keep(event.data)

    def _next(self) -> bytes:
        """An answer is whole: give what came behind it."""
        reader, self._reader = self._reader, None
        self.received.answers += 1
        if reader is not None and reader.their_state is h11.SWITCHED_PROTOCOL:
            self.alien = True
            self._keep(bytes(reader.trailing_data[0]))
            return b""
        if reader is None or reader.their_state is not h11.DONE:
            self.ended = True
            return b""
        return bytes(reader.trailing_data[0])

    def _keep(self, data: bytes) -> None:
        if len(self.received.body) < LIMIT:
            self.received.body += data


def receive(channel: Channel, answers: Answers, count: int, sent: bytes, deadline: Deadline) -> None:
    """Read so many whole answers more. Raises OSError, and EOFError when no more can come.

    What is no HTTP is read until the peer is quiet, and is no error: it is shown as it came.
    """
    wanted = answers.received.answers + count
    while answers.received.answers < wanted and not answers.ended:
        answers.feed(channel.read(deadline), sent)
        if answers.alien:
            _rest(channel, answers, sent)
            return
    if answers.received.answers < wanted and not answers.garbled:
        raise EOFError(_cut_short(answers.received))


def _cut_short(received: Received) -> str:
    if received.answers:
        return f"the peer ended the connection after answer {received.answers}"
    return (
        "the peer closed before the answer was whole"
        if received.body or received.status
        else "the peer closed without an answer"
    )


def _rest(channel: Channel, answers: Answers, sent: bytes) -> None:
    try:
        while len(answers.received.body) < LIMIT and (data := channel.read(Deadline.after(QUIET))):
            answers.feed(data, sent)
    except (TimeoutError, ConnectionResetError):
        return


def _like_http(raw: bytes | bytearray) -> bool:
    return b"HTTP/".startswith(bytes(raw[:5]))


def _reader(method: bytes) -> h11.Connection:
    """h11 needs the request's method to know where its answer ends, and takes a 101 only where an upgrade was asked for;
    nothing that it would send is sent."""
    reader = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    reader.send(h11.Request(method=method, target="/", headers=[("Host", "x"), ("Connection", "upgrade"), ("Upgrade", "any")]))
    reader.send(h11.EndOfMessage())
    return reader


def _method(sent: bytes, place: int) -> bytes:
    """Method of the request at this place (from 0), as far as what was sent can be read."""
    found = _methods(sent, place + 1)
    if place < len(found):
        return found[place]
    word = sent.split(b" ", 1)[0] if place == 0 else b"GET"
    return word if word.isalpha() and word.isupper() and word != b"CONNECT" else b"GET"


def _methods(sent: bytes, count: int) -> list[bytes]:
    """Methods of the first `count` requests, by h11 in the server's place."""
    found: list[bytes] = []
    while len(found) < count and sent:
        server = h11.Connection(our_role=h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        try:
            server.receive_data(sent)
            while not isinstance(event := server.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return found
                if isinstance(event, h11.Request):
                    found.append(event.method)
        except h11.RemoteProtocolError:
            return found
        sent = bytes(server.trailing_data[0])
    return found
