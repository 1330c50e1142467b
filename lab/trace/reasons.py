"""Why a request stopped where it did: for each stage what was seen, and where it can be looked up.

Rule: a reason is a row of one table and cites packets, socket rows or reports. How the connection ended is told behind it,
with who ended it first. Weak spot: a process that was killed and one that closed look alike on the wire: the kernel closes
for both.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from lab.model.routes import Stage
from lab.trace import quic_told
from lab.trace.cite import place
from lab.trace.handshake import ALERT_MOST, client_finished
from lab.trace.http import flaws
from lab.trace.index import SLACK_NS
from lab.trace.listeners import written
from lab.trace.streams import packet_at
from lab.trace.talk import TLS
from lab.trace.tls_records import ALERTS, APPLICATION, clear_alerts
from lab.trace.underway import under_way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lab.model.observations import ClientReport, Packet
    from lab.trace.account import Account
    from lab.trace.flows import Flow
    from lab.trace.lives import Life
    from lab.trace.messages import Message
    from lab.trace.streams import Stream
    from lab.trace.underway import UnderWay

CLIENT = "client"


def because(report: ClientReport, here: Account, stage: Stage, sender: str) -> str:
    """What was seen, and where. `sender`: who sent on this leg, in words."""
    flow = here.leg.flow
    syn = flow.syns[0] if flow.syns else None
    if flow.quic and here.leg.failed:
        return quic_told.unanswered(here, stage)
    if flow.attempt:
        return _nothing_sent(flow, flow.attempt)
    if stage is Stage.REFUSED and syn and flow.refused:
        return f"SYN ({place(syn)}) was answered with RST ({place(flow.refused)})"
    if stage in (Stage.DROPPED, Stage.ON_INTERFACE, Stage.SENT) and syn:
        again = f", sent {len(flow.syns)} times" if len(flow.syns) > 1 else ""
        return f"SYN ({place(syn)}){again}, was {_half(here) if here.leg.half else f'never answered{_queue(here)}'}"
    return _inside(here, stage) + _on_the_way(here, sender) + ended(report, here, sender)


def _on_the_way(here: Account, sender: str) -> str:
    """What was sent and is not there."""
    found = None if here.answered else under_way(here.leg)
    return f"; of {here.container or 'its receiver' if found.back else sender}, {_unacknowledged(found)}" if found else ""


def _nothing_sent(flow: Flow, attempt: Life) -> str:
    last = attempt.states[-1]
    over = f"; it was given up after {(last.time_ns - attempt.begun_ns) / 1e9:.1f} s (kernel.jsonl:{last.line})"
    asked = f"{written(flow.server)} (kernel.jsonl:{attempt.first.line})"
    none = f"no packet of it went out, as where nobody has the address{over if last.new_state == 'CLOSE' else ''}"
    return f"the kernel of {flow.namespace} was asked for a connection to {asked}, and {none}"


def kept_back(report: ClientReport, here: Account, behind: Iterable[Account], sender: str) -> str:
    """An answer came to the receiver of this leg, and none went on. `behind`: the legs that its receiver sent."""
    answered = [each for each in behind if each.answered]
    back = f"the answer{_code(answered[-1])} of {answered[-1].container or 'its upstream'}{_back(answered[-1])} came"
    return f"{back} to {here.container or 'its receiver'}, which sent none on{ended(report, here, sender)}"


def _half(here: Account) -> str:
    """A handshake that was begun and not ended: which of its segments did not come."""
    accepted, row = here.leg.flow.accepted, here.leg.receiver.row
    state = f", and the socket is still SYN-RECV (sockets.jsonl:{row.line})" if row else ""
    if accepted is None:
        return f"taken by the kernel, and its SYN-ACK has not come to any interface{state}"
    return f"answered with SYN-ACK ({place(accepted)}), and the acknowledgement that ends the handshake has not come{state}"


def gone_astray(here: Account) -> str:
    """An answer was sent on this leg, and has not come."""
    found = under_way(here.leg)
    return f"{here.container or 'its receiver'} answered, and {_unacknowledged(found)}" if found else "its answer has not come"


def _unacknowledged(found: UnderWay) -> str:
    return f"{found.size} bytes that it sent are not acknowledged (sockets.jsonl:{found.row.line})"


def _code(here: Account) -> str:
    return f" {here.code}" if here.code else ""


def _back(here: Account) -> str:
    return f" ({place(here.answer)})" if here.answer else ""


def _queue(here: Account) -> str:
    full = here.leg.receiver.full
    told = [e for e in here.leg.receiver.evidence if full and e.where == f"sockets.jsonl:{full.line}" and "full" in e.says]
    return f": {told[0].says} ({told[0].where})" if told else ""


def _inside(here: Account, stage: Stage) -> str:
    """After the handshake of TCP."""
    reasons: dict[Stage, Callable[[Account], str]] = {
        Stage.ESTABLISHED: _unowned,
        Stage.ACCEPTED: _nothing_came,
        Stage.READABLE: _unread,
        Stage.READ: lambda h: f"{h.misfit or f'{h.came} bytes came'}{_first(h)}, and no answer",
        Stage.TLS_UNFINISHED: _handshake,
        Stage.TLS_ENDED: lambda h: f"the TLS handshake was finished{_first(h)}, and no answer came",
        Stage.HEAD_INCOMPLETE: lambda h: f"no blank line ended the head{_first(h)}",
        Stage.PARSED: lambda h: f"the head is complete{_first(h)}{body(h)}, and nothing more was seen of it",
        Stage.REJECTED: _rejection,
        Stage.DISPATCHED: lambda h: f"a handler was entered{reported(h, 'dispatched')} and did not answer{body(h)}",
        Stage.QUERIED: lambda h: f"the handler asked its database{_asked(h)} and did not answer",
    }
    reason = reasons.get(stage)
    return reason(here) if reason else f"nothing more was seen of it{reported(here, 'dispatched', 'parsed')}{body(here)}"


def _unread(here: Account) -> str:
    if here.taken is None:
        return f"{here.came} bytes came{_first(here)}, and nothing tells whether a process read them"
    return f"{here.came} bytes came{_first(here)} and lie unread{_row(here)}{_looked(here)}"


def _looked(here: Account) -> str:
    """Whether a process looked at them without taking them (recv(2), MSG_PEEK)."""
    life = here.leg.receiver.life
    look = next((e for e in reversed(life.moves) if e.peek and e.size > 0), None) if life else None
    return f"; its process only looked at {look.size} of them (kernel.jsonl:{look.line})" if look else ""


def _unowned(here: Account) -> str:
    accepted, row = here.leg.flow.accepted, here.counted.unread or here.leg.receiver.row
    shaken = f"the kernel finished the handshake ({place(accepted)})" if accepted else "the connection was there"
    if row and row.state == "SYN-RECV" and not row.inode:
        return f"the client's handshake is done, and the socket is still SYN-RECV{_row(here)}: no process is given it yet"
    if here.leg.receiver.owned is False:
        waiting = f", {here.came} bytes wait" if here.came else ""
        return f"{shaken}, and no process owned it{waiting}{_row(here)}"
    return f"{shaken}, and nothing shows that a process accepted it"


def _nothing_came(here: Account) -> str:
    if not here.came:
        return "no byte of a request came"
    if here.counted.delivered <= here.leg.talk.begin:
        return f"{here.came} bytes came to the interface{_first(here)} and were never acknowledged"
    return f"{here.came} bytes came{_first(here)}, and nothing shows that a process read them"


def _row(here: Account) -> str:
    row = here.counted.unread or here.leg.receiver.row
    return f" (sockets.jsonl:{row.line})" if row else ""


def _first(here: Account) -> str:
    up = here.leg.flow.up
    return f" ({place(packet_at(up, here.leg.talk.begin))})" if here.leg.talk.begin < len(up.data) else ""


def reported(here: Account, *events: str) -> str:
    """The application's own report of a step, cited."""
    event = next((e for e in here.events if e.event in events), None)
    return f" ({event.file}:{event.line}: {event.event} {event.detail}".rstrip() + ")" if event else ""


