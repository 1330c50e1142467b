"""From observations to routes: for each probe its hops, how far it got, where TLS ended, who answered.

The chain: packets to connections (`connections`), connections to owners (`owners`), from the client's connection onwards
(`following`), what each leg amounts to (`account`), then the judgement by tables (`tls_roles`, `stages`, `answers`,
`diagnosis`). Rule: only observations come in; scenario, plan and configuration are unknown here. What the evidence does not
show is None, and `open_questions` says what would tell. Weak spot: a datagram's route ends with its first receiver.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from lab.model.routes import About, Evidence, Hop, Route, Stage, StreamTold, TlsAtHop
from lab.trace import cite
from lab.trace.account import Account, Story, accounts
from lab.trace.answers import answerer, dispatched
from lab.trace.asked import asked, one_of, parts
from lab.trace.blind import question
from lab.trace.counts import counts
from lab.trace.database import hops as asked_hops
from lab.trace.datagram_routes import datagram
from lab.trace.diagnosis import line, stop, stopped_by
from lab.trace.ends import ending
from lab.trace.following import claims, follow
from lab.trace.habits import habits
from lab.trace.handed_on import handed_on
from lab.trace.hops import hop
from lab.trace.index import build, gaps
from lab.trace.moments import Memo, up_to
from lab.trace.owners import World, world
from lab.trace.quic_told import over_quic
from lab.trace.stages import stages
from lab.trace.sure import certificate_open, least, route_open, stage_open, timeline_open
from lab.trace.talk import TLS
from lab.trace.timeline import timeline
from lab.trace.tls_roles import ends, holders, role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.observations import ClientReport, Observations, SentStream
    from lab.trace.asked import Asked
    from lab.trace.following import Claims, Path

    View = tuple[World, Claims]


def trace(seen: Observations) -> tuple[Route, ...]:
    """One route for each client report, in their order: of a look from what was seen up to it, else from everything."""
    memo = Memo()
    whole = cache(lambda: _view(seen, memo))
    return tuple(_route(_view(up_to(seen, r.finished_ns), memo) if r.moment else whole(), r) for r in seen.clients)


def _view(seen: Observations, memo: Memo) -> View:
    seen = replace(seen, clients=tuple(part for report in seen.clients for part in parts(report)))
    known = world(build(seen, memo))
    claimed = claims(known, seen.clients)
    return replace(known, habits=habits(known.index, handed_on(known, seen.clients, claimed))), claimed


def _route(view: View, report: ClientReport) -> Route:
    known, claimed = view
    sent_as_one = None if over_quic(known.index, report) else datagram(known, report, tuple(_evidence(report)))
    if sent_as_one:
        return sent_as_one
    if report.streams:
        return _of_streams(view, report)
    meant = asked(report)
    path = follow(known, report, claimed, meant)
    if path is None:
        return _unseen(known, report)
    others = (one_of(report.sent, report.token, number) for number in range(meant.number))
    earlier = [_story(known, report, other, found) for other in others if (found := follow(known, report, claimed, other))]
    return _told(_story(known, report, meant, path), path, earlier)


def _of_streams(view: View, report: ClientReport) -> Route:
    """Of several streams on one connection: the route is that of the last one opened, and each stream is told beside it."""
    known, claimed = view
    found = [(part, follow(known, part, claimed, asked(part))) for part in parts(report)]
    stories = [_story(known, part, asked(part), path) for part, path in found if path]
    last = found[-1][1]
    if last is None or len(stories) < len(found):
        return _unseen(known, report)
    told = tuple(_stream(each, story) for each, story in zip(report.streams, stories, strict=True))
    return replace(_told(stories[-1], last, stories[:-1]), streams=told)


def _stream(sent: SentStream, story: Story) -> StreamTold:
    hops = tuple(hop(story, place) for place in range(len(story.found)))
    return StreamTold(
        sent.name, sent.stream, least(story), story.reached, stage_open(story),
        hops[-1].evidence,
    )  # fmt: skip


def _story(known: World, report: ClientReport, meant: Asked, path: Path) -> Story:
    """One request followed and judged."""
    found = accounts(known, report, path, meant)
    made, untold = answerer(report, found)
    told = stages(known, report, found, made)
    roles = tuple(role(known, found, place) for place in range(len(found)))
    reached, disputed = dispatched(known, report, found, told, made)
    return Story(known, report, meant, found, told, roles, made, reached, disputed, untold)


def _told(story: Story, path: Path, earlier: list[Story]) -> Route:
    known, report, found, made = story.world, story.report, story.found, story.made
    tls_ends, against = ends(known, report, found, story.roles)
    counted, miscounted = counts(story, earlier)
    at, still_open = stop(story), stage_open(story)
    held = tuple(c for leg in path.legs for c in (leg.receiver.contradiction, leg.sender.contradiction) if c)
    return Route(
        probe=report.probe,
        hops=tuple(hop(story, place) for place in range(len(found))),
        tls_ends_at=tls_ends,
        stage=least(story),
        dispatched=story.reached,
        diagnosis=line(story),
        status=_status(story),
        answered_by=found[made].container if made is not None else None,
        stopped_by=stopped_by(story, at) if at is not None and not still_open else None,
        certificate_of=holders(known, report),
        evidence=tuple(_evidence(report)),
        contradictions=(*against, *story.disputed, *miscounted, *held),
        open_questions=tuple(dict.fromkeys((*path.open_questions, *story.untold, *_questions(story)))),
        moment=report.moment,
        stage_open=still_open,
        route_open=route_open(story, path),
        counts=counted,
        body=report.body,
        certificate_open=certificate_open(story),
        timeline=timeline(story),
        timeline_open=timeline_open(known.index, [leg.receiver.namespace for leg in path.legs]),
        ending=ending(story),
        database=_database(story),
    )


def _status(story: Story) -> int | None:
    """Of the request that is meant: the client tells that of the last answer, and bytes that are no request get answers too."""
    got = story.report.status
    return story.found[0].code or got if got is not None else None


def _database(story: Story) -> tuple[Hop, ...]:
    found: tuple[Hop, ...] = ()
    for here in story.found:
        found += asked_hops(story.world, here.questions, len(story.found) + len(found) + 1, here.number)
    return found


def _unseen(known: World, report: ClientReport) -> Route:
    """Not even the client's own connection is in the capture."""
    lost = gaps(known.index, "packets", report.namespace)
    sure = not lost and report.error is not None and report.error.during == "resolve"
    blind = "" if sure else next(iter(lost), f"no packet of it was captured in {report.namespace}")
    why = report.error.text if report.error else "no connection of it was captured"
    return Route(
        report.probe, (), (), Stage.SENT, False if sure else None,
        f"stopped at sent, because {why} (client.jsonl:{report.line})" if sure else f"not known: {why}",
        status=report.status, certificate_of=holders(known, report), evidence=tuple(_evidence(report)),
        open_questions=() if sure else (f"no packet of it was captured in {report.namespace}", *lost),
        moment=report.moment, stage_open=blind, route_open=blind, certificate_open=blind, timeline_open=blind, body=report.body,
    )  # fmt: skip


