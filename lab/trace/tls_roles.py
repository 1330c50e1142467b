"""What the receiver of each leg did with TLS, and where TLS ended.

| on this leg | on the next | the process between |
|---|---|---|
| ClientHello with random R | ClientHello with the same R | passed it through |
| ClientHello R | somewhere further on a ClientHello with the same R | passed it through, inside another session |
| ClientHello R | ClientHello with another, and its ServerHello came before anything could come back | ended it and began a new session |
| ClientHello R | ClientHello with another, and its ServerHello may have come from behind | not known |
| ClientHello R | readable bytes | ended it |
| ClientHello R | no further leg, the handshake was finished and the answer came | ended it, and answered |
| ClientHello R | no further leg, no process took it or the handshake failed | nothing |
| readable bytes | ClientHello | began TLS |
| readable bytes | readable bytes, or nothing | nothing |
| readable bytes | one of several connections, and nothing tells which | not known |
| ClientHello R | nothing captured, or packets lost | not known |

Source: the chapter's own table in the project's design. The second witness is the certificate: who holds the key of the
leaf that the client accepted. It speaks of the first TLS session only. A process that speaks over a UNIX socket has ended TLS
only if its ServerHello was sent before anything came back there. Weak spot: shared memory between two containers.
"""  # noqa: E501 - a table

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import About, Contradiction, Evidence, TlsAtHop, TlsEnd, Witness
from lab.trace import bonds, cite
from lab.trace.handshake import requests
from lab.trace.index import gaps
from lab.trace.streams import packet_at
from lab.trace.talk import TLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.observations import ClientReport
    from lab.trace.account import Account
    from lab.trace.blind import Exchange
    from lab.trace.owners import World


def role(world: World, all_legs: Sequence[Account], place: int) -> TlsAtHop | None:
    """What the receiver did with TLS on this leg; None: not known."""
    here = all_legs[place]
    onward = [all_legs[n] for n in here.children if not all_legs[n].leg.failed and all_legs[n].leg.talk.protocol]
    if here.leg.talk.protocol != TLS:
        return _in_clear(here, onward)
    if any(each.leg.bond in (bonds.SAME_HELLO, bonds.IDENTICAL) for each in onward) or _again(all_legs, place):
        return TlsAtHop.PASSED_THROUGH
    if onward:
        return TlsAtHop.ENDED if all(_made_its_hello(here, each) for each in onward) else None
    return _alone(world, here)


def _in_clear(here: Account, onward: Sequence[Account]) -> TlsAtHop | None:
    """Readable bytes came; where they may have gone on over a connection that nothing ties to them, TLS may have begun."""
    if any(each.leg.talk.protocol == TLS for each in onward):
        return TlsAtHop.BEGUN
    elsewhere = here.untold and not (onward or here.blind or here.unseen)
    return None if elsewhere else TlsAtHop.NONE


def _again(all_legs: Sequence[Account], place: int) -> bool:
    """Whether the same session comes out again further on: what lies between carried it inside another one."""
    hello = all_legs[place].leg.talk.hello
    behind = {place}
    for number, each in enumerate(all_legs):
        if each.leg.parent in behind:
            behind.add(number)
            said = each.leg.talk.hello
            if hello and said and said.random == hello.random:
                return True
    return False


def _made_its_hello(here: Account, onward: Account) -> bool:
    """Whether the ServerHello is the receiver's own. One that it only passes on, out of a session around it, comes back after
    the ClientHello was sent on there: encrypted, so as a record behind that session's handshake."""
    if onward.leg.talk.protocol != TLS or not here.leg.talk.down_records:
        return True
    first = packet_at(here.leg.flow.down, here.leg.talk.down_records[0].offset).time_ns
    sent = [packet_at(onward.leg.flow.up, record.offset).time_ns for record in requests(onward.leg.talk)]
    return not any(here.leg.flow.begun_ns <= time_ns <= first for time_ns in sent)


def _alone(world: World, here: Account) -> TlsAtHop | None:
    """No further leg."""
    if here.leg.receiver.owned is False or here.barred:
        return TlsAtHop.NONE
    namespace = here.leg.receiver.namespace
    if any(_may_be_behind(here, each) for each in here.blind):
        return None
    if namespace is None or gaps(world.index, "packets", namespace):
        return None
    if (here.finished or here.early) and (here.answered or here.said("tls", "parsed", "dispatched") or here.leg.talk.reply):
        return TlsAtHop.ENDED
    return None


