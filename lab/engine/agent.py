"""Speak with an agent in a container: one JSON object a line each way, over its attached standard input and output.

Rule: attach first, start afterwards, so that the ready line cannot be missed; the end of our side ends the agent.
Requests from several threads may be under way at once; answers find them by id. Weak spot: an agent that writes
anything but JSON lines on standard output is taken for broken.
"""

from __future__ import annotations

import contextlib
import json
import struct
import threading
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, Protocol, Self

from lab.engine.errors import AgentError, AgentTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from lab.engine.docker.streams import Attached

STDOUT, STDERR = 1, 2
DRAIN_SECONDS = 120.0
"""For a `detach`: what the kernel's buffers still hold is bounded, but takes a busy machine its time to write out."""

SAID_LIMIT = 20
"""Lines of an agent's standard error that are kept for an error message."""

FRAME_LIMIT = 64 << 20
"""Bytes of one line; far above any answer, and a bound against a stream that is none of ours."""

Answer = dict[str, Any]


class Stream(Protocol):
    """What is needed of a socket."""

    def recv(self, size: int, /) -> bytes:
        """Read at most `size` bytes; nothing at the end."""

    def sendall(self, data: bytes, /) -> None:
        """Write all."""

    def shutdown(self, how: int, /) -> None:
        """Close one direction."""

    def close(self) -> None:
        """Close both."""


class FrameReader:
    """Takes the engine's frames apart as their bytes come in (Engine API, ContainerAttach, "Stream format"):
    one byte stream, three zero bytes, four bytes of length, payload."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Give each frame that is complete by now: `(1 stdout or 2 stderr, payload)`."""
        self._held += data
        while len(self._held) >= 8:
            stream, size = struct.unpack_from(">BxxxL", self._held)
            if len(self._held) < 8 + size:
                return
            payload = bytes(self._held[8 : 8 + size])
            del self._held[: 8 + size]
            yield stream, payload


class LineReader:
    """Cuts bytes into lines as they come in."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give each line that is complete by now, without its end."""
        self._held += data
        if len(self._held) > FRAME_LIMIT:
            raise AgentError(f"a line of more than {FRAME_LIMIT} bytes")
        *lines, rest = bytes(self._held).split(b"\n")
        self._held = bytearray(rest)
        yield from lines


class Agent:
    """One attached agent. Made before its container starts; `ready` waits for its first line."""

    def __init__(self, name: str, stream: Stream, keep: object = None) -> None:
        """Take over `stream`; `keep` is held as long as the agent, so that it is not collected."""
        self.name = name
        self._stream = stream
        self._keep = keep
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Answer]] = {}
        self._ready: Future[Answer] = Future()
        self._said: deque[str] = deque(maxlen=SAID_LIMIT)
        self._number = 0
        self._gone: str | None = None
        self._thread = threading.Thread(target=self._read, name=f"lab-agent-{name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def ready(self, timeout: float) -> Answer:
        """Wait for the agent's first line; give what it says of itself. Raises AgentError after `timeout` seconds."""
        return self._wait(self._ready, "did not get ready", timeout)

    def ask(self, do: str, timeout: float = 30.0, **fields: object) -> Answer:
        """Send one request and wait up to `timeout` seconds for its answer. Raises AgentError."""
        return self.wait(self.send(do, **fields), do, timeout)

    def send(self, do: str, **fields: object) -> Future[Answer]:
        """Send one request; its answer comes into the future, which `wait` reads."""
        future: Future[Answer] = Future()
        with self._lock:
            if self._gone is not None:
                raise self._error(f"{self.name} is gone ({self._gone}); not sent: {do}")
            self._number += 1
            number = self._number
            self._pending[number] = future
            line = json.dumps({"id": number, "do": do, **fields}, separators=(",", ":")).encode() + b"\n"
            try:
                self._stream.sendall(line)
            except OSError as error:
                del self._pending[number]
                raise self._error(f"{self.name} does not take requests any more: {error}") from error
        return future

    def wait(self, future: Future[Answer], do: str, timeout: float) -> Answer:
        """Wait up to `timeout` seconds for the answer of a request that was sent."""
        return self._wait(future, f"did not answer `{do}`", timeout)

    def said(self) -> tuple[str, ...]:
        """Give the last lines of its standard error."""
        return tuple(self._said)

    def close(self) -> None:
        """End its input, which ends the agent, and let go."""
        with contextlib.suppress(OSError):  # it may be gone already, and that is what we want
            self._stream.shutdown(2)
        self._stream.close()
        self._thread.join(5)

    def _wait(self, future: Future[Answer], what: str, timeout: float) -> Answer:
        try:
            return future.result(timeout)
        except FutureTimeoutError:
            raise AgentTimeoutError(f"{self.name} {what} within {timeout:g} s", lines=self.said(), kind="timeout") from None

    def _error(self, text: str, kind: str = "") -> AgentError:
        return AgentError(text, lines=self.said(), kind=kind)

    def _read(self) -> None:
        """Run in the agent's thread until its output ends."""
        reason = "its output ended"
        try:
            self._read_frames()
        except (OSError, ValueError, AgentError) as error:
            reason = str(error)
        self._give_up(reason)

    def _read_frames(self) -> None:
        frames, out, err = FrameReader(), LineReader(), LineReader()
        while data := self._stream.recv(1 << 16):
            for stream, payload in frames.feed(data):
                if stream == STDERR:
                    self._said.extend(line.decode("utf-8", "replace") for line in err.feed(payload))
                    continue
                for line in out.feed(payload):
                    self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise AgentError(f"it wrote what is no JSON object: {line[:200]!r}")
        if "ready" in message:
            if not self._ready.done():
                self._ready.set_result(message["ready"])
            return
        with self._lock:
            future = self._pending.pop(message.get("id", 0), None)
        if future is not None:
            self._settle(future, message)

    def _settle(self, future: Future[Answer], message: Answer) -> None:
        if "ok" in message:
            future.set_result(message["ok"])
            return
        error = message.get("error") or {}
        text, kind = str(error.get("text", message)), str(error.get("kind", ""))
        future.set_exception(self._error(f"{self.name} refused: {text}", kind))

    def _give_up(self, reason: str) -> None:
        with self._lock:
            self._gone = reason
            waiting, self._pending = list(self._pending.values()), {}
        if not self._ready.done():
            waiting.append(self._ready)
        for future in waiting:
            future.set_exception(self._error(f"{self.name} is gone: {reason}"))


def over(attached: Attached, name: str) -> Agent:
    """Make an agent of an attached container that has not been started yet."""
    return Agent(name, attached.sock, keep=attached.response)