def _evidence(report: ClientReport) -> Iterator[Evidence]:
    """What the client itself saw. Of a request that only passed there is no such word."""
    if not report.line:
        return
    if report.status is not None:
        yield cite.client(report, f"the client got status {report.status}")
    if report.error:
        yield cite.client(report, f"the client failed during {report.error.during}: {report.error.kind}, {report.error.text}")
    if report.tls:
        leaf = report.tls.chain_sha256[0][:16] if report.tls.chain_sha256 else "none"
        yield cite.client(report, f"the client agreed on {report.tls.version}, leaf {leaf}…", About.CERTIFICATE)


def _questions(story: Story) -> Iterator[str]:
    """What the evidence leaves open, and what would tell."""
    for here, tls, stage in zip(story.found, story.roles, story.stages, strict=True):
        yield from _of_hop(here, tls, stage)
        yield from filter(None, (here.doubted,))
        yield from here.questions.untold
        known = here.container in story.world.index.reports or here.container in story.world.habits.forwarders
        if stage is Stage.PARSED and not here.children and not known:
            who = here.container or "its receiver"
            yield f"whether {who} found a route or entered a handler: it sent nothing on, and reports nothing"
        yield from (question(story.world, here.number, each) for each in here.blind)
        if here.unseen:
            yield f"whether hop {here.number} was carried on by UNIX socket: {here.unseen}"
        for view in here.leg.connection.views:
            lost = gaps(story.world.index, "packets", view.namespace)
            yield from (f"what the packets that were lost in {view.namespace} carried: {why}" for why in lost)


def _of_hop(here: Account, tls: TlsAtHop | None, stage: Stage) -> Iterator[str]:
    flow, number = here.leg.flow, here.number
    if here.leg.talk.protocol == TLS and tls is None:
        yield f"what became of TLS on hop {number}: nothing behind it was captured that would tell"
    if stage is Stage.ESTABLISHED and here.had is None:
        yield f"whether a process accepted hop {number}: a socket row or the kernel's timeline would tell"
    if stage in (Stage.READABLE, Stage.ACCEPTED) and here.taken is None:
        yield f"whether a process read the bytes of hop {number}: the kernel's timeline would tell"
    if here.leg.bond == "time alone":
        yield f"whether hop {number} carries this probe: only its time ties it to the one before"
    if here.leg.connection.receiver is None and not flow.attempt:
        yield f"who received hop {number}: in no namespace that has {flow.server[0]} a packet of it was captured"
    elif here.had and here.container is None:
        yield f"which container received hop {number}: no witness names the process"
    for direction in (flow.up, flow.down):
        if direction.missing:
            yield f"what hop {number} carried further on: {direction.missing}"