def _asked(here: Account) -> str:
    told = here.questions.told
    return f" ({place(told[-1].packet)})" if told else reported(here, "queried")


def body(here: Account) -> str:
    """What is missing of the body, in words; empty: nothing, or it cannot be told."""
    message = awaited(here)
    if message is None:
        return ""
    if message.chunked:
        return f", {message.body} bytes of the body came and the last chunk did not"
    return f", {message.body} of {message.awaited} bytes of the body came"


def awaited(here: Account) -> Message | None:
    """The request, if its head is complete and its body is not."""
    if here.leg.talk.protocol != TLS:
        message = here.leg.talk.message
    elif here.outer and here.meant.messages and not here.meant.token:
        message = here.meant.messages[here.meant.number]
    else:
        return None
    if message is None or message.head is None or not message.head.complete or message.fault:
        return None
    return None if message.whole else message


def _handshake(here: Account) -> str:
    said, flow = here.leg.talk, here.leg.flow
    for who, found, stream in (("sender", said.up_records, flow.up), ("receiver", said.down_records, flow.down)):
        for alert in clear_alerts(found):
            return f"the {who} sent alert {alert.name} ({place(packet_at(stream, alert.offset))})"
    if said.hello is None:
        return f"the ClientHello is not complete{_first(here)}"
    if here.finished is False and client_finished(said) and said.down_records and flow.down.pieces:
        last = packet_at(flow.down, said.down_records[-1].offset)
        if last.time_ns > flow.up.pieces[-1].time_ns:
            return f"the receiver answered the client's Finished with an encrypted alert ({place(last)})"
    return f"nothing finished the handshake that the ClientHello began{_first(here)}"


