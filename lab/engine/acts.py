"""What each kind of step does: the client's and the recorder's verbs behind it.

Rule: a step gives what came of it; what goes wrong at the client is told and is for its report. Weak spot: a queue that is
being emptied while it is filled is never full, and that is told when the probe's time is over.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.engine import docker
from lab.engine.errors import UnsupportedError
from lab.engine.looking import ask, calm, look
from lab.engine.targets import target, tls_fields
from lab.engine.wire import base64
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
    PlannedStream,
    PlannedStreams,
)
from lab.plan.told import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.engine.staging import Staging
    from lab.model.steps import Act

BATCH = 16
"""Connections that are opened between two looks at a queue."""
FILL_SECONDS = 0.2
"""For one of them: a kernel on the same machine that does not answer at once has no place for it."""


class Came(NamedTuple):
    """What came of a step."""

    came: bool = True
    why: str = ""


def _connect(staging: Staging, act: PlannedConnect) -> Came:
    to = target(staging.standing, staging.probe, act.to)
    return staging.tell("connect", connect=list(to), transport=act.transport, wait=act.wait)


def _handshake(staging: Staging, act: PlannedHandshake) -> Came:
    staging.sent += sends(act)
    return staging.tell("tls", tls=tls_fields(staging.standing, act.tls))


def _send(staging: Staging, act: PlannedSend) -> Came:
    staging.sent += 1
    for piece in act.pieces:
        told = staging.tell("send", send=base64(piece))
        if told.why:
            return told
        seen = _awaited(staging, act.until)
        if act.must and not seen.came:
            return seen
    return Came()


def _streams(staging: Staging, act: PlannedStreams) -> Came:
    """Each with a token of its own."""
    staging.sent += 1
    asked = [{**_fields(each), "token": secrets.token_hex(8)} for each in act.streams]
    return _arrived(staging, staging.tell("streams", streams=asked))


def _fields(asked: PlannedStream) -> dict[str, Any]:
    """A stream as the client is told of it."""
    headers, body = [list(field) for field in asked.headers], base64(asked.body)
    named = {"name": asked.name, "method": asked.method, "path": asked.path, "authority": asked.authority}
    return {**named, "headers": headers, "body": body, "end": asked.end}


def _data(staging: Staging, act: PlannedData) -> Came:
    staging.sent += 1
    return _arrived(staging, staging.tell("data", stream=act.stream, body=base64(act.body), end=act.end))


def _reset_stream(staging: Staging, act: PlannedResetStream) -> Came:
    return _arrived(staging, staging.tell("reset-stream", stream=act.stream))


def _arrived(staging: Staging, told: Came) -> Came:
    """Sets the pace, and is not demanded, as of a `send` that says nothing. Of QUIC the kernel's table tells nothing."""
    if not told.why and not _over_quic(staging):
        _awaited(staging, "arrived")
    return told


def _over_quic(staging: Staging) -> bool:
    return any(isinstance(step.act, PlannedConnect) and step.act.transport == "udp" for step in staging.probe.steps)


def _awaited(staging: Staging, what: str) -> Came:
    if what == "nothing":
        return Came()
    if what == "settled":
        moving = calm(staging.standing, staging.probe.timeout)
        return Came(not moving, moving)
    if staging.local is None:
        return Came(came=False, why="the client has no connection")
    probe = staging.probe
    told = staging.record("await", what=what, namespace=probe.vantage, local=staging.local, timeout=probe.timeout)
    return Came(told["seen"], str(told.get("why", "")))


def _signal(staging: Staging, act: PlannedSignal) -> Came:
    container = staging.standing.servers[act.container].id
    chosen: list[object] = [act.process]
    if act.process == "receiver":
        if staging.local is None:
            return Came(came=False, why="the client has no connection")
        chosen = list(staging.record("receiver", namespace=staging.probe.vantage, local=staging.local)["pids"])
        if not chosen:
            return Came(came=False, why="no process holds the connection")
    told = [staging.record("signal", container=container, process=one, signal=act.signal)["pids"] for one in chosen]
    pids = [str(pid) for one in told for pid in one]
    return Came(bool(pids), f"host pids {', '.join(pids)}" if pids else f"{act.container} has no such process")


def _pause(staging: Staging, act: PlannedPause) -> Came:
    standing, made = staging.standing, staging.standing.servers[act.container].id
    if act.paused and made not in standing.paused:
        docker.pause(standing.bench.docker, made)
        standing.paused.add(made)
    elif not act.paused and made in standing.paused:
        docker.unpause(standing.bench.docker, made)
        standing.paused.discard(made)
    return Came()


def _link(staging: Staging, act: PlannedLink) -> Came:
    chosen = {"lose": act.lose, "late": act.late, "hold": act.hold}
    told = staging.record("link", namespace=act.namespace, port=act.port, delay=act.delay, **chosen)
    if told.get("available") is False:
        raise UnsupportedError(f"{words(act)}: {told.get('why', 'this kernel cannot do that')}")
    return Came()


def _fill(staging: Staging, act: PlannedFill) -> Came:
    """Open connections until the kernel takes no more; a queue that somebody empties is never full."""
    where = list(target(staging.standing, staging.probe, act.to))
    until = time.monotonic() + staging.probe.timeout
    opened = 0
    while True:
        told = ask(staging.client, "fill", BATCH * FILL_SECONDS, connect=where, count=BATCH, timeout=FILL_SECONDS)
        opened += told["opened"]
        queue = {"namespace": staging.probe.vantage, "listener": told["peer"], "timeout": 0}
        seen = staging.record("await", what="full", **queue) if told["peer"] else {"seen": False, "why": told["error"]["text"]}
        if seen["seen"]:
            return Came(why=f"{opened} connections wait")
        if time.monotonic() > until:
            return Came(came=False, why=f"{opened} connections were opened, and {seen.get('why', 'it is not full')}")


def _look(staging: Staging, act: PlannedLook) -> Came:
    moving = calm(staging.standing, staging.probe.timeout)
    look(staging.standing, f"{staging.label}@{act.label}")
    report(staging, act.label)
    return Came(not moving, f"still moving: {moving}" if moving else "")


def sends(act: Act) -> bool:
    """Whether a step sends something of a request."""
    early = isinstance(act, PlannedHandshake) and act.tls is not None and bool(act.tls.early)
    return early or isinstance(act, (PlannedSend, PlannedStreams, PlannedData))


def report(staging: Staging, moment: str) -> None:
    """The client's report. Its end is now: after the snapshot, and after all that is told of."""
    report = staging.client.ask("report")
    due = sum(sends(step.act) for step in staging.probe.steps)
    more = {"namespace": staging.probe.vantage, "moment": moment, "finished": staging.sent >= due}
    staging.journal.report({**report, **more})


DOES: Mapping[type, Callable[[Staging, Any], Came]] = {
    PlannedConnect: _connect,
    PlannedHandshake: _handshake,
    PlannedSend: _send,
    PlannedStreams: _streams,
    PlannedData: _data,
    PlannedResetStream: _reset_stream,
    PlannedReceive: lambda staging, act: staging.tell("receive", answers=act.answers),
    PlannedEnd: lambda staging, act: staging.tell("end", how=act.how),
    PlannedSignal: _signal,
    PlannedPause: _pause,
    PlannedLink: _link,
    PlannedFill: _fill,
    PlannedAwait: lambda staging, act: _awaited(staging, act.what),
    PlannedLook: _look,
}
"""Kind of a step -> what carries it out."""
