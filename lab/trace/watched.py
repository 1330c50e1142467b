"""The routes of requests that nobody of the lab sent: told of what passed, with nobody to ask what the client saw.

Rule: what begins a route is a connection that no receiver of an earlier one made: from outside, from the host, or from a
container of its own accord. In clear each request on it is told; inside TLS the connection is told as one. There is no
token, so what ties hops together is equal bytes, a ClientHello, a process, or time, and beside many requests the last two
are not believed. Weak spot: of very many requests only the first are told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.model.observations import ClientReport
from lab.trace.asked import asked
from lab.trace.following import claims, first, follow
from lab.trace.index import HOST, SLACK_NS, build
from lab.trace.moments import Memo
from lab.trace.owners import world
from lab.trace.routes import trace
from lab.trace.streams import packet_at
from lab.trace.talk import TLS, remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.model.observations import Observations
    from lab.model.routes import Route
    from lab.trace.connections import Connection
    from lab.trace.index import Index
    from lab.trace.messages import Message
    from lab.trace.owners import World
    from lab.trace.talk import Talk

MOST = 50
"""Requests that are told; all others are counted."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What passed."""

    routes: tuple[Route, ...]
    more: int
    """Requests, or connections with TLS, that passed too and are not told."""


def watched(seen: Observations) -> Watched:
    """The routes of the requests that passed, in order of time."""
    memo = Memo()
    known = world(build(replace(seen, clients=()), memo))
    begun = [c for c in known.index.connections if c.receiver and _tells(c) and not _made_here(known, c)]
    reports = list(_reports(known.index, begun))
    used = _used(known, reports[:MOST]) | {connection.id for connection in begun}
    alone = [c for c in known.index.connections if c.receiver and _tells(c) and c.id not in used]
    found = sorted([*reports, *_reports(known.index, alone)], key=lambda report: report.started_ns)
    routes = trace(replace(seen, clients=tuple(found[:MOST])))
    return Watched(tuple(route for route in routes if _reaches(seen, route)), max(0, len(found) - MOST))


def _tells(connection: Connection) -> bool:
    """Whether anything was said on it, or its beginning was seen."""
    return bool(connection.best.up.data) or bool(connection.best.syns)


def _made_here(known: World, connection: Connection) -> bool:
    """Whether a container of the deployment made it, or a process of the host that handed something on."""
    sender = known.senders[connection.id]
    names = {container.name for container in known.index.seen.inventory.containers}
    if sender.container in names:
        return True
    return sender.pid is not None and any(
        owner.pid == sender.pid and other.begun_ns <= connection.begun_ns
        for other, owner in zip(known.index.connections, known.receivers, strict=True)
    )


def _used(known: World, reports: list[ClientReport]) -> set[int]:
    """Connections that carry requests on that came on others."""
    claimed = claims(known, reports)
    paths = (follow(known, report, claimed, asked(report)) for report in reports if first(known, report, asked(report)))
    return {leg.connection.id for path in paths if path for leg in path.legs}


def _reports(index: Index, connections: Iterable[Connection]) -> Iterator[ClientReport]:
    for connection in connections:
        said = remembered(connection.best, index.memo)
        if said.protocol != TLS and said.messages:
            yield from (_request(connection, said, number, each) for number, each in enumerate(said.messages))
        else:
            yield _whole(connection, said)


def _request(connection: Connection, said: Talk, number: int, message: Message) -> ClientReport:
    """One request in clear, with those before it on the connection: what a client would tell if it were asked."""
    up, down = connection.best.up, connection.best.down
    end = message.end or len(up.data)
    answer = said.answers[number] if number < len(said.answers) else None
    behind = (answer.end or len(down.data)) if answer else 0
    finished = packet_at(down, behind - 1).time_ns if behind else connection.ended_ns
    name = f"{message.head.method} {message.head.target}" if message.head else "the beginning of a request"
    report = _whole(connection, said)
    return replace(
        report, probe=name, sent=up.data[said.messages[0].offset : end], finished_ns=finished + SLACK_NS,
        status=answer.status.code if answer else None, answers=number + 1 if answer and answer.end else number,
        http_version="1.1" if answer else None,
    )  # fmt: skip


def _whole(connection: Connection, said: Talk) -> ClientReport:
    flow = connection.sender or connection.views[0]
    sni = said.hello.sni if said.hello else None
    name = (
        f"{'QUIC' if flow.quic else 'TLS'} for {sni or 'no name'}" if said.protocol == TLS else f"{said.protocol or 'no'} bytes"
    )
    return ClientReport(
        line=0, probe=name, token="", namespace=flow.namespace, asked=flow.server, started_ns=connection.begun_ns,
        finished_ns=connection.ended_ns + SLACK_NS, local=flow.client, peer=flow.server,
        sent=b"" if said.protocol == TLS else connection.best.up.data[said.begin :], tls=None, status=None, http_version=None,
        headers=(), body=b"", error=None,
    )  # fmt: skip


def _reaches(seen: Observations, route: Route) -> bool:
    """Whether it concerns the deployment: on the host others' traffic passes too."""
    names = {container.name for container in seen.inventory.containers} - {HOST}
    spaces = {container.namespace for container in seen.inventory.containers} - {HOST}
    return any(hop.container in names or hop.namespace in spaces for hop in route.hops)
