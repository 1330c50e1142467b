"""A planned step in words, for `lab plan`, `lab watch` and for whoever reads what did not come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.model.steps import (
    PlannedAwait,
    PlannedConnect,
    PlannedData,
    PlannedEnd,
    PlannedFill,
    PlannedHandshake,
    PlannedLink,
    PlannedLook,
    PlannedPause,
    PlannedReceive,
    PlannedResetStream,
    PlannedSend,
    PlannedSignal,
    PlannedStreams,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.model.asked import Asked
    from lab.model.plan import PlannedProbe
    from lab.model.steps import Act, PlannedTls

SHOWN = 60
"""Bytes of a piece that are shown."""

AWAITED: Mapping[str, str] = {
    "nothing": "wait for nothing",
    "arrived": "wait until the receiving kernel has acknowledged all",
    "unread": "wait until bytes lie unread in the receive buffer",
    "accepted": "wait until a process owns the connection",
    "read": "wait until all bytes were read",
    "settled": "wait until nothing moves any more",
    "closed": "wait until the peer has ended its side",
}

_SIGNALS = {"STOP": "freeze", "CONT": "thaw", "KILL": "kill"}
_PROCESSES = {
    "all": "all processes",
    "first": "the oldest process",
    "last": "the youngest process",
    "receiver": "the process that holds this connection",
}
_SHOWING = {"good": "with a client certificate", "untrusted": "with a client certificate of an unknown CA"}
_ENDS = {"half-close": "end the sending side (FIN)", "reset": "reset the connection (RST)", "close": "close the connection"}


def sent(probe: PlannedProbe) -> str:
    """A probe without steps, in one line."""
    version = f" over HTTP/{probe.http} alone" if probe.http else ""
    what = f"{probe.method} {probe.url}{version}" if probe.url else f"{len(probe.send)} exact bytes: {shown(probe.send)}"
    return f"send {what} to {place(probe.connect)}{' in a datagram' if probe.transport == 'udp' else ''}"


def asked(one: Asked) -> str:
    """A probe of containers that run already, in one line."""
    what = f"{one.method} {one.url}" if one.url else f"{len(one.send)} exact bytes: {shown(one.send)}"
    return f"send {what} to {place(one.connect)}{f' through {place(one.proxy)}' if one.proxy else ''}"


def words(act: Act) -> str:
    """One line: what the step does."""
    return _WORDS[type(act)](act)


def _handshake(act: PlannedHandshake) -> str:
    if act.tls is None:
        return "send the rest of the ClientHello and finish the TLS handshake"
    begin = f"begin TLS, SNI {act.tls.sni or 'none'}{_offer(act.tls)}"
    if act.tls.early:
        return f"{begin}, and stop behind {len(act.tls.early)} bytes of early data: {shown(act.tls.early)}"
    return begin if act.tls.stop_after is None else f"{begin}, and stop after {act.tls.stop_after} bytes of the ClientHello"


def _offer(tls: PlannedTls) -> str:
    parts = [f"ALPN {', '.join(tls.alpn)}"] if tls.alpn else []
    parts += [f"TLS {tls.version} only"] if tls.version else []
    parts += ["resuming the last session"] if tls.resume else []
    parts += ["without verifying the server"] if not tls.verify else []
    parts += [_SHOWING[tls.certificate]] if tls.certificate in _SHOWING else []
    return "".join(f", {part}" for part in parts)


def _send(act: PlannedSend) -> str:
    size = sum(map(len, act.pieces))
    if len(act.pieces) == 1:
        return f"send {size} bytes: {shown(act.pieces[0])}"
    return f"send {size} bytes in {len(act.pieces)} pieces: {shown(b''.join(act.pieces))}"


def _streams(act: PlannedStreams) -> str:
    parts = [f"{each.name} ({each.method} {each.path}{'' if each.end else ', left open'})" for each in act.streams]
    return f"open stream{'s' if len(parts) > 1 else ''} {', '.join(parts)}"


def _data(act: PlannedData) -> str:
    end = " and END_STREAM" if act.end else ""
    return f"send {len(act.body)} bytes of stream {act.stream}{end}" if act.body else f"send END_STREAM of stream {act.stream}"


def shown(data: bytes) -> str:
    """Bytes on one line, cut where they are many."""
    text = repr(data[:SHOWN])[2:-1]
    return text if len(data) <= SHOWN else f"{text}…"


def _link(act: PlannedLink) -> str:
    where = f"into {act.namespace}" + (f", port {act.port}" if act.port else "")
    if act.lose == "all":
        return f"let nothing through {where}"
    parts = [f"lose {_segments(act.lose)}"] if act.lose else []
    parts += [f"hold {_segments(act.late)} back behind the next"] if act.late else []
    parts += [f"hold {_segments(act.hold)} back until the next link"] if act.hold else []
    parts += [f"delay all segments by {act.delay * 1000:g} ms"] if act.delay else []
    return f"{' and '.join(parts) or 'let everything through'} {where}"


KINDS: Mapping[str, str] = {
    "all": "all segments",
    "data": "all segments with payload",
    "syn": "all segments with SYN",
    "ack": "all bare acknowledgements",
    "fin": "all segments with FIN",
    "rst": "all segments with RST",
}


def _segments(chosen: tuple[int, ...] | str) -> str:
    if isinstance(chosen, str):
        return KINDS[chosen]
    return f"segment{'s' if len(chosen) > 1 else ''} {', '.join(map(str, chosen))}"


def place(to: tuple[str, int]) -> str:
    """Host and port; an IPv6 address in brackets."""
    return f"[{to[0]}]:{to[1]}" if ":" in to[0] else f"{to[0]}:{to[1]}"


_WORDS: Mapping[type, Callable[[Any], str]] = {
    PlannedConnect: lambda act: (
        f"{'open a socket for QUIC' if act.transport == 'udp' else 'connect'} to {place(act.to)}"
        f"{'' if act.wait else ', and wait for nothing'}"
    ),
    PlannedHandshake: _handshake,
    PlannedSend: _send,
    PlannedStreams: _streams,
    PlannedData: _data,
    PlannedResetStream: lambda act: f"reset stream {act.stream} (RST_STREAM)",
    PlannedReceive: lambda act: f"receive {act.answers} answer{'s' if act.answers > 1 else ''}",
    PlannedEnd: lambda act: _ENDS[act.how],
    PlannedSignal: lambda act: f"{_SIGNALS[act.signal]} {_PROCESSES[act.process]} of {act.container} (SIG{act.signal})",
    PlannedPause: lambda act: f"{'pause' if act.paused else 'unpause'} the container {act.container}",
    PlannedLink: _link,
    PlannedFill: lambda act: f"fill the accept queue of {place(act.to)}",
    PlannedAwait: lambda act: AWAITED[act.what],
    PlannedLook: lambda act: f"look: {act.label}",
}
