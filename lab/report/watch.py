"""What every witness saw since the last step, for a person who goes through a probe step by step.

Rule: a section a witness, and a sentence for a witness that saw nothing: that too is to be seen. Rows of the socket table are
those of the probe's own connection and of listeners that something waits at. Weak spot: long sections are cut; all of it
lies in the case's folder.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lab.model.observations import AppEvent, ClientReport, Endpoint, KernelEvent, LogLine, Observations, Packet, SocketRow

MOST = 24
"""Lines of a section."""
PAYLOAD = 48
"""Bytes of a packet that are shown."""
APP_MARK = '"app/1"'
RESOLVER = "127.0.0.11"
"""Docker's own, in every namespace on a network of its (GOTCHAS)."""

T = TypeVar("T", "Packet", "KernelEvent", "AppEvent", "LogLine")


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything by now, its last report that of the probe; how much of it was there before the step; whom it is about."""

    now: Observations
    before: Mapping[str, int]
    """As `counted` gave it after the step before."""
    label: str
    """Of the newest snapshot of the sockets."""
    local: Endpoint | None
    """The client's own end of the probe's connection."""


def counted(now: Observations) -> dict[str, int]:
    """How much there is by now: what the next step's `before` is."""
    return dict(Counter(_file(one) for kind in (now.packets, now.kernel, now.application, now.logs) for one in kind))


def _file(one: Packet | KernelEvent | AppEvent | LogLine) -> str:
    """Where its kind is counted: a later one stands behind the earlier ones of the same."""
    return f"{type(one).__name__} {getattr(one, 'file', '')}"


def _new(seen: Seen, kind: Iterable[T]) -> list[T]:
    """Those that were not there before."""
    left, found = dict(seen.before), []
    for one in kind:
        if left.get(_file(one), 0) > 0:
            left[_file(one)] -= 1
        else:
            found.append(one)
    return sorted(found, key=lambda one: one.time_ns)


def told(seen: Seen, *, brief: bool = False) -> Iterator[Text]:
    """All sections; `brief`: those in which there is something."""
    for name, lines in _sections(seen):
        if lines or not brief:
            yield from _section(name, lines)


def _sections(seen: Seen) -> Iterator[tuple[str, Sequence[str]]]:
    who = names(seen.now)
    yield "packets", list(_packets(_new(seen, seen.now.packets)))
    yield "sockets", _sockets(seen, who)
    known = {frozenset((packet.source, packet.destination)) for packet in seen.now.packets}
    events = [one for one in _new(seen, seen.now.kernel) if _concerns(one, known)]
    yield "kernel", [_kernel(one, who) for one in events]
    yield "application", [_app(one) for one in _new(seen, seen.now.application)]
    yield "logs", [_log(one) for one in _new(seen, seen.now.logs) if APP_MARK not in one.text]
    yield "client", list(_client(seen.now.clients[-1]))


def _concerns(one: KernelEvent, known: set[frozenset[Endpoint]]) -> bool:
    """Whether it is of a process of the case, or of a connection whose packets were seen in it."""
    return bool(one.namespace) or (one.local is not None and one.peer is not None and frozenset((one.local, one.peer)) in known)


def _packets(found: Sequence[Packet]) -> Iterator[str]:
    asked = [one for one in found if RESOLVER in (one.source[0], one.destination[0])]
    if asked:
        yield f"{asked[0].namespace:<8} {len(asked)} datagrams to and from the engine's resolver, for a name"
    yield from (_packet(one) for one in found if one not in asked)


def _section(name: str, lines: Sequence[str]) -> Iterator[Text]:
    head = f"    {name:<12}"
    if not lines:
        yield Text.assemble((head, "cyan"), ("nothing", "dim"))
    for number, line in enumerate(lines[:MOST]):
        yield Text.assemble((head if number == 0 else " " * len(head), "cyan"), line)
    if len(lines) > MOST:
        yield Text(f"{' ' * len(head)}and {len(lines) - MOST} more", style="dim")


def names(now: Observations) -> dict[int, str]:
    """Host pid -> `nginx (pid 7) of proxy`."""
    containers = {container.id: container.name for container in now.inventory.containers}
    found = {}
    for process in now.processes:
        of = next((name for made, name in containers.items() if made in process.cgroup), None)
        found[process.pid] = f"{process.called} (pid {process.namespace_pid}){f' of {of}' if of else ''}"
    return found


def _packet(one: Packet) -> str:
    way = "out" if one.outgoing else "in"
    size = f"{len(one.payload)} bytes  {_readable(one.payload)}" if one.payload else ""
    ends = f"{_end(one.source)} → {_end(one.destination)}"
    return f"{one.namespace:<8} {one.interface:<5} {way:<3} {ends}  {one.flags or one.transport}  {size}".rstrip()


def _readable(data: bytes) -> str:
    text = repr(data[:PAYLOAD])[2:-1]
    return text if len(data) <= PAYLOAD else f"{text}…"


def _end(end: Endpoint) -> str:
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"


def _sockets(seen: Seen, who: Mapping[int, str]) -> list[str]:
    rows = [row for row in seen.now.sockets if row.look == seen.label]
    own = [row for row in rows if seen.local is not None and seen.local in (row.local, row.peer)]
    waited_at = [row for row in rows if row.state == "LISTEN" and row.recv_q]
    return [_row(row, who) for row in (*own, *waited_at)]


def _row(row: SocketRow, who: Mapping[int, str]) -> str:
    owners = ", ".join(who.get(pid, f"host pid {pid}") for pid in row.holders)
    owner = f"held by {owners}" if owners else "owned by nobody" if row.inode == 0 else "its owner was not seen"
    if row.state == "LISTEN":
        return f"{row.namespace:<8} LISTEN {_end(row.local)}  {row.recv_q} wait to be accepted, backlog {row.send_q}  {owner}"
    queues = f"Recv-Q {row.recv_q}  Send-Q {row.send_q}"
    return f"{row.namespace:<8} {row.state:<10} {_end(row.local)} ← {_end(row.peer)}  {queues}  {owner}"


def _kernel(one: KernelEvent, who: Mapping[int, str]) -> str:
    if one.event == "state":
        ends = f"{_end(one.local)} ← {_end(one.peer)}  " if one.local and one.peer else ""
        return f"{'':<8} {ends}{one.old_state} → {one.new_state}"
    what = one.event if one.size < 0 or one.event == "accept" else f"{one.event} {one.size} bytes"
    failed = f" failed (errno {-one.size})" if one.size < 0 else ""
    peek = " (only looked)" if one.peek else ""
    return f"{one.namespace:<8} {who.get(one.pid, f'host pid {one.pid}')}  {what}{failed}{peek}"


def _app(one: AppEvent) -> str:
    words = " ".join(part for part in (one.method, one.target, one.detail) if part)
    return f"{one.container:<8} {one.event}  {words}".rstrip()


def _log(one: LogLine) -> str:
    return f"{one.container:<8} {one.text}"


def _client(report: ClientReport) -> Iterator[str]:
    if report.local and report.peer:
        yield f"{_end(report.local)} → {_end(report.peer)}"
    if report.tls:
        yield f"{report.tls.version}, ALPN {report.tls.alpn or 'none'}, {'verified' if report.tls.verified else 'not verified'}"
    yield f"sent {len(report.sent)} bytes so far; {report.answers} whole answer{'' if report.answers == 1 else 's'}"
    if report.status is not None:
        yield f"status {report.status}, {len(report.body)} bytes of a body"
    if report.error:
        yield f"failed during {report.error.during}: {report.error.kind}, {report.error.text}"
