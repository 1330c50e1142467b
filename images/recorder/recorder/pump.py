"""The one thread that reads packets, trace pages and address changes while requests come and go.

Rule: captures and the trace instance are touched by this thread alone; everybody else asks it with `ask` and waits
for the result, so nothing here needs a lock. Weak spot: one thread reads for all cases; when it cannot keep up the
kernel's buffers fill, and the loss is counted and reported.
"""

from __future__ import annotations

import os
import queue
import selectors
import sys
import threading
import traceback
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar

from recorder import capture, case, evidence, namespaces, netlink, processes, programs, ring, tids, timeline, tracefs

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from recorder.case import Case, Namespace

T = TypeVar("T")


@dataclass(slots=True)
class Pump:
    """State of the thread."""

    selector: selectors.BaseSelector
    wake: tuple[int, int]
    """A pipe: written to when there are tasks."""
    instance: tracefs.Instance | None
    tasks: queue.SimpleQueue[Callable[[], None]] = field(default_factory=queue.SimpleQueue)
    cases: dict[str, Case] = field(default_factory=dict)
    views: list[timeline.View] = field(default_factory=list)
    threads: tids.Memory = field(default_factory=tids.Memory)
    sockets: timeline.Memory = field(default_factory=timeline.Memory)
    programs: programs.Memory = field(default_factory=programs.Memory)
    listening: threading.Condition = field(default_factory=threading.Condition)
    """Notified when the kernel shows a socket that begins to listen."""
    damaged: int = 0
    """Trace pages that could not be read."""
    follows: bool = False
    """Processes are followed by strace, for want of an instance."""


def start(instance: tracefs.Instance | None, *, follows: bool = False) -> Pump:
    pump = Pump(selectors.DefaultSelector(), os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK), instance, follows=follows)
    host = namespaces.host_pid()
    pump.threads.host = namespaces.inode_of_process(host) if host else None
    pump.selector.register(pump.wake[0], selectors.EVENT_READ, lambda: _tasks(pump))
    for pipe in instance.pipes if instance else ():
        pump.selector.register(pipe, selectors.EVENT_READ, lambda: _trace(pump))
    threading.Thread(target=_run, args=(pump,), name="pump", daemon=True).start()
    return pump


def ask(pump: Pump, act: Callable[[], T]) -> T:
    """Result of `act`, run in the pump's thread; what it raises is raised here."""
    answer: Future[T] = Future()
    pump.tasks.put(lambda: _answer(answer, act))
    os.write(pump.wake[1], b"!")
    return answer.result()


def add(pump: Pump, owner: Case, namespace: Namespace) -> None:
    """Read this namespace from now on. In the pump's thread."""
    pump.cases[owner.name] = owner
    owner.namespaces[namespace.name] = namespace
    timeline.forget(pump.sockets, owner.name, belonging=False)
    for source in namespace.capture.sockets:
        pump.selector.register(source, selectors.EVENT_READ, _reader(namespace, source))
    changes = namespace.link.changes
    pump.selector.register(changes, selectors.EVENT_READ, lambda: _changed(pump, namespace))
    refresh(pump)


def begin(pump: Pump, owner: Case) -> None:
    """Make the case known; the kernel's timeline runs while there is one. In the pump's thread."""
    pump.cases[owner.name] = owner
    if pump.instance is not None:
        (pump.instance.folder / "tracing_on").write_text("1")
        owner.lost_before = tracefs.lost(pump.instance)
    refresh(pump)


def flush(pump: Pump, owner: Case) -> None:
    """Write all that was recorded for the case by now. In the pump's thread."""
    _trace(pump)
    for namespace in owner.namespaces.values():
        capture.drain(namespace.capture)


def end(pump: Pump, owner: Case) -> None:
    """Read all that was recorded for the case, then leave it to whoever asked. In the pump's thread.

    What comes from now on is not taken up: on a busy machine the reading would never end.
    """
    for namespace in owner.namespaces.values():
        capture.stop(namespace.capture)
    if pump.instance is not None and pump.cases.keys() <= {owner.name}:
        (pump.instance.folder / "tracing_on").write_text("0")
    _trace(pump)
    for namespace in owner.namespaces.values():
        for source in (*namespace.capture.sockets, namespace.link.changes):
            pump.selector.unregister(source)
        capture.drain(namespace.capture)
    pump.cases.pop(owner.name, None)
    timeline.forget(pump.sockets, owner.name, belonging=True)
    if pump.instance is not None and not pump.cases:
        (pump.instance.folder / "tracing_on").write_text("0")
    refresh(pump)


def refresh(pump: Pump) -> None:
    """Take up what the cases watch now."""
    pump.views = [case.view(each) for each in pump.cases.values()]


def note(owner: Case, namespace: str, process: processes.Process) -> None:
    """Write the process to the case's file, once for each program that it ran."""
    key = (process.pid, process.start, process.name, process.command)
    if key in owner.written:
        return
    owner.written |= {key, (process.pid, process.start)}
    shown = {name: getattr(process, name) for name in ("pid", "namespace_pid", "parent", "start", "name", "command")}
    evidence.write(owner.processes, [shown | {"namespace": namespace, "cgroup": process.cgroup}])


