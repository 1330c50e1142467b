"""What the receiver of a leg asked a database while it had the request.

Rule: a database is what is spoken to in its protocol, on a connection that the receiver's own process or container opened,
be it older than the request or not. A query is the request's if the probe's token stands in it; without one if it was sent
while the request was there, by a process that had no other. Queries that carry another probe's token are that one's. It is
the handler's own traffic and no receiver of the request, so it is told beside the hops. Weak spot: PostgreSQL alone is
read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.model.routes import Contradiction, Evidence, Hop, Stage, TlsAtHop
from lab.trace import cite
from lab.trace.bonds import PROCESS, TIME, TOKEN, rivals
from lab.trace.index import SLACK_NS, gaps
from lab.trace.listeners import written
from lab.trace.streams import packet_at
from lab.trace.talk import POSTGRES, remembered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.observations import AppEvent, Packet
    from lab.trace.asked import Asked
    from lab.trace.bonds import Leg
    from lab.trace.connections import Connection
    from lab.trace.owners import World
    from lab.trace.postgres import Query

CLOCK_NS = 10**6
"""An application takes its time a moment after the step."""
SHOWN = 60
"""Characters of a statement that are cited."""


@dataclass(frozen=True, slots=True)
class Question:
    """One query of the request."""

    connection: Connection
    query: Query
    packet: Packet
    """With its last byte."""
    bond: str
    """`token in clear`, `same process wrote it`, or `time alone`."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What one receiver asked for one request."""

    told: tuple[Question, ...] = ()
    idle: tuple[Connection, ...] = ()
    """Its connections to a database that carried none of them."""
    untold: tuple[str, ...] = ()
    """Queries that may be the request's or not; where packets were lost, that."""


NONE = Questions()


def questions(world: World, leg: Leg, meant: Asked, until_ns: int) -> Questions:
    """The queries of a leg's receiver up to a moment."""
    namespace = leg.receiver.namespace
    if namespace is None:
        return NONE if leg.failed else Questions(untold=("what its receiver asked a database: nothing was captured there",))
    lost = gaps(world.index, "packets", namespace)
    told, idle, untold = [], [], [f"what {namespace} asked a database: {why}" for why in lost]
    for connection in _opened(world, leg):
        found = list(_of(world, leg, connection, meant, until_ns))
        told += [each for each in found if isinstance(each, Question)]
        untold += [each for each in found if isinstance(each, str)]
        idle += [] if found else [connection]
    return Questions(tuple(sorted(told, key=lambda each: each.packet.time_ns)), tuple(idle), tuple(dict.fromkeys(untold)))


def _opened(world: World, leg: Leg) -> Iterator[Connection]:
    """Connections to a database that the receiver can have opened."""
    for connection in world.index.databases.get(leg.receiver.namespace or "", ()):
        theirs, ours = world.senders[connection.id].container, leg.receiver.container
        if None in (theirs, ours) or theirs == ours:
            yield connection


def _of(world: World, leg: Leg, connection: Connection, meant: Asked, until_ns: int) -> Iterator[Question | str]:
    for query in remembered(connection.best, world.index.memo).queries:
        packet = packet_at(connection.best.up, query.end - 1)
        if query.carries(meant.token):
            yield Question(connection, query, packet, TOKEN)
        elif leg.since_ns - SLACK_NS <= packet.time_ns <= until_ns and not _others(world, query, meant):
            yield _by_time(world, leg, connection, query, packet)


def _others(world: World, query: Query, meant: Asked) -> bool:
    return any(r.token != meant.token and query.carries(r.token) for r in world.index.seen.clients)


def _by_time(world: World, leg: Leg, connection: Connection, query: Query, packet: Packet) -> Question | str:
    pids = leg.receiver.pid, world.senders[connection.id].pid
    if rivals(world, leg, connection, leg.since_ns, packet.time_ns) or (all(pids) and pids[0] != pids[1]):
        return f"whether the query in {cite.place(packet)} is of this request: nothing ties it to this request alone"
    return Question(connection, query, packet, PROCESS if all(pids) else TIME)


def too_early(told: Questions, events: tuple[AppEvent, ...]) -> Iterator[Contradiction]:
    """Queries that were on the wire before the application says that it entered the handler."""
    entered = next((e for e in events if e.event == "dispatched"), None)
    for each in told.told:
        if entered and each.packet.time_ns + CLOCK_NS < entered.time_ns:
            sent = cite.packet(each.packet, f"{words(each)} was sent before that")
            yield Contradiction("queries before dispatch", cite.application(entered), sent)


def words(each: Question) -> str:
    """The query, and what ties it to the request."""
    statement = each.query.statement[:SHOWN] or "a statement prepared before the capture"
    tie = ", with the probe's token" if each.bond == TOKEN else ""
    return f"query “{statement}”{tie}"


def evidence(told: Questions) -> Iterator[Evidence]:
    """The queries; where there were none, the connections that carried none."""
    for each in told.told:
        yield cite.packet(each.packet, words(each))
    for connection in () if told.told else told.idle:
        first = connection.best.packets[0]
        yield cite.packet(first, f"the connection to {written(connection.best.server)} carried no query for it")


def hops(world: World, told: Questions, number: int, parent: int) -> tuple[Hop, ...]:
    """The connections that carried them, as hops of their own; the first has `number`, the handler's own hop is `parent`."""
    by_connection: dict[int, list[Question]] = {}
    for each in told.told:
        by_connection.setdefault(each.connection.id, []).append(each)
    return tuple(replace(_hop(world, each, number + n), parent=parent) for n, each in enumerate(by_connection.values()))


def _hop(world: World, asked: list[Question], number: int) -> Hop:
    connection = asked[0].connection
    flow, owner = connection.best, world.receivers[connection.id]
    process = world.index.processes.get(owner.pid or 0)
    received = connection.receiver
    came = [p for p in received.packets if p.source == received.client] if received else []
    answered = any(p.time_ns >= asked[0].packet.time_ns for p in flow.down.pieces)
    cited = [cite.packet(each.packet, words(each)) for each in asked]
    return Hop(
        number=number, transport="tcp", local=written(owner.local or flow.server), peer=written(flow.client),
        asked=written(flow.server), container=owner.container, namespace=received.namespace if received else None,
        interface=came[0].interface if came else None, listener=written(owner.listener.local) if owner.listener else None,
        process=(process.name or None) if process else None, pid=process.namespace_pid if process else None, host_pid=owner.pid,
        protocol=POSTGRES, tls=TlsAtHop.NONE, clear=True if any(each.bond == TOKEN for each in asked) else None,
        stage=Stage.ANSWERED if answered else Stage.READ if owner.life else Stage.SENT,
        received=True if answered else owner.owned, joined_by=asked[0].bond, evidence=(*cited, *owner.evidence),
    )  # fmt: skip
