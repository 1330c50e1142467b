"""From the client's connection onwards: which connections carry a probe, in order.

Rule: the next connections are those that the receiving namespace initiated while the request was there, by the
receiving process or container where that is known, and that a bond ties to it (`lab.trace.bonds`). Strong bonds are
looked for first, for all probes, so that a weak one never takes what belongs to another. An attempt that failed is a
connection of the route like any other.
Weak spot: what travels over UNIX sockets or shared memory between two containers is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.trace import bonds, h3_streams
from lab.trace.asked import asked
from lab.trace.bonds import Leg
from lab.trace.index import SLACK_NS
from lab.trace.moments import same_probe
from lab.trace.polled import polled
from lab.trace.sealed import carrying
from lab.trace.streams import packet_at
from lab.trace.talk import H2, POSTGRES, TLS, last, meaning, of_stream, remembered, since, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lab.model.observations import ClientReport
    from lab.trace.asked import Asked
    from lab.trace.connections import Connection
    from lab.trace.flows import Flow
    from lab.trace.owners import World
    from lab.trace.talk import Choose, Talk

DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Path:
    """The legs of one probe, and what could not be told while following it."""

    legs: tuple[Leg, ...]
    untold: frozenset[int] = frozenset()
    """Places of legs whose receiver may have carried the request on, on a connection that nothing ties to it."""
    open_questions: tuple[str, ...] = ()
    aside: frozenset[int] = frozenset()
    """Places of legs whose receiver, with nobody else's request at hand, asked somebody without the probe's token."""
    alike: frozenset[int] = frozenset()
    """Those of them where an answer came back with the status that the client got."""


def first(world: World, report: ClientReport, meant: Asked) -> Leg | None:
    """The client's own connection: by its two ends, by its own where the kernel rewrote the other, or by what it asked for."""
    sent = [c for c in world.index.sent_from.get(report.namespace, ()) if c.sender and in_time(c.sender, report)]
    tests: tuple[Callable[[Flow], bool], ...] = (
        lambda flow: report.local == flow.client and report.peer == flow.server,
        lambda flow: report.local == flow.client,
        lambda flow: report.local is not None and report.local[1] == flow.client[1],
        lambda flow: report.local is None and flow.server[1] == report.asked[1],
    )
    for test in tests:
        found = [c for c in sent if any(test(view) for view in c.views if view.namespace == report.namespace)]
        if found:
            return _first_leg(world, report, found[-1], meant)
    return _from_outside(world, report, meant)


def _from_outside(world: World, report: ClientReport, meant: Asked) -> Leg | None:
    """A connection whose sender is in no namespace that is watched, by its two ends."""
    ends = report.local, report.peer
    found = [
        c for c in world.index.connections
        if c.sender is None and any((v.client, v.server) == ends and in_time(v, report) for v in c.views)
    ]  # fmt: skip
    return _first_leg(world, report, found[-1], meant) if found else None


def in_time(flow: Flow, report: ClientReport) -> bool:
    """Whether a connection began while a probe was on its way."""
    return report.started_ns - SLACK_NS <= flow.begun_ns <= report.finished_ns + SLACK_NS


def _first_leg(world: World, report: ClientReport, connection: Connection, meant: Asked) -> Leg:
    """The client's connection; the request begins with it, or with its own first byte if others came before it."""
    flow = connection.best
    whole = remembered(flow, world.index.memo)
    said = meaning(whole, flow, 0, _numbered(meant.number) if whole.messages else last)
    if said.protocol == H2:
        said = of_stream(said, flow, lambda data: bonds.own(data, meant))
    elif flow.quic:
        said = h3_streams.within(said, flow, world.index.seen.secrets, lambda data: bonds.own(data, meant))
    elif said.protocol == TLS:
        said = within(said, world.index.seen.secrets, lambda data: bonds.own(data, meant))
    begun = _begun(said, report, meant, flow) if meant.number else flow.begun_ns
    if said.stream:
        begun = packet_at(flow.up, said.stream.begin).time_ns
    return Leg(connection, said, world.senders[connection.id], world.receivers[connection.id], since_ns=begun)