def _may_be_behind(here: Account, exchange: Exchange) -> bool:
    """Whether the ServerHello may have come over a UNIX socket: something was read there before it was sent."""
    if not here.leg.talk.down_records:
        return True
    first = packet_at(here.leg.flow.down, here.leg.talk.down_records[0].offset).time_ns
    return any(event.time_ns <= first for event in exchange.back)


def holders(world: World, report: ClientReport) -> tuple[str, ...]:
    """Containers that hold the leaf which the client accepted."""
    if report.tls is None or not report.tls.chain_sha256:
        return ()
    leaf = report.tls.chain_sha256[0].lower()
    return tuple(dict.fromkeys(c.container for c in world.index.seen.inventory.certificates if c.sha256.lower() == leaf))


def ends(
    world: World, report: ClientReport, found: Sequence[Account], roles: Sequence[TlsAtHop | None]
) -> tuple[tuple[TlsEnd, ...], tuple[Contradiction, ...]]:
    """Where TLS ended, from the client inwards, and what contradicts it."""
    places = [n for n, each in enumerate(roles) if each is TlsAtHop.ENDED]
    told = tuple(_end(world, report, found, n) for n in places)
    owners = holders(world, report)
    first = next((n for n in places if found[n].outer), None)
    if first is None or not owners or found[first].container in (None, *owners):
        return told, ()
    packets = next(iter(evidence(found, first)))
    return told, (Contradiction("where the client's TLS session ended", packets, _certificate(report, owners)),)


def _end(world: World, report: ClientReport, found: Sequence[Account], place: int) -> TlsEnd:
    here = found[place]
    owner, owners = here.leg.receiver, holders(world, report)
    process = world.index.processes.get(owner.pid or 0)
    local = owner.local or here.leg.flow.server
    told = list(evidence(found, place))
    if here.outer and here.container in owners:
        told.append(_certificate(report, owners))
    told += [cite.application(e) for e in here.events if e.event in ("tls", "dispatched")]
    if owner.life and here.leg.talk.hello:
        told += [e for e in owner.evidence if e.witness is Witness.KERNEL]
    return TlsEnd(
        here.number, here.container or "unknown", (process.name or None) if process else None,
        process.namespace_pid if process else None, local[0], local[1], tuple(told),
    )  # fmt: skip


def _certificate(report: ClientReport, owners: tuple[str, ...]) -> Evidence:
    leaf = report.tls.chain_sha256[0][:16] if report.tls else ""
    says = f"the client accepted leaf {leaf}…, whose key {' and '.join(owners)} holds"
    return Evidence(Witness.CERTIFICATES, f"client.jsonl:{report.line}", says, About.CERTIFICATE)


def evidence(found: Sequence[Account], place: int) -> Iterator[Evidence]:
    """The packets that a row of the table rests on."""
    here = found[place]
    if cited := hello(here):
        yield cited
    for other in (found[n] for n in here.children if not found[n].leg.failed):
        if cited := hello(other) or readable(other):
            yield cited
    if not here.children and here.answer:
        yield cite.packet(here.answer, "the answer came back on the same connection, and no other carried the request on")


def hello(here: Account) -> Evidence | None:
    """The ClientHello of a leg."""
    said, up = here.leg.talk.hello, here.leg.flow.up
    if said is None:
        return None
    return cite.packet(
        packet_at(up, here.leg.talk.begin),
        f"ClientHello, random {said.random.hex()[:16]}…, SNI {said.sni or 'none'}, ALPN {', '.join(said.alpn) or 'none'}",
        About.BYTES,
    )


def readable(here: Account) -> Evidence | None:
    """The first readable bytes of a leg."""
    said, up = here.leg.talk, here.leg.flow.up
    if said.protocol in (None, TLS) or said.begin >= len(up.data):
        return None
    what = f"{said.head.method} {said.head.target}" if said.head else f"{len(up.data) - said.begin} bytes"
    return cite.packet(packet_at(up, said.begin), f"{what}, readable ({said.protocol})", About.BYTES)
