"""A leg and its account as the `Hop` that a report shows.

Rule: the receiver's container and process are named only if a process had the connection. Weak spot: the evidence of a hop is a
choice of what shows most; all of it lies in the case's folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import About, Hop
from lab.trace import blind, bonds, cite, early_told, identity, quic_told, resumption
from lab.trace.index import HOST, SLACK_NS
from lab.trace.listeners import written
from lab.trace.quic_told import QUIC
from lab.trace.streams import packet_at
from lab.trace.sure import hop_open
from lab.trace.talk import H2, TLS
from lab.trace.tls_roles import hello, readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.observations import ClientReport, Endpoint
    from lab.model.routes import Evidence
    from lab.trace.account import Account, Story
    from lab.trace.asked import Asked


def hop(story: Story, place: int) -> Hop:
    """The hop at `place`."""
    report, meant, here = story.report, story.meant, story.found[place]
    owner, flow = here.leg.receiver, here.leg.flow
    receiver = here.leg.connection.receiver
    process = story.world.index.processes.get(owner.pid or 0) if here.had else None
    local = owner.local or (receiver.server if receiver else flow.server)
    said = here.leg.talk
    return Hop(
        number=here.number, transport=flow.transport, local=written(local), peer=written(flow.client),
        asked=_asked(report, here, place), container=here.container,
        namespace=receiver.namespace if receiver else None, interface=_interface(here),
        listener=written(owner.listener.local) if owner.listener else None,
        process=(process.name or None) if process else None, pid=process.namespace_pid if process else None,
        host_pid=owner.pid if here.had else None, pid_candidates=owner.candidates if not owner.pid else (),
        protocol=QUIC if flow.quic else said.protocol, tls=story.roles[place], sni=said.hello.sni if said.hello else None,
        alpn_offered=said.hello.alpn if said.hello else (), alpn=_alpn(report, here),
        clear=clear(report, meant, here), stage=story.stages[place], received=here.had,
        stage_open=hop_open(story, place), code=here.code, connection=_age(story.found, place),
        session=resumption.session(here), early=early_told.early(here), shows=identity.shows(story.world, here),
        joined_by=here.leg.bond, entry=_entry(report, story.found, place),
        parent=None if here.leg.parent is None else here.leg.parent + 1,
        evidence=tuple(dict.fromkeys((*_evidence(here), *early_told.evidence(report, here)))),
    )  # fmt: skip


def clear(report: ClientReport, meant: Asked, here: Account) -> bool | None:
    """Whether the probe's own bytes could be read on it; None: no bytes, or HTTP/2, in whose packed headers the token was not
    found."""
    if here.leg.talk.protocol == H2 and here.leg.talk.stream:
        return True
    if here.leg.talk.protocol in (None, H2):
        return None
    data = bonds.said(here.leg, report.finished_ns + SLACK_NS)
    if here.leg.talk.protocol == TLS:
        return False
    if meant.token:
        return bonds.own(data, meant)
    return bonds.own(data, meant) or (bool(data) and data[: len(meant.data)] in meant.data) or here.leg.bond is not None


def _age(found: Sequence[Account], place: int) -> str:
    """Whether a connection was there before the client's own."""
    first, here = found[0].leg.connection, found[place].leg.connection
    older = here.begun_ns < first.begun_ns if place else not here.best.syns
    return "kept" if older else "new"


def _asked(report: ClientReport, here: Account, place: int) -> str:
    if place == 0:
        return written(report.peer or report.asked)
    sender = here.leg.connection.sender
    return written(sender.server if sender else here.leg.flow.server)


def _interface(here: Account) -> str | None:
    receiver = here.leg.connection.receiver
    packets = [p for p in receiver.packets if p.source == receiver.client] if receiver else []
    return packets[0].interface if packets else None


def _alpn(report: ClientReport, here: Account) -> str | None:
    if here.leg.talk.protocol != TLS:
        return None
    if here.outer and report.tls:
        return report.tls.alpn
    reply = here.leg.talk.reply
    return None if reply is None or reply.version == "TLSv1.3" else reply.alpn or "none"


def _entry(report: ClientReport, found: Sequence[Account], place: int) -> str | None:
    """How a request from the host came into the first namespace that is not the host's."""
    receiver = found[place].leg.connection.receiver
    if report.namespace != HOST or receiver is None or receiver.namespace == HOST:
        return None
    earlier = [found[n].leg.connection.receiver for n in range(place)]
    if any(each is None or each.namespace != HOST for each in earlier):
        return None
    if earlier:
        return "forwarder"
    return "direct" if _asked_endpoint(report) == receiver.server else "dnat"


def _asked_endpoint(report: ClientReport) -> Endpoint:
    return report.peer or report.asked


def _bond(here: Account) -> Iterator[Evidence]:
    """What the kernel says of the process that sent it, where only that ties it to the hop before."""
    life = here.leg.sender.life
    if here.leg.bond != bonds.PROCESS or life is None:
        return
    pid = here.leg.sender.pid
    if life.connecter == pid:
        yield cite.kernel(life.first, f"host pid {pid}, which had the hop before, opened this connection")
    else:
        wrote = next((e for e in life.moves if e.pid == pid and e.event == "write"), life.first)
        yield cite.kernel(wrote, f"host pid {pid}, which read the hop before, wrote here")


def _tunnel(here: Account) -> Iterator[Evidence]:
    opened, up = here.leg.talk.tunnel, here.leg.flow.up
    if opened:
        begin = here.leg.talk.proxied.size if here.leg.talk.proxied else 0
        yield cite.packet(packet_at(up, begin), f"CONNECT {opened.target}, and the tunnel was opened")


def _evidence(here: Account) -> Iterator[Evidence]:
    flow = here.leg.connection.receiver or here.leg.flow
    if flow.quic:
        yield from quic_told.evidence(flow, flow.quic)
    elif flow.attempt:
        said = f"a connection to {written(flow.server)} was asked for, and no packet of it went out"
        yield cite.kernel(flow.attempt.first, said, About.CONNECTION)
    elif flow.syns:
        again = f", sent {len(flow.syns)} times" if len(flow.syns) > 1 else ""
        yield cite.packet(flow.syns[0], f"SYN from {written(flow.client)} to {written(flow.server)}{again}", About.CONNECTION)
    if flow.refused and not flow.quic:
        yield cite.packet(flow.refused, "RST: refused", About.CONNECTION)
    if flow.accepted and not flow.quic:
        yield cite.packet(flow.accepted, "SYN-ACK: the kernel took the connection", About.CONNECTION)
    yield from _tunnel(here)
    yield from filter(None, (hello(here), resumption.evidence(here), identity.evidence(here), readable(here)))
    yield from here.leg.receiver.evidence
    yield from _bond(here)
    for exchange in here.blind:
        yield from blind.evidence(exchange)
    if here.answer:
        yield cite.packet(here.answer, f"an answer{f', {here.code}' if here.code else ''}", About.ANSWER)
    yield from (cite.application(e) for e in here.events if e.event in ("tls", "parsed", "dispatched", "rejected", "answered"))
