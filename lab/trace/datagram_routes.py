"""The route of a probe that is a datagram: one hop.

Rule: nothing is told that `lab.trace.datagram_facts` has not proved. Weak spot: datagrams are not followed; if the receiver's
namespace sent anything else while one was there, the route is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import Contradiction, Hop, Route, Stage, TlsAtHop
from lab.trace import cite
from lab.trace.datagram_facts import facts, processes, reached, refused, stage, stage_open, stopped_by
from lab.trace.datagram_told import counts, lines
from lab.trace.datagrams import exchange, sent_on
from lab.trace.index import gaps
from lab.trace.listeners import written
from lab.trace.sure import timeline_open
from lab.trace.timeline import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.observations import ClientReport
    from lab.model.routes import Evidence
    from lab.trace.datagram_facts import Facts
    from lab.trace.owners import World

CLOCK_NS = 10**6
"""An application takes its time a moment after the step."""


def datagram(world: World, report: ClientReport, own: tuple[Evidence, ...]) -> Route | None:
    """The route; None: the probe is no datagram, or not even it was captured. `own`: what the client itself saw."""
    found = exchange(world.index, report)
    if found is None:
        return None
    here = facts(world, found)
    got, handled = stage(here), reached(here)
    stopped = stopped_by(here, got)
    return Route(
        probe=report.probe, hops=(_hop(here, got),), tls_ends_at=(), stage=got, dispatched=handled,
        diagnosis=_line(here, got, stopped, handled=handled), status=report.status,
        answered_by=here.container if found.answered else None, stopped_by=stopped, evidence=own,
        contradictions=tuple(_against(here)), open_questions=tuple(_questions(here, got)), moment=report.moment,
        stage_open=stage_open(here, got), route_open=_route_open(here), counts=counts(here), body=report.body,
        timeline=in_order(lines(here), found.sent.up[0].time_ns),
        timeline_open=timeline_open(world.index, [found.came.namespace if found.came else None]),
    )  # fmt: skip


def _hop(here: Facts, got: Stage) -> Hop:
    found, came = here.found, here.found.came
    first = came.up[0] if came else found.sent.up[0]
    process = here.world.index.processes.get(here.pid or 0)
    return Hop(
        number=1, transport="udp", local=written(first.destination), peer=written(first.source),
        asked=written(found.report.peer or found.report.asked), container=here.container,
        namespace=came.namespace if came else None, interface=first.interface if came else None,
        listener=written(found.socket.local) if found.socket else None, process=(process.name or None) if process else None,
        pid=process.namespace_pid if process else None, host_pid=here.pid, pid_candidates=here.candidates,
        protocol="bytes" if first.payload else None, tls=TlsAtHop.NONE,
        clear=True if first.payload and first.payload in found.report.sent else None,
        stage=got, received=here.had, stage_open=stage_open(here, got),
        evidence=tuple(dict.fromkeys(_evidence(here))),
    )  # fmt: skip


def _evidence(here: Facts) -> Iterator[Evidence]:
    found = here.found
    first = found.came.up[0] if found.came else found.sent.up[0]
    yield cite.packet(first, f"{len(first.payload)} bytes from {written(first.source)} to {written(first.destination)}")
    if found.refused:
        yield cite.packet(found.refused, "port unreachable: no socket takes it")
    if found.socket:
        yield cite.datagram_socket(found.socket)
    if here.queued:
        yield cite.datagram_socket(found.rows[-1])
    yield from (cite.kernel(e, f"host pid {e.pid} read {e.size} bytes") for e in found.reads)
    seen = here.world.index.processes
    yield from (cite.process(seen[pid], here.world.index.containers.get(pid)) for pid in processes(here) if pid in seen)
    answers = found.came.down if found.came else found.sent.down
    yield from (cite.packet(p, f"{len(p.payload)} bytes came back") for p in answers[:1])
    yield from (cite.application(e) for e in found.events)


def _line(here: Facts, got: Stage, stopped: str | None, *, handled: bool | None) -> str:
    name = _receiver(here)
    if handled:
        return f"reached dispatch in {name}; {'answered' if here.found.answered else 'not answered'}"
    if got is Stage.ANSWERED:
        known = "; no handler was entered" if handled is False else "; whether a handler was dispatched is not known"
        return f"answered by {name}{known}"
    by = f", by {stopped.replace('kernel of', 'the kernel of')}" if stopped else ""
    return f"only transport data: stopped at {got}{by}, because {_why(here, got)}"


def _receiver(here: Facts) -> str:
    process = here.world.index.processes.get(here.pid or 0)
    container = here.container or "an unknown container"
    return (
        f"{process.called} (pid {process.namespace_pid}) of {container}" if process else here.container or "an unknown process"
    )


def _why(here: Facts, got: Stage) -> str:
    found = here.found
    first = found.came.up[0] if found.came else found.sent.up[0]
    came = f"a datagram of {len(first.payload)} bytes ({cite.place(first)})"
    if got is Stage.REFUSED:
        by = (
            f"port unreachable ({cite.place(found.refused)})"
            if found.refused
            else f"a refusal (client.jsonl:{found.report.line})"
        )
        return f"{came} was answered with {by}"
    if got is Stage.READABLE:
        return f"{came} lies unread (sockets.jsonl:{found.rows[-1].line})"
    if got is Stage.READ and found.reads:
        return f"{came} was read (kernel.jsonl:{found.reads[0].line}), and no answer came"
    return f"nothing more was seen of {came}"


def _against(here: Facts) -> Iterator[Contradiction]:
    """A handler that was entered before the datagram came, or before any process had read it."""
    found = here.found
    entered = next((e for e in found.events if e.event == "dispatched"), None)
    if entered is None or found.came is None:
        return
    first = found.came.up[0]
    if entered.time_ns + CLOCK_NS < first.time_ns:
        yield Contradiction("dispatch", cite.application(entered), cite.packet(first, "the datagram came later"))
    elif found.reads and entered.time_ns + CLOCK_NS < found.reads[0].time_ns:
        yield Contradiction("dispatch", cite.application(entered), cite.kernel(found.reads[0], "it was read later"))
    elif not found.reads and not found.unmatched and not here.blind:
        yield Contradiction("dispatch", cite.application(entered), cite.packet(first, "no process read it"))


def _route_open(here: Facts) -> str:
    if here.found.came is None:
        return stage_open(here, stage(here))
    place = here.found.came.namespace
    lost = gaps(here.world.index, "packets", place)
    if lost:
        return f"packets of {place} were lost: {lost[0]}"
    on = not refused(here.found) and sent_on(here.world.index, here.found)
    return f"{place} sent something else while it was there, and datagrams are not followed" if on else ""


def _questions(here: Facts, got: Stage) -> Iterator[str]:
    yield from filter(None, dict.fromkeys((stage_open(here, got), _route_open(here))))
    if here.taken and here.container is None:
        yield "which container received the datagram: no witness names the process"
    if reached(here) is None:
        yield f"whether {here.container or 'its receiver'} entered a handler for it: it reports nothing"
