"""HTTP/3 on a staged connection: streams opened, fed and reset one step at a time, by the library `aioquic`.

Rule: what a step asks for goes out in one write. What QUIC owes the peer meanwhile (acknowledgements, answers to its probes of
the path) a thread of its own sends, for no kernel does it: else the peer would repeat itself until it gave up. So an answer is
with the client when it came, and a step `receive` only waits for it. Sources: RFC 9114, sections 4.1 and 4.1.1; RFC 9000,
section 13.2. Weak spot: a request's frames go out as aioquic cuts them into datagrams.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from client import three
from client.ordinary import TOKEN_HEADER
from client.report import decode
from client.streams import head

if TYPE_CHECKING:
    from client.channel import Deadline
    from client.connecting import Progress
    from client.report import Received

CANCELLED = 0x10C
"""H3_REQUEST_CANCELLED, RFC 9114, section 8.1."""
AGAIN, CLOSE = b"a", b"c"
"""What wakes the thread: there may be a new timer; the connection is closed."""


class Held:
    """One QUIC connection and its streams."""

    def __init__(self, opened: socket.socket, ca: str, progress: Progress, received: Received) -> None:
        self.opened, self.ca, self.progress, self.received = opened, ca, progress, received
        """`received`: of the whole connection, the answer that came last, and how many came."""
        self.exchange: three.Exchange | None = None
        self.names: dict[int, str] = {}
        self.resets: dict[int, str] = {}
        """Stream -> who reset it: `client` or `peer`."""
        self.counted: set[int] = set()
        """Streams whose answers are told in `received`."""
        self.asked = 0
        """Answers that steps have waited for."""
        self.failed: Exception | None = None
        self.closed = False
        self.changed = threading.Condition()
        self.woken, self.wake = socket.socketpair()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def done(self) -> bool:
        """The handshake; and it was not closed."""
        return self.exchange is not None and self.exchange.done and not self.closed

    def handshake(self, tls: dict[str, Any], deadline: Deadline) -> None:
        """From its beginning to its end. Raises OSError, EOFError."""
        self.exchange = three.begun(self.opened, self.ca, tls, self.progress)
        three.handshake(self.exchange, tls, self.progress, deadline)
        self.thread.start()

    def open(self, asked: dict[str, Any], _: str) -> None:
        """HEADERS, and DATA if there is a body. Raises ValueError for a name that is taken."""
        if asked["name"] in self.names.values():
            raise ValueError(f"there is a stream {asked['name']} already")
        body, ends = decode(asked.get("body")), bool(asked.get("end", True))
        more = [(TOKEN_HEADER, asked["token"]), *((str(name), str(value)) for name, value in asked.get("headers") or [])]
        pseudo = {":method": asked["method"], ":scheme": "https", ":authority": asked["authority"], ":path": asked["path"]}
        fields = [*pseudo.items(), *((name.lower(), value) for name, value in more)]
        with self.changed:
            exchange = self._exchange()
            number = exchange.quic.get_next_available_stream_id()
            packed = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
            exchange.http.send_headers(number, packed, end_stream=ends and not body)
            self.names[number] = str(asked["name"])
            exchange.streams[number] = three.Asked(str(asked["token"]), head(asked, more))
            if body:
                self._feed(number, body, ends=ends)

    def feed(self, asked: dict[str, Any]) -> None:
        """DATA of a stream that is open. Raises ValueError for one that is not there."""
        with self.changed:
            self._feed(self._named(asked["stream"]), decode(asked.get("body")), ends=bool(asked.get("end", False)))

    def _feed(self, number: int, body: bytes, *, ends: bool) -> None:
        exchange = self._exchange()
        exchange.http.send_data(number, body, end_stream=ends)
        exchange.streams[number].sent += body

    def reset(self, asked: dict[str, Any]) -> None:
        """RESET_STREAM, and STOP_SENDING for its answer. Raises ValueError for a stream that is not there."""
        with self.changed:
            number = self._named(asked["stream"])
            self._exchange().quic.reset_stream(number, CANCELLED)
            self._exchange().quic.stop_stream(number, CANCELLED)
            self.resets[number] = "client"

    def _named(self, name: str) -> int:
        for number, known in self.names.items():
            if known == name:
                return number
        raise ValueError(f"there is no stream {name}")

    def _exchange(self) -> three.Exchange:
        if self.exchange is None:
            raise ValueError("no handshake was begun")
        return self.exchange

    def flush(self, *_: object) -> None:
        """Send what is to be sent. Raises OSError, EOFError."""
        with self.changed:
            if self.failed:
                raise self.failed
            self._exchange().flush()
        self.wake.send(AGAIN)

    def receive(self, _: object, count: int, deadline: Deadline) -> None:
        """Wait for so many whole answers more, of whatever streams. Raises OSError, and EOFError when no more can come."""
        wanted = self.asked + count
        with self.changed:
            while self.received.answers < wanted:
                if self.failed:
                    raise self.failed
                if not any(self._open(number) for number in self.names):
                    raise EOFError(f"no stream is open that could answer; {self.received.answers} did")
                if not self.changed.wait(max(0.0, deadline.ends - time.monotonic())):
                    raise TimeoutError("timed out")
        self.asked = wanted

    def _open(self, number: int) -> bool:
        return number not in self.resets and number not in self.counted

    def _serve(self) -> None:
        """The thread: until the connection is closed, or fails."""
        exchange = self._exchange()
        while self.failed is None:
            timer = exchange.quic.get_timer()
            wait = None if timer is None else max(0.0, timer - time.monotonic())
            ready, _, _ = select.select([exchange.socket, self.woken], [], [], wait)
            if self.woken in ready and CLOSE in self.woken.recv(64):
                return
            with self.changed:
                try:
                    self._step(exchange, came=exchange.socket in ready)
                except (OSError, EOFError) as error:
                    self.failed = error
                self.changed.notify_all()

    def _step(self, exchange: three.Exchange, *, came: bool) -> None:
        """Take what came, or what a timer asks for. Raises OSError, EOFError."""
        from aioquic.quic import events

        if came:
            three.take(exchange)
        elif (timer := exchange.quic.get_timer()) is not None and timer <= time.monotonic():
            exchange.quic.handle_timer(time.monotonic())
        while (event := exchange.quic.next_event()) is not None:
            if isinstance(event, events.StreamReset) and event.stream_id in self.names:
                self.resets.setdefault(event.stream_id, "peer")
            else:
                three.heard(exchange, event)
        for number in sorted(exchange.ended - self.counted):
            self._last(number, exchange.streams[number].got)
        exchange.flush()

    def _last(self, number: int, got: Received) -> None:
        """What the report says of the connection as a whole is its last answer."""
        self.counted.add(number)
        told = self.received
        told.status, told.http_version, told.headers, told.body = got.status, got.http_version, got.headers, got.body
        told.answers += 1

    def report(self) -> list[dict[str, Any]]:
        """The report's `streams`, in the order in which they were opened."""
        with self.changed:
            told = three.streams(self.exchange) if self.exchange else []
            return [{**one, "name": self.names[one["stream"]], "reset": self.resets.get(one["stream"], "")} for one in told]

    def close(self) -> None:
        """End the thread, and the connection. What came is kept."""
        if self.closed:
            return
        self.closed = True
        if self.thread.is_alive():
            self.wake.send(CLOSE)
            self.thread.join()
        for one in (self.woken, self.wake):
            one.close()
        if self.exchange:
            self.exchange.close()
        self.opened.close()
