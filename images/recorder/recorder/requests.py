"""What the recorder can be asked: one function a `do`.

Rule: a request is a value and so is its answer; what cannot be done raises, and `protocol` makes an error answer of
it. Names and meanings are those of ARCHITECTURE.md, "The agents' protocol".
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recorder import (
    attaching,
    awaiting,
    connections,
    evidence,
    following,
    links,
    looking,
    placing,
    pump,
    settling,
    signals,
    tracefs,
    waiting,
)
from recorder import case as cases
from recorder.errors import BadRequestError, GoneError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorder.case import Case

Answer = dict[str, Any]


class Request(dict[str, Any]):
    """A JSON object; what it lacks is the asker's mistake."""

    def __missing__(self, key: str) -> Any:
        raise BadRequestError(f"{key} is missing")


@dataclass(slots=True)
class Recorder:
    """All that is open."""

    root: Path
    pump: pump.Pump
    cases: dict[str, Case] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while a case is made."""


def answer(recorder: Recorder, request: Request) -> Answer:
    """Do what is asked. Raises BadRequestError, GoneError, ValueError, OSError."""
    do = request.get("do")
    if do not in DOES:
        raise BadRequestError(f"do {do!r}: known are {', '.join(DOES)}")
    return DOES[do](recorder, request)


def attach(recorder: Recorder, request: Request) -> Answer:
    """Begin to record namespaces; all of this request's, or none."""
    asked = attaching.to_open(request)
    case = _case(recorder, str(request["case"]))
    with case.lock:
        try:
            opened = attaching.open_all(case, asked)
        except BaseException:
            if not case.namespaces:
                _end(recorder, case)
            raise
        pump.ask(recorder.pump, lambda: attaching.add(recorder.pump, case, opened))
        shown = [cases.seen(case.namespaces[name]) for name, _ in asked]
        case.forwarders = looking.forwarders(case)
        pump.ask(recorder.pump, lambda: pump.refresh(recorder.pump))
    following.follow(recorder.pump, case)
    return {"namespaces": shown}


def places(_: Recorder, request: Request) -> Answer:
    """Tell the namespaces of processes, and who listens in them."""
    return placing.places([int(pid) for pid in request["pids"]])


def wait(recorder: Recorder, request: Request) -> Answer:
    """Wait for listeners."""
    case = _known(recorder, request)
    found = waiting.wait(case, list(request["listeners"]), float(request["timeout"]), recorder.pump.listening)
    following.follow(recorder.pump, case)
    return found


def look(recorder: Recorder, request: Request) -> Answer:
    """Take a snapshot of sockets and processes."""
    case = _known(recorder, request)
    following.follow(recorder.pump, case)
    with case.lock:
        rows, unix, found = looking.snapshot(case, str(request["label"]))
        evidence.write(case.sockets, [row for row in rows if _news(case, row)])
        evidence.write(case.unix, unix)
        for process in found:
            pump.note(case, looking.name_of(case, process.namespace_inode), process)
    return {"sockets": len(rows), "processes": len(found)}


def _news(case: Case, row: dict[str, Any]) -> bool:
    """Whether a row says anything new: what waits out its time stays as it is for a minute, and a look would show thousands."""
    ends = row["namespace"], row["transport"], tuple(row["local"]), tuple(row["peer"])
    if row["state"] != "TIME-WAIT":
        case.over.discard(ends)
        return True
    new = ends not in case.over
    case.over.add(ends)
    return new


def settle(recorder: Recorder, request: Request) -> Answer:
    """Wait until nothing moves."""
    case = _known(recorder, request)
    following.follow(recorder.pump, case)
    return settling.settle(case, float(request["timeout"]))


def await_(recorder: Recorder, request: Request) -> Answer:
    """Wait for something to become of a connection."""
    return awaiting.wait(_known(recorder, request), request)


def signal(recorder: Recorder, request: Request) -> Answer:
    """Stop, continue or kill processes of a container."""
    case = _known(recorder, request)
    return signals.send(case, str(request["container"]), request.get("process", "all"), str(request["signal"]))


def receiver(recorder: Recorder, request: Request) -> Answer:
    """Who holds the other end of a connection."""
    case, local = _known(recorder, request), connections.end(request["local"])
    row = connections.other_end(case, request.get("namespace"), None, local)
    return {"pids": connections.holders(case, row) if row else []}


def link(recorder: Recorder, request: Request) -> Answer:
    """Lose segments, bring them late, hold or delay them."""
    case = _known(recorder, request)
    with case.lock:
        return links.put(case, str(request["namespace"]), links.asked(request))


def flush(recorder: Recorder, request: Request) -> Answer:
    """Have all that was recorded by now in the case's files."""
    case = _known(recorder, request)
    pump.ask(recorder.pump, lambda: following.catch_up(recorder.pump, case))
    pump.ask(recorder.pump, lambda: pump.flush(recorder.pump, case))
    return {"packets": sum(each.capture.packets for each in case.namespaces.values()), "kernel_events": case.kernel.count}


def detach(recorder: Recorder, request: Request) -> Answer:
    """Drain and close the case; its files stay until `forget`."""
    case = _known(recorder, request)
    with case.lock:
        _known(recorder, request)  # another may have detached it meanwhile
        _end(recorder, case)
    attached = case.namespaces
    instance = recorder.pump.instance
    return {
        "files": evidence.files(case.folder),
        "packets": {name: each.capture.packets for name, each in attached.items()},
        "packets_lost": {name: each.capture.lost for name, each in attached.items()},
        "kernel_events": case.kernel.count,
        "kernel_lost": tracefs.lost(instance) - case.lost_before + recorder.pump.damaged if instance else 0,
        "kernel_gaps": case.tracing.gaps,
    }


def forget(recorder: Recorder, request: Request) -> Answer:
    """Remove the case's folder."""
    name = str(request["case"])
    if name in recorder.cases:
        raise BadRequestError(f"case {name} is attached: detach it first")
    evidence.remove(evidence.folder(recorder.root, name))
    return {}


DOES: dict[str, Callable[[Recorder, Request], Answer]] = {
    "attach": attach,
    "wait": wait,
    "look": look,
    "settle": settle,
    "await": await_,
    "signal": signal,
    "receiver": receiver,
    "link": link,
    "flush": flush,
    "detach": detach,
    "forget": forget,
    "places": places,
}


def _case(recorder: Recorder, name: str) -> Case:
    """The case, made if it is new."""
    with recorder.lock:
        if name not in recorder.cases:
            case = cases.open_case(recorder.root, name)
            recorder.cases[name] = case
            pump.ask(recorder.pump, lambda: pump.begin(recorder.pump, case))
        return recorder.cases[name]


def _known(recorder: Recorder, request: Request) -> Case:
    name = str(request["case"])
    if name not in recorder.cases:
        raise GoneError(f"case {name} is not attached")
    return recorder.cases[name]


def _end(recorder: Recorder, case: Case) -> None:
    pump.ask(recorder.pump, lambda: following.end(recorder.pump, case))
    pump.ask(recorder.pump, lambda: pump.end(recorder.pump, case))
    recorder.cases.pop(case.name)
    for each in case.links.values():
        links.close(each)
    attaching.close(case)