def _numbered(number: int) -> Choose:
    return lambda messages, _: min(number, len(messages) - 1)


def _begun(said: Talk, report: ClientReport, meant: Asked, flow: Flow) -> int:
    """When the first byte of a later request came."""
    if said.protocol != TLS:
        return packet_at(flow.up, said.begin).time_ns if said.begin < len(flow.up.data) else flow.ended_ns
    begin = (
        len(report.sent) - len(meant.data) if meant.number == len(meant.messages) - 1 else meant.messages[meant.number].offset
    )
    record = carrying(said, report.sent, begin)
    return packet_at(flow.up, record.offset).time_ns if record else flow.begun_ns


def _leg(world: World, connection: Connection, since_ns: int, meant: Asked) -> Leg:
    """A connection as a leg; `since_ns` is when the request can have begun on it at the earliest."""
    flow = connection.best
    said = meaning(remembered(flow, world.index.memo), flow, since_ns, since(since_ns, lambda data: bonds.own(data, meant)))
    if said.protocol == H2:
        said = of_stream(said, flow, lambda data: bonds.own(data, meant))
    if said.message:
        begun = max(packet_at(flow.up, said.begin).time_ns, since_ns) if flow.begun_ns < since_ns else flow.begun_ns
    else:
        up = [piece.time_ns for piece in flow.up.pieces if piece.time_ns >= since_ns]
        begun = flow.begun_ns if flow.begun_ns >= since_ns or not up else up[0]
    return Leg(connection, said, world.senders[connection.id], world.receivers[connection.id], since_ns=begun)


Claims = dict[tuple[int, str], tuple[Leg, ...]]
"""Line of a report and token of one of its requests -> the legs that strong bonds give it."""


def claims(world: World, reports: Iterable[ClientReport]) -> Claims:
    """Of the reports of one probe the last one speaks."""
    found: Claims = {}
    for report in {(r.probe, r.token, r.local, r.namespace): r for r in reports}.values():
        begin = first(world, report, asked(report))
        found[report.line, report.token] = _strongly(world, begin, report) if begin else ()
    return found


def _strongly(world: World, begin: Leg, report: ClientReport) -> tuple[Leg, ...]:
    walk = _Walk(world, report, asked(report), None)
    walk.on(begin)
    return tuple(walk.legs)


def follow(world: World, report: ClientReport, claimed: Claims, meant: Asked) -> Path | None:
    """The whole path of a probe; None if not even the client's connection was captured."""
    begin = first(world, report, meant)
    if begin is None:
        return None
    walk = _Walk(world, report, meant, _of_others(report, world.index.seen.clients, claimed))
    walk.on(begin)
    asides = {place: found for place, leg in enumerate(walk.legs) if not leg.failed and (found := walk.asides(leg, place))}
    alike = [place for place, found in asides.items() if any(_status(each) == report.status for each in found)]
    return Path(tuple(walk.legs), frozenset(walk.untold), tuple(walk.questions), frozenset(asides), frozenset(alike))


def _of_others(report: ClientReport, reports: Iterable[ClientReport], claimed: Claims) -> set[int]:
    others = (r for r in reports if (r.line, r.token) in claimed and not same_probe(r, report))
    return {leg.connection.id for r in others for leg in claimed[r.line, r.token]}