def _rejection(here: Account) -> str:
    """What was answered, and what is known of why."""
    code = here.code
    if code:
        told = f"it answered {code} ({_phrase(code)}) itself"
    elif here.leg.flow.down.data[:2] == b"\x15\x03" and len(here.leg.flow.down.data) >= 7:
        alert = here.leg.flow.down.data[6]
        told = f"it answered with TLS alert {ALERTS.get(alert, alert)}"
    else:
        told = "it answered itself"
    at = f" ({place(here.answer)})" if here.answer else ""
    why = why_refused(here)
    return f"{told}{at}{reported(here, 'rejected')}{f': {why}' if why else ''}"


def _phrase(code: int) -> str:
    return HTTPStatus(code).phrase if code in {each.value for each in HTTPStatus} else "unknown"


def why_refused(here: Account) -> str:
    """What is wrong with what came, as far as that can be seen from outside."""
    if here.misfit:
        return here.misfit
    data = here.meant.data if here.outer else here.request
    message = here.leg.talk.message
    if message is None and here.outer and here.meant.messages:
        message = here.meant.messages[here.meant.number]
    return "; ".join((*flaws(data), *([message.fault] if message and message.fault else [])))


def ended(report: ClientReport, here: Account, sender: str) -> str:
    """How the connection ended without an answer, and who ended it first."""
    first = first_end(report, here)
    if first is None or here.answered:
        return ""
    packet, by_sender = first
    who = sender if by_sender else here.container or "the receiver"
    how = "reset" if "R" in packet.flags else "closed"
    return f"; it was {how} by {who} ({place(packet)})"


def first_word(report: ClientReport, here: Account) -> tuple[Packet, bool] | None:
    """The first alert, FIN or reset while the probe was on its way, and whether the sender of this leg sent it: what comes
    after it only answers it. An encrypted alert is told from its length."""
    end, until = first_end(report, here), report.finished_ns + SLACK_NS
    found = [(packet_at(stream, at), sent) for stream, at, sent in _alerts(here)]
    found = [each for each in found if each[0].time_ns <= until] + ([end] if end else [])
    return min(found, key=lambda each: each[0].time_ns, default=None)


def _alerts(here: Account) -> Iterator[tuple[Stream, int, bool]]:
    said, flow = here.leg.talk, here.leg.flow
    for records, stream, by_sender in ((said.up_records, flow.up, True), (said.down_records, flow.down, False)):
        hidden = [r.offset for r in records if r.kind == APPLICATION and len(r.body) <= ALERT_MOST]
        for at in (*(alert.offset for alert in clear_alerts(records)), *hidden):
            yield stream, at, by_sender


def first_end(report: ClientReport, here: Account) -> tuple[Packet, bool] | None:
    """The first FIN or reset while the probe was on its way, and whether the sender of this leg sent it."""
    flow = here.leg.flow
    until = report.finished_ns + SLACK_NS
    found = [(p, True) for p in (flow.up.fin, flow.up.reset) if p] + [(p, False) for p in (flow.down.fin, flow.down.reset) if p]
    return min((each for each in found if each[0].time_ns <= until), key=lambda each: each[0].time_ns, default=None)
