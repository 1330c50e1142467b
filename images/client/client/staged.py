"""One connection, taken step by step: connect, TLS, bytes, answers, an end.

Rule: bytes are written as they are, each `send` in one call. What goes wrong is noted, as the last thing that went
wrong, and never raised; a step that has no connection to act on does nothing and leaves the note as it is. Weak
spot: closing while unread bytes lie in the receive buffer makes the kernel send RST and not FIN (RFC 9293, section 3.10.4).
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from client import early, tls
from client.answers import Answers, receive
from client.channel import Channel, Deadline, Plain, Secured, at_once, reset
from client.connecting import Progress, connect, datagrams, endpoint, finish
from client.faults import fault
from client.held import Held
from client.report import Received, decode, report
from client.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = dict[str, Any]
NOWHERE = ["", 0]


@dataclass(slots=True)
class Staged:
    """A staged probe under way."""

    asked: dict[str, Any]
    """`probe`, `token`, and `connect` once it is known."""
    ca: str
    timeout: float
    """Seconds for a step that says nothing else."""
    started_ns: int = field(default_factory=time.time_ns)
    progress: Progress = field(default_factory=Progress)
    received: Received = field(default_factory=Received)
    channel: Channel | None = None
    begun: bool = False
    """The connection was begun, and nobody has waited for it yet."""
    answers: Answers | None = None
    streams: Streams | None = None
    """HTTP/2, once a stream was opened."""
    quic: Held | None = None
    """HTTP/3: in place of channel, answers and streams."""
    place: tuple[object, ...] = ()
    """Where its TLS session belongs."""
    more: list[socket.socket] = field(default_factory=list)
    """Connections that fill a queue."""

    def close(self) -> None:
        """Close all that is open. A TLS session stays, for a later connection that resumes it."""
        if isinstance(self.channel, Secured) and self.channel.done:
            tls.leave(self.place, self.channel.tls)
        for opened in (*self.more, *([self.channel.socket] if self.channel else [])):
            opened.close()
        if self.quic:
            self.quic.close()
        self.more, self.channel, self.quic = [], None, None


def begin(ca: str, request: dict[str, Any]) -> Staged:
    """A probe that has done nothing yet."""
    asked = {"probe": request["probe"], "token": request.get("token", ""), "connect": request.get("connect", NOWHERE)}
    return Staged(asked, ca, float(request.get("timeout", 5.0)))


def open_connection(staged: Staged, request: dict[str, Any]) -> Answer:
    """Open the connection."""
    target = (str(request["connect"][0]), int(request["connect"][1]))
    staged.close()
    staged.asked["connect"] = list(target)
    if request.get("transport") == "udp":
        return _doing(staged, "resolve", lambda: _datagrams(staged, target))
    seconds = _seconds(staged, request) if request.get("wait", True) else None
    return _doing(staged, "resolve", lambda: _connected(staged, target, seconds))


def _datagrams(staged: Staged, target: tuple[str, int]) -> None:
    staged.quic = Held(datagrams(target, staged.progress), staged.ca, staged.progress, staged.received)


def _connected(staged: Staged, target: tuple[str, int], seconds: float | None) -> None:
    """`seconds`: None begins it."""
    opened = connect(target, seconds, staged.progress)
    at_once(opened)
    staged.channel, staged.answers, staged.begun = Plain(opened), Answers(staged.received), seconds is None


def _finished(staged: Staged, seconds: float) -> bool:
    """Whether there is a connection to act on, once one that was begun has come to be."""
    if staged.channel is not None and staged.begun:
        opened, staged.begun = staged.channel.socket, False
        _doing(staged, "connect", lambda: finish(opened, seconds))
        if staged.progress.error:
            opened.close()
            staged.channel = None
    return staged.channel is not None


def handshake(staged: Staged, request: dict[str, Any]) -> Answer:
    """Begin TLS, stop after some bytes of it, or go on from there. Raises ValueError where there is nothing to go on with."""
    held = staged.quic
    if held is not None:
        asked, deadline = request["tls"], Deadline.after(_seconds(staged, request))
        return _doing(staged, "tls", lambda: held.handshake(asked, deadline))
    if not _finished(staged, _seconds(staged, request)) or staged.channel is None:
        return _told(staged)
    asked, deadline = request.get("tls"), Deadline.after(_seconds(staged, request))
    begun = isinstance(staged.channel, Secured)
    if begun == (asked is not None):
        raise ValueError("TLS has begun already" if begun else "no TLS was begun")
    if asked is not None:
        context, session = tls.resumable(_place(staged, asked)) if asked.get("resume") else (None, None)
        staged.place = _place(staged, asked)
        context = context or tls.context(staged.ca, asked)
        staged.channel = Secured(staged.channel.socket, context, asked.get("sni"), session)
        if asked.get("stop_after") is not None:
            begun_with, size = staged.channel, int(asked["stop_after"])
            return _doing(staged, "tls", lambda: begun_with.begin(size, deadline))
        if asked.get("early"):
            secured, data = staged.channel, decode(asked["early"])
            return _doing(staged, "tls", lambda: _early(staged, secured, data, deadline))
    return _doing(staged, "tls", lambda: _secure(staged, deadline))


def _place(staged: Staged, asked: dict[str, Any]) -> tuple[object, ...]:
    """Where a session belongs: the peer's address, and the name that it was asked for."""
    return (*(staged.progress.peer or ()), asked.get("sni"))


def _early(staged: Staged, channel: Secured, data: bytes, deadline: Deadline) -> None:
    if channel.begin_early(data, deadline):
        staged.progress.sent += data