class _Walk:
    """Depth first, in order of time: a connection is taken once. `others`: None for strong bonds only."""

    def __init__(self, world: World, report: ClientReport, meant: Asked, others: set[int] | None) -> None:
        self.world, self.report, self.meant, self.others = world, report, meant, others
        self.legs: list[Leg] = []
        self.used: set[int] = set()
        self.untold: set[int] = set()
        self.questions: list[str] = []
        self.until_ns = report.finished_ns + SLACK_NS

    def on(self, leg: Leg) -> None:
        place = len(self.legs)
        self.legs.append(leg)
        self.used.add(leg.connection.id)
        if leg.failed or place >= DEEPEST:
            return
        for following in self.after(leg, place):
            if following.connection.id not in self.used:
                self.on(replace(following, parent=place))

    def after(self, leg: Leg, place: int) -> list[Leg]:
        """The legs that the receiver of this one sent, in order of time."""
        nearby = [c for c in self.candidates(leg) if _mine(leg, c) and not self.later(leg, c)]
        strong = [self.opened(leg, replace(c, bond=bond)) for c in nearby if (bond := self.strong(leg, c))]
        strong = _first_unknown(strong)
        if self.others is None:
            return strong
        rest = [c for c in nearby if c.connection.id not in {s.connection.id for s in strong}]
        strong = strong or self.by_answer(leg, place, rest)
        weak = self.weak(leg, place, [c for c in rest if not self.excluded(leg, c)], strong)
        return sorted([*strong, *weak], key=lambda each: each.since_ns)

    def opened(self, leg: Leg, after: Leg) -> Leg:
        """The client's own session, passed on: what opens it before opens it behind."""
        if after.bond != bonds.SAME_HELLO or leg.talk.inside is None:
            return after
        secrets = self.world.index.seen.secrets
        return replace(after, talk=within(after.talk, secrets, lambda data: bonds.own(data, self.meant)))

    def by_answer(self, leg: Leg, place: int, rest: list[Leg]) -> list[Leg]:
        """Where nothing that the receiver sent has the probe's bytes: the one connection on which the client's answer came."""
        clear = [c for c in rest if c.talk.message and not self.taken(c)]
        found = [c for c in clear if bonds.same_answer(leg, c, self.report)]
        if len(found) == 1 and not bonds.rivals(self.world, leg, found[0].connection, leg.since_ns, found[0].since_ns):
            return [replace(found[0], bond=bonds.ANSWER)]
        self.ask(leg, place, found)
        return []

    def later(self, leg: Leg, after: Leg) -> bool:
        """Whether the client had its end before this began, and somebody else's bytes had come to the same receiver since."""
        end_ns = self.report.finished_ns
        if after.since_ns <= end_ns or (self.meant.token and bonds.own(bonds.said(after, self.until_ns), self.meant)):
            return False
        return bonds.rivals(self.world, leg, after.connection, end_ns, after.since_ns)

    def candidates(self, leg: Leg) -> Iterator[Leg]:
        # All packets carry one kernel's clock: nothing that was sent before the request came was caused by it.
        namespace, since_ns = leg.receiver.namespace, leg.since_ns
        for connection in self.world.index.sent_from.get(namespace or "", ()):
            if connection.begun_ns > self.until_ns:
                break
            if connection.ended_ns < since_ns or connection.id in self.used or self.database(connection):
                continue
            if _active(connection, since_ns, self.until_ns):
                yield _leg(self.world, connection, since_ns, self.meant)
            elif leg.talk.hello and self.hello(connection) == leg.talk.hello.random:
                yield _leg(self.world, connection, 0, self.meant)
        yield from (
            found for found in polled(self.world, leg, self.meant, self.until_ns) if found.connection.id not in self.used
        )

    def database(self, connection: Connection) -> bool:
        """Whether it is the handler's own traffic (`lab.trace.database`)."""
        return remembered(connection.best, self.world.index.memo).protocol == POSTGRES

    def hello(self, connection: Connection) -> bytes:
        """Random of the ClientHello of a connection on which nothing of this request passed yet."""
        found = remembered(connection.best, self.world.index.memo).hello
        return found.random if found else b""

    def strong(self, leg: Leg, after: Leg) -> str | None:
        bond = bonds.strong(leg, after, self.meant, self.until_ns)
        if bond == bonds.IDENTICAL and self.twins():
            return bond if bonds.weak(self.world, leg, after, alone=False) else None
        return bond

    def twins(self) -> bool:
        """Whether another probe sent the same bytes at the same time, so that they tell nothing."""
        mine = self.report
        return any(
            r.sent == mine.sent and r.token == mine.token and not same_probe(r, mine)
            and r.started_ns <= mine.finished_ns and mine.started_ns <= r.finished_ns
            for r in self.world.index.seen.clients
        )  # fmt: skip

    def taken(self, after: Leg) -> bool:
        """Whether a strong bond gives it to another probe."""
        return self.others is not None and after.connection.id in self.others

    def excluded(self, leg: Leg, after: Leg) -> bool:
        return self.taken(after) or bonds.excluded(self.world, leg, after, self.meant, self.until_ns)

    def weak(self, leg: Leg, place: int, rest: list[Leg], strong: list[Leg]) -> list[Leg]:
        """Next to a strong bond only attempts that failed before it; else the only candidate."""
        if strong:
            rest = [c for c in rest if c.failed and c.flow.ended_ns <= strong[0].since_ns]
        failed, others = [c for c in rest if c.failed], [c for c in rest if not c.failed]
        found = [self.tied(leg, place, c, alone=len(failed) == 1) for c in failed]
        found += [self.tied(leg, place, c, alone=len(rest) == 1) for c in others[:1] if len(others) == 1]
        self.ask(leg, place, others if len(others) > 1 else [])
        return [each for each in found if each]

    def tied(self, leg: Leg, place: int, after: Leg, *, alone: bool) -> Leg | None:
        bond = bonds.weak(self.world, leg, after, alone=alone)
        if bond is None or (not after.failed and bonds.usual(self.world, leg, after, self.until_ns)):
            self.ask(leg, place, [after])
            return None
        return replace(after, bond=bond)

    def asides(self, leg: Leg, place: int) -> list[Leg]:
        """What the receiver asked others in clear, at a time when it had this request alone: a proxy may take the token away,
        and a health check may come at that very moment. Beside other requests only what none of them asked for is told, and
        not where this one went to the same server."""
        clear = [c for c in self.candidates(leg) if _mine(leg, c) and c.talk.head and not c.failed and not self.taken(c)]
        found = [c for c in clear if bonds.nobodys(self.world, leg, c, self.meant, self.report.finished_ns)]
        onward = {each.flow.server for each in self.legs if each.parent == place and not each.failed}
        beside = [c for c in clear if c.flow.server not in onward and bonds.beside(self.world, leg, c, self.meant, self.report)]
        for each in (*found, *beside):
            where, end = leg.receiver.container or leg.receiver.namespace, f"{each.flow.server[0]}:{each.flow.server[1]}"
            others = ", and it had others' requests too" if each in beside else ""
            self.questions.append(
                f"whether {where} asked {end} for this probe: what it sent there has not the probe's token{others}"
            )
        return [*found, *([] if onward else beside)]

    def ask(self, leg: Leg, place: int, untold: list[Leg]) -> None:
        if untold:
            # A failed attempt that may be another's changes nothing about who answered.
            self.untold.update({place} if any(not each.failed for each in untold) else ())
            where = leg.receiver.container or leg.receiver.namespace
            ends = ", ".join(f"{each.flow.server[0]}:{each.flow.server[1]}" for each in untold)
            self.questions.append(f"whether {where} carried the request on to {ends}: nothing ties it to this probe alone")


def _status(leg: Leg) -> int | None:
    return leg.talk.status.code if leg.talk.status else None


def _mine(leg: Leg, after: Leg) -> bool:
    """Whether the receiver can have sent it, by what is known of both processes."""
    here, there = leg.receiver, after.sender
    if here.container and there.container:
        return here.container == there.container
    return not (here.pid and there.pid) or here.pid == there.pid


def _first_unknown(strong: list[Leg]) -> list[Leg]:
    """Where nobody knows who sent them, a later one may have been sent by the next receiver: take the first only."""
    known = [leg for leg in strong if leg.sender.container or leg.sender.pid]
    unknown = sorted((leg for leg in strong if leg not in known), key=lambda leg: leg.since_ns)
    return sorted([*known, *unknown[: 0 if known else 1]], key=lambda leg: leg.since_ns)


def _active(connection: Connection, since_ns: int, until_ns: int) -> bool:
    """Whether it began or carried bytes of its sender in this time."""
    if since_ns <= connection.begun_ns <= until_ns:
        return True
    return any(since_ns <= piece.time_ns <= until_ns for piece in connection.best.up.pieces)
