"""HTTP/2 on a staged connection: streams opened, fed and reset one step at a time, by the library `h2`.

Rule: what a step asks for goes out in one write, and nothing else does, but what the protocol owes the peer (the preface
with the first stream, acknowledgements with the next write or read). Each stream has a token of its own. Sources: RFC 9113,
sections 3.4, 5.1, 6.4, 8.1. Weak spot: answers are read only when a step asks for them, so a peer's reset is known no sooner.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from client.ordinary import TOKEN_HEADER
from client.report import LIMIT, Received, decode, encode

if TYPE_CHECKING:
    from client.channel import Channel, Deadline


@dataclass(slots=True)
class Stream:
    """One request and what came of it."""

    number: int
    name: str
    token: str
    sent: bytearray
    """Its request in the form of HTTP/1.1, as far as it was sent."""
    received: Received = field(default_factory=Received)
    reset: str = ""
    """Who reset it: `client`, `peer`; empty: nobody."""


class Streams:
    """The streams of one connection."""

    def __init__(self, received: Received) -> None:
        from h2.connection import H2Connection

        self.talk: Any = H2Connection()
        self.begun = False
        self.received = received
        """Of the whole connection: the answer that came last, and how many came."""
        self.all: dict[int, Stream] = {}

    def open(self, asked: dict[str, Any], scheme: str) -> None:
        """HEADERS, and DATA if there is a body. Raises ValueError for a name that is taken."""
        if any(each.name == asked["name"] for each in self.all.values()):
            raise ValueError(f"there is a stream {asked['name']} already")
        if not self.begun:
            self.talk.initiate_connection()
            self.begun = True
        number, body, ends = self.talk.get_next_available_stream_id(), decode(asked.get("body")), bool(asked.get("end", True))
        fields = [
            (":method", asked["method"]),
            (":scheme", scheme),
            (":authority", asked["authority"]),
            (":path", asked["path"]),
        ]
        more = [(TOKEN_HEADER, asked["token"]), *((str(name), str(value)) for name, value in asked.get("headers") or [])]
        self.talk.send_headers(number, fields + [(name.lower(), value) for name, value in more], end_stream=ends and not body)
        self.all[number] = Stream(number, asked["name"], asked["token"], bytearray(head(asked, more)))
        if body:
            self._feed(self.all[number], body, ends=ends)

    def feed(self, asked: dict[str, Any]) -> None:
        """DATA of a stream that is open. Raises ValueError for one that is not there."""
        self._feed(self._named(asked["stream"]), decode(asked.get("body")), ends=bool(asked.get("end", False)))

    def _feed(self, stream: Stream, body: bytes, *, ends: bool) -> None:
        self.talk.send_data(stream.number, body, end_stream=ends)
        stream.sent += body

    def reset(self, asked: dict[str, Any]) -> None:
        """RST_STREAM with CANCEL. Raises ValueError for a stream that is not there."""
        stream = self._named(asked["stream"])
        self.talk.reset_stream(stream.number, error_code=8)
        stream.reset = "client"

    def _named(self, name: str) -> Stream:
        for stream in self.all.values():
            if stream.name == name:
                return stream
        raise ValueError(f"there is no stream {name}")

    def flush(self, channel: Channel, deadline: Deadline) -> None:
        """Write what is to be written, in one call. Raises OSError."""
        if data := self.talk.data_to_send():
            channel.write(data, deadline)

    def receive(self, channel: Channel, count: int, deadline: Deadline) -> None:
        """Read so many whole answers more, of whatever streams. Raises OSError, and EOFError when no more can come."""
        from h2.exceptions import ProtocolError

        wanted = self.received.answers + count
        try:
            while self.received.answers < wanted:
                if not any(self._open(each) for each in self.all.values()):
                    raise EOFError(f"no stream is open that could answer; {self.received.answers} did")
                self._take(channel.read(deadline))
                self.flush(channel, deadline)
        except ProtocolError as error:
            raise EOFError(f"the peer broke HTTP/2: {error}") from error

    def _open(self, stream: Stream) -> bool:
        return not stream.reset and not stream.received.answers

    def _take(self, data: bytes) -> None:
        if not data:
            raise EOFError(f"the peer ended the connection after {self.received.answers} answers")
        for event in self.talk.receive_data(data):
            self._event(event)

    def _event(self, event: Any) -> None:
        from h2 import events

        if isinstance(event, events.ConnectionTerminated):
            raise ConnectionResetError(f"the peer ended the connection: {event}")
        stream = self.all.get(getattr(event, "stream_id", 0) or 0)
        if stream is None:
            return
        if isinstance(event, events.ResponseReceived):
            _answered(stream.received, event.headers or ())
        elif isinstance(event, events.DataReceived):
            stream.received.body += (event.data or b"")[: max(0, LIMIT - len(stream.received.body))]
            self.talk.acknowledge_received_data(event.flow_controlled_length, stream.number)
        elif isinstance(event, events.StreamReset):
            stream.reset = stream.reset or "peer"
        elif isinstance(event, events.StreamEnded):
            stream.received.answers = 1
            self._last(stream.received)

    def _last(self, got: Received) -> None:
        """What the report says of the connection as a whole is its last answer."""
        told = self.received
        told.status, told.http_version, told.headers, told.body = got.status, got.http_version, got.headers, got.body
        told.answers += 1

    def report(self) -> list[dict[str, Any]]:
        """The report's `streams`, in the order in which they were opened."""
        return [_told(stream) for stream in self.all.values()]


def _answered(received: Received, headers: Any) -> None:
    fields = [(_text(name), _text(value)) for name, value in headers]
    received.status, received.http_version = int(dict(fields)[":status"]), "2"
    received.headers = [each for each in fields if not each[0].startswith(":")]


def head(asked: dict[str, Any], fields: list[tuple[str, str]]) -> bytes:
    """A request's fields in the form of HTTP/1.1."""
    lines = [f"{asked['method']} {asked['path']} HTTP/1.1", f"Host: {asked['authority']}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in fields), "", ""]).encode("latin-1")


def _told(stream: Stream) -> dict[str, Any]:
    got = stream.received
    return {
        "stream": stream.number,
        "name": stream.name,
        "token": stream.token,
        "sent": encode(bytes(stream.sent)),
        "status": got.status,
        "body": encode(bytes(got.body)),
        "answered": bool(got.answers),
        "reset": stream.reset,
    }


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
