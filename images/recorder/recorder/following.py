"""What strace writes, read by the pump and written down as events.

Rule: processes are looked for when a case attaches, waits, looks or settles, so that each is followed before its first
probe; the request is answered when they are held. What was lost is told in words with `detach`.
"""

from __future__ import annotations

import selectors
from functools import partial
from typing import TYPE_CHECKING

from recorder import calls, evidence, pump, tids, tracing, witnessing

if TYPE_CHECKING:
    from recorder.case import Case
    from recorder.pump import Pump
    from recorder.tracing import Tracer


def follow(reader: Pump, case: Case) -> None:
    """Follow all processes of the case that are not followed yet. Nothing to do where the kernel's own timeline runs."""
    if not reader.follows:
        return
    with case.tracing.lock:
        for _ in range(tracing.ROUNDS):
            found = tracing.strangers(case)
            if not found:
                return
            begun = [pump.ask(reader, partial(_begin, reader, case, name, pids)) for name, pids in found.items()]
            for tracer in begun:
                case.tracing.gaps += tracing.await_hold(tracer)


def catch_up(reader: Pump, case: Case) -> None:
    """Write what they have said by now. In the pump's thread."""
    for tracer in list(case.tracing.tracers):
        _heard(reader, case, tracer)


def end(reader: Pump, case: Case) -> None:
    """Let all of them go, and write what is left. In the pump's thread."""
    for tracer in list(case.tracing.tracers):
        gap = tracing.lost(tracer) if tracer.process.poll() is not None else ""
        reader.selector.unregister(tracer.pipe)
        _write(reader, case, tracer, tracing.let_go(tracer))
        _forget(case, tracer, gap)


def _begin(reader: Pump, case: Case, name: str, pids: list[int]) -> Tracer:
    """In the pump's thread, which lasts as long as the recorder."""
    tracer = tracing.start(case.namespaces[name], pids)
    case.tracing.tracers.append(tracer)
    reader.selector.register(tracer.pipe, selectors.EVENT_READ, lambda: _heard(reader, case, tracer))
    return tracer


def _heard(reader: Pump, case: Case, tracer: Tracer) -> None:
    lines, ended = tracing.lines(tracer)
    _write(reader, case, tracer, lines)
    if not ended:
        return
    reader.selector.unregister(tracer.pipe)
    _forget(case, tracer, tracing.lost(tracer))
    tracing.close(tracer)


def _forget(case: Case, tracer: Tracer, gap: str) -> None:
    case.tracing.tracers.remove(tracer)
    found = tracer.reader
    if gap:
        case.tracing.gaps.append(gap)
    if found.strange:
        first = f"the first: {found.first!r}"
        case.tracing.gaps.append(f"{found.strange} lines of strace in {tracer.namespace} could not be read; {first}")


def _write(reader: Pump, case: Case, tracer: Tracer, lines: list[str]) -> None:
    found = [event for line in lines for event in _events(reader, case, tracer, line)]
    if found:
        evidence.write(case.kernel, found)


def _events(reader: Pump, case: Case, tracer: Tracer, line: str) -> list[witnessing.Event]:
    call = calls.call(tracer.reader, line)
    if call is None:
        return []
    if call.name in calls.BIRTHS:
        born = calls.child(call.result)
        if born:
            tids.birth(reader.threads, call.tid, born, tids.CLONE_THREAD if "CLONE_THREAD" in call.arguments else 0)
        return []
    owner = tids.owner(reader.threads, call.tid)
    events = witnessing.events(case.tracing.memory, call, owner.pid, tracer.namespace)
    if events:
        pump.know(reader, case, tracer.namespace, owner)
    return events
