"""Probes spelled out: an ordinary request, exact bytes, or a list of steps, each one action.

Rule: bytes are cut here, so the engine only writes. A step of a scenario has one action (the loader sees to it); the
table `_PLANNERS` says how each becomes a planned one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from lab.model.arrangement import split, url_target
from lab.model.plan import HOST, PlannedProbe
from lab.model.scenario import ClientTls, Connect, Send
from lab.model.scenario import Signal as AskedSignal
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
    PlannedStep,
    PlannedStream,
    PlannedStreams,
    PlannedTls,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from lab.model.scenario import Exact, Link, Probe, Request, Step, Stream


H3 = "h3"


def planned_probe(name: str, probe: Probe) -> PlannedProbe:
    """Plan one probe. Raises ValueError for one that is nothing."""
    via = "published" if probe.from_ == HOST and probe.via == "name" else probe.via
    if probe.steps:
        return _staged(name, probe, via)
    if probe.exact is not None:
        return _exact(name, probe, via, probe.exact)
    if probe.request is None:
        raise ValueError(f"probe {name} has neither request nor exact nor steps")
    return _ordinary(name, probe, via, probe.request)


def _ordinary(name: str, probe: Probe, via: str, request: Request) -> PlannedProbe:
    return PlannedProbe(
        id=name,
        vantage=probe.from_,
        via=via,
        connect=split(request.connect_to) if request.connect_to else url_target(request.url),
        url=request.url,
        method=request.method,
        headers=tuple(request.headers.items()),
        body=request.body.encode(),
        send=b"",
        tls=_tls_of(request),
        timeout=request.timeout,
        repeat=probe.repeat,
        http=_version(request),
        streams=request.streams,
        early_data=request.early_data,
        new_port=request.new_port,
        alt_svc=request.alt_svc,
    )


def _version(request: Request) -> int | None:
    return request.http if isinstance(request.http, int) else None


def _tls_of(request: Request) -> PlannedTls | None:
    """For HTTP/1.1 the client's library chooses SNI and offers no protocol."""
    if not request.url.startswith("https"):
        return None
    version = _version(request)
    name = url_target(request.url)[0] if version else None
    return PlannedTls(name, {2: ("h2",), 3: ("h3",)}.get(version or 1, ()), request.verify)


def _exact(name: str, probe: Probe, via: str, exact: Exact) -> PlannedProbe:
    return PlannedProbe(
        id=name,
        vantage=probe.from_,
        via=via,
        connect=split(exact.connect_to),
        url=None,
        method="",
        headers=(),
        body=b"",
        send=exact.send.encode("latin-1"),
        tls=_tls(exact.tls) if exact.tls else None,
        timeout=exact.timeout,
        transport=exact.transport,
        repeat=probe.repeat,
    )


def _staged(name: str, probe: Probe, via: str) -> PlannedProbe:
    acts = [_act(step, _authority(probe)) for step in probe.steps]
    if over_quic(probe):
        acts = [replace(act, transport="udp") if isinstance(act, PlannedConnect) else act for act in acts]
    steps = tuple(PlannedStep(act, step.about) for act, step in zip(acts, probe.steps, strict=True))
    target = next((step.act.to for step in steps if isinstance(step.act, PlannedConnect)), ("", 0))
    return PlannedProbe(
        id=name,
        vantage=probe.from_,
        via=via,
        connect=target,
        url=None,
        method="",
        headers=(),
        body=b"",
        send=b"",
        tls=None,
        timeout=probe.timeout,
        steps=steps,
        repeat=probe.repeat,
    )


def over_quic(probe: Probe) -> bool:
    """Whether a staged probe speaks HTTP/3, which has a name of its own in ALPN (RFC 9114, section 3.1)."""
    return any(isinstance(step.tls, ClientTls) and H3 in step.tls.alpn for step in probe.steps)


def _authority(probe: Probe) -> str:
    """What a stream names as its authority where it names no host: host and port, but for the scheme's own port."""
    host, port = next((_connect(step.connect).to for step in probe.steps if step.connect), ("", 0))
    secure = [step.tls for step in probe.steps if isinstance(step.tls, ClientTls)]
    named = next((tls.sni for tls in secure if tls.sni), host)
    return named if port == (443 if secure else 80) else f"{named}:{port}"


def _act(step: Step, authority: str) -> Any:
    if step.streams is not None:
        return PlannedStreams(tuple(_stream(each, authority) for each in step.streams))
    for key in _PLANNERS:
        asked = getattr(step, key)
        if asked is not None:
            return _PLANNERS[key](asked)
    raise ValueError("a step without an action")


def _tls(asked: ClientTls) -> PlannedTls:
    kept = asked.certificate, asked.version, asked.stop_after, asked.resume
    return PlannedTls(asked.sni, asked.alpn, asked.verify, *kept, asked.early.encode("latin-1"))


def _stream(asked: Stream, authority: str) -> PlannedStream:
    headers = tuple(asked.headers.items())
    body = asked.body.encode("latin-1")
    return PlannedStream(asked.name, asked.method, asked.path, asked.host or authority, headers, body, asked.end)


def _send(asked: str | Send) -> PlannedSend:
    if not isinstance(asked, Send):
        return PlannedSend((asked.encode("latin-1"),), "arrived")
    pieces = tuple(cut(asked.bytes.encode("latin-1"), asked.pieces, each=asked.each))
    return PlannedSend(pieces, asked.await_, "await_" in asked.model_fields_set)


def cut(data: bytes, sizes: tuple[int, ...], *, each: bool) -> Iterator[bytes]:
    """Cut into pieces of these sizes and a rest; with `each` the last size again and again."""
    again = iter(lambda: sizes[-1], None) if each and sizes else iter(())
    for size in chain(sizes, again):
        if len(data) <= size:
            break
        yield data[:size]
        data = data[size:]
    if data:
        yield data


def _signal(signal: str) -> Callable[[str | AskedSignal], PlannedSignal]:
    def planned(asked: str | AskedSignal) -> PlannedSignal:
        if isinstance(asked, AskedSignal):
            return PlannedSignal(asked.container, asked.process, signal)
        return PlannedSignal(asked, "all", signal)

    return planned


def _connect(asked: str | Connect) -> PlannedConnect:
    if isinstance(asked, Connect):
        return PlannedConnect(split(asked.to), wait=asked.await_ != "nothing")
    return PlannedConnect(split(asked))


def _link(asked: Link) -> PlannedLink:
    return PlannedLink(asked.into, asked.port, asked.lose, asked.late, asked.hold, asked.delay)


_PLANNERS: Mapping[str, Callable[[Any], object]] = {
    "connect": _connect,
    "tls": lambda asked: PlannedHandshake(_tls(asked) if isinstance(asked, ClientTls) else None),
    "send": _send,
    "data": lambda asked: PlannedData(asked.stream, asked.bytes.encode("latin-1"), asked.end),
    "reset_stream": PlannedResetStream,
    "receive": PlannedReceive,
    "do": PlannedEnd,
    "freeze": _signal("STOP"),
    "thaw": _signal("CONT"),
    "kill": _signal("KILL"),
    "pause": lambda asked: PlannedPause(asked, paused=True),
    "unpause": lambda asked: PlannedPause(asked, paused=False),
    "link": _link,
    "fill": lambda asked: PlannedFill(split(asked)),
    "await_": PlannedAwait,
    "look": PlannedLook,
}
"""Action of a step, by its name in `lab.model.scenario.Step`, and how it is planned."""