def _run(pump: Pump) -> None:
    while True:
        for key, _ in pump.selector.select():
            try:
                key.data()
            except Exception:  # noqa: BLE001 - one source's fault must not end the recording of the others; it is shown
                traceback.print_exc(file=sys.stderr)


def _tasks(pump: Pump) -> None:
    os.read(pump.wake[0], 4096)
    while not pump.tasks.empty():
        pump.tasks.get()()


def _answer(answer: Future[T], act: Callable[[], T]) -> None:
    try:
        answer.set_result(act())
    except Exception as error:  # noqa: BLE001 - raised again by `ask`
        answer.set_exception(error)


def _reader(namespace: Namespace, source: socket.socket) -> Callable[[], None]:
    def read() -> None:
        capture.take(namespace.capture, source)
        namespace.capture.file.flush()

    return read


def _changed(pump: Pump, namespace: Namespace) -> None:
    if netlink.drain(namespace.link.changes):
        case.seen(namespace)
        refresh(pump)


def _trace(pump: Pump) -> None:
    """Read all processors, and write what was there in order of time."""
    if pump.instance is None:
        return
    found = sorted(_records(pump, pump.instance), key=lambda each: each[0])
    by_case: dict[str, list[timeline.Event]] = {}
    for time_ns, record in found:
        _place(pump, pump.instance, time_ns, record, by_case)
    for name, events in by_case.items():
        evidence.write(pump.cases[name].kernel, events)


def _records(pump: Pump, instance: tracefs.Instance) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for page in _pages(instance):
        try:
            found += ring.records(page, instance.data)
        except ring.PageError:
            traceback.print_exc(file=sys.stderr)
            pump.damaged += 1
    return found


def _pages(instance: tracefs.Instance) -> list[bytes]:
    pages = []
    most = tracefs.pages(instance)  # more than the buffer holds came meanwhile: it is read the next time
    for pipe in instance.pipes:
        pages += takewhile(bool, (_page(pipe, instance.page) for _ in range(most)))
    return pages


def _page(pipe: int, size: int) -> bytes:
    try:
        return os.read(pipe, size)
    except BlockingIOError:
        return b""


def _place(
    pump: Pump, instance: tracefs.Instance, time_ns: int, record: bytes, by_case: dict[str, list[timeline.Event]]
) -> None:
    form = instance.formats.get(int.from_bytes(record[:2], sys.byteorder))
    if form and form.name in LIVES:
        LIVES[form.name](pump, form.values(record))
        return
    decoded = timeline.event(form, time_ns - instance.offset_ns, record) if form else None
    if decoded is None:
        return
    tid, event = decoded
    owner = tids.owner(pump.threads, tid)
    event["pid"] = owner.pid
    for name, namespace in timeline.places(event, owner, pump.views, pump.sockets).items():
        by_case.setdefault(name, []).append(event | {"namespace": namespace})
        know(pump, pump.cases[name], namespace, owner)
    if event.get("new_state") == "LISTEN":
        with pump.listening:
            pump.listening.notify_all()


def _born(pump: Pump, values: dict[str, Any]) -> None:
    tids.birth(pump.threads, values["common_pid"], values["pid"], values["clone_flags"])
    maker = tids.owner(pump.threads, values["common_pid"])
    if not values["clone_flags"] & tids.CLONE_THREAD and (watching := _watching(pump, maker.inode)):
        _note_in(watching, programs.born(pump.programs, values["pid"], maker.pid, maker.inode or 0))


def _ran(pump: Pump, values: dict[str, Any]) -> None:
    owner = tids.owner(pump.threads, values["common_pid"])
    if watching := _watching(pump, owner.inode):
        _note_in(watching, programs.ran(pump.programs, owner.pid, owner.inode or 0))


LIVES: dict[str, Callable[[Pump, dict[str, Any]], None]] = {"task_newtask": _born, "sched_process_exec": _ran}
"""Events of processes, which are told in no timeline."""


def _watching(pump: Pump, inode: int | None) -> list[tuple[Case, str]]:
    """Cases that watch this namespace, with its name there; the engine's own is none of them."""
    found = ((pump.cases[view.case], view.namespaces.get(inode or 0), view.host) for view in pump.views)
    return [(each, name) for each, name, host in found if name and inode != host]


def _note_in(watching: list[tuple[Case, str]], process: processes.Process | None) -> None:
    for owner_case, namespace in watching if process else ():
        note(owner_case, namespace, process)


def know(pump: Pump, owner_case: Case, namespace: str, owner: tids.Owner) -> None:
    """A process may be gone before the next look: write it down when its first event is seen."""
    key: Any = (owner.pid, owner.start)
    if not namespace or owner.inode is None or key in owner_case.written:
        return
    owner_case.written.add(key)
    process = processes.read(owner.pid, owner.inode, sockets=False)
    if process is not None:
        note(owner_case, namespace, programs.as_it_was(pump.programs, process))