def _secure(staged: Staged, deadline: Deadline) -> None:
    channel = staged.channel
    if isinstance(channel, Secured):
        channel.handshake(deadline)
        staged.progress.tls = tls.seen(channel.tls)
        if channel.early:
            staged.progress.tls["early"] = early.status(channel.tls)
            staged.progress.sent[:] = staged.progress.sent or channel.early


def send(staged: Staged, request: dict[str, Any]) -> Answer:
    """Write exactly these bytes. Raises ValueError for what is no base64."""
    data = decode(request["send"])
    channel = _usable(staged, request)
    if channel is None:
        return _told(staged)
    return _doing(staged, "send", lambda: _sent(staged, channel, data, Deadline.after(_seconds(staged, request))))


def _usable(staged: Staged, request: dict[str, Any]) -> Channel | None:
    """The channel, if clear bytes can be written on it: TLS that was begun must be done."""
    if not _finished(staged, _seconds(staged, request)):
        return None
    channel = staged.channel
    return None if isinstance(channel, Secured) and not channel.done else channel


def _sent(staged: Staged, channel: Channel, data: bytes, deadline: Deadline) -> None:
    channel.write(data, deadline)
    staged.progress.sent += data


def speak(staged: Staged, request: dict[str, Any]) -> Answer:
    """HTTP/2 or 3: open streams, send DATA of one, or reset one, in one write. Raises ValueError for what makes no sense."""
    _usable(staged, request)
    channel, deadline = staged.channel, Deadline.after(_seconds(staged, request))
    streams = _spoken(staged)
    if streams is None:
        return _told(staged)
    scheme = "https" if isinstance(channel, Secured) else "http"
    for asked in request.get("streams") or ():
        streams.open(asked, scheme)
    if request["do"] in FRAMES:
        FRAMES[request["do"]](streams, request)
    return _doing(staged, "send", lambda: streams.flush(channel, deadline))


FRAMES: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "data": lambda streams, asked: streams.feed(asked),
    "reset-stream": lambda streams, asked: streams.reset(asked),
}


def _spoken(staged: Staged) -> Any:
    """The streams of the connection; None: it is not ready for any."""
    if staged.quic is not None:
        return staged.quic if staged.quic.done else None
    if _usable(staged, {}) is None:
        return None
    staged.streams = staged.streams or Streams(staged.received)
    return staged.streams


def take(staged: Staged, request: dict[str, Any]) -> Answer:
    """Read whole answers."""
    held = staged.quic
    if held is not None:
        count, deadline = int(request.get("answers", 1)), Deadline.after(_seconds(staged, request))
        return _doing(staged, "receive", lambda: held.receive(None, count, deadline)) if held.done else _told(staged)
    channel, answers, streams = _usable(staged, request), staged.answers, staged.streams
    if channel is None or answers is None:
        return _told(staged)
    count, deadline = int(request.get("answers", 1)), Deadline.after(_seconds(staged, request))
    if streams is not None:
        return _doing(staged, "receive", lambda: streams.receive(channel, count, deadline))
    return _doing(staged, "receive", lambda: receive(channel, answers, count, bytes(staged.progress.sent), deadline))


def end(staged: Staged, request: dict[str, Any]) -> Answer:
    """End the connection, or its sending side. What ends it cannot fail."""
    act = ENDS[request["how"]]
    staged.begun = False
    if staged.quic is not None:
        staged.quic.close()
    if staged.channel is not None:
        with suppress(OSError):
            act(staged.channel)
        if request["how"] != "half-close":
            staged.channel.socket.close()
            staged.channel = None
    return _told(staged)


def _half_close(channel: Channel) -> None:
    with suppress(OSError):
        channel.finish(Deadline.after(1.0))
    channel.socket.shutdown(socket.SHUT_WR)


ENDS: dict[str, Callable[[Channel], None]] = {
    "half-close": _half_close,
    "reset": lambda channel: reset(channel.socket),
    "close": lambda channel: channel.finish(Deadline.after(1.0)),
}


def fill(staged: Staged, request: dict[str, Any]) -> Answer:
    """Open more connections and keep them; stop at the first that is not accepted by the kernel in time."""
    target = (str(request["connect"][0]), int(request["connect"][1]))
    opened, peer = 0, None
    while opened < int(request["count"]):
        progress = Progress()
        try:
            made = connect(target, _seconds(staged, request), progress)
        except OSError as error:
            return {"opened": opened, "peer": peer or progress.peer, "error": fault(progress.during, error)}
        staged.more.append(made)
        peer, opened = endpoint(made.getpeername()), opened + 1
    return {"opened": opened, "peer": peer, "error": None}


def reported(staged: Staged, _: dict[str, Any]) -> Answer:
    """The report as of now."""
    told = report(staged.asked, staged.started_ns, time.time_ns(), staged.progress, staged.received)
    streams = staged.quic or staged.streams
    return {**told, "streams": streams.report()} if streams else told


DOES: dict[str, Callable[[Staged, dict[str, Any]], Answer]] = {
    "connect": open_connection,
    "tls": handshake,
    "send": send,
    "streams": speak,
    "data": speak,
    "reset-stream": speak,
    "receive": take,
    "end": end,
    "fill": fill,
    "report": reported,
}


def _seconds(staged: Staged, request: dict[str, Any]) -> float:
    return float(request.get("timeout") or staged.timeout)


def _doing(staged: Staged, during: str, act: Callable[[], None]) -> Answer:
    staged.progress.during, staged.progress.error = during, None
    try:
        act()
    except (OSError, EOFError) as error:
        staged.progress.error = error
    return _told(staged)


def _told(staged: Staged) -> Answer:
    progress = staged.progress
    return {
        "local": progress.local,
        "peer": progress.peer,
        "error": fault(progress.during, progress.error) if progress.error else None,
    }
