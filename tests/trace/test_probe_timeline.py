"""A probe's timeline: every witness on one clock, each line with its observation, and no more lines than a person reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.trace import timeline as timelines
from tests.trace.wire import OK, TOKEN, Conversation, Lab, Tls, get, speak

if TYPE_CHECKING:
    from lab.model.routes import Moment

WEB = ("10.0.0.3", 8080)
CLIENT = ("10.0.0.9", 40000)


def one(*, tls: bool = False) -> tuple[Lab, Conversation]:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    app = lab.container("app", "web", 3001, program="python3")
    lab.listen(WEB, app)
    talk = lab.tcp("client", CLIENT, "web", WEB, reader=app).open()
    if tls:
        speak(talk, Tls(), get(), OK)
    else:
        talk.up(get()[:40])
        talk.up(get()[40:])
        lab.app("dispatched", app, talk)
        lab.tick()
        talk.down(OK)
    lab.row("web", "ESTAB", WEB, CLIENT, (3001,), recv_q=3, look="order")
    lab.report(talk)
    return lab, talk


def told(lines: tuple[Moment, ...], vantage: str = "web") -> list[str]:
    return [line.event for line in lines if line.vantage == vantage]


def test_every_witness_is_on_it_in_order_of_time() -> None:
    lab, _ = one()
    lines = lab.route().timeline
    assert [line.time_ns for line in lines] == sorted(line.time_ns for line in lines)
    assert {str(line.evidence.witness) for line in lines} == {"packets", "kernel", "sockets", "application", "client"}
    assert all(line.hop == 1 for line in lines if line.evidence.witness != "client")
    first = next(line for line in lines if line.event == "SYN")
    assert first.since_ns == 0
    assert min(line.since_ns for line in lines) < 0  # the client began before it sent anything


def test_packets_are_named_by_what_they_bring() -> None:
    lab, _ = one()
    lines = lab.route().timeline
    assert [event for event in told(lines, "client") if event not in ("begins", "answered 200")] == [
        "SYN", "SYN-ACK", "ACK: handshake done", "part of head GET /orders", "end of head GET /orders", "answer 200",
    ]  # fmt: skip
    assert [(line.event, line.size) for line in lines if line.process == "python3 (pid 1) of app"] == [
        ("read", 40), ("read", len(get()) - 40), ("reports dispatched", None), ("wrote", len(OK)), ("ESTAB, unread", 3),
    ]  # fmt: skip


def test_inside_tls_only_records_are_named() -> None:
    lab, _ = one(tls=True)
    events = told(lab.route().timeline, "client")
    assert "ClientHello" in events
    assert "ServerHello and more" in events
    assert not any("GET" in event for event in events)


def test_what_came_twice_and_what_came_too_early_is_said() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    app = lab.container("app", "web", 3001)
    talk = lab.tcp("client", CLIENT, "web", WEB, reader=app).open()
    begin = talk.up_seq
    for at, part in ((20, get()[20:]), (0, get()[:20]), (0, get()[:20])):
        talk.up_seq = begin + at
        talk.packet("up", "PA", part)
    talk.packet("down", "RA")
    lab.report(talk, None)
    early, part = "end of head GET /orders, before what precedes it", "part of head GET /orders"
    assert told(lab.route().timeline)[-4:] == [early, part, f"{part}, retransmission", "RST"]


def test_what_the_kernel_did_is_the_kernels_and_what_nobody_saw_is_not_there() -> None:
    lab, talk = one()
    for event in ("ready", "retransmit", "reset received"):
        lab.event(event, None, talk.sockets[1])
    lab.clients[-1] = replace(lab.clients[-1], finished_ns=lab.tick())
    lines = lab.route().timeline
    assert {line.process for line in lines if line.event in ("ready", "retransmit", "reset received")} == {"kernel"}
    assert not any(line.event == "accepted" for line in lines)  # no accept can be tied to it


def test_an_accept_is_told_where_only_one_can_have_been_its() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    app = lab.container("app", "web", 3001)
    talk = lab.tcp("client", CLIENT, "web", WEB, reader=app).open()
    lab.event("accept", app, 0, size=5)
    talk.up(get()).down(OK)
    lab.report(talk)
    assert [line.process for line in lab.route().timeline if line.event == "accepted"] == ["app (pid 1) of app"]
    lab.kernel.insert(0, replace(next(e for e in lab.kernel if e.event == "accept"), line=99))
    assert not [line for line in lab.route().timeline if line.event == "accepted"]


def test_another_request_on_a_pooled_connection_is_not_told() -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    inner = lab.tcp("edge", ("10.0.0.2", 50000), "web", WEB, reader=app, writer=proxy).open()
    inner.up(get("0" * 16, "/other")).down(OK)
    lab.tick(1000)
    first = lab.tcp("client", CLIENT, "edge", ("10.0.0.2", 80), reader=proxy).open().up(get())
    inner.up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    events = [line.event for line in lab.route().timeline if line.hop == 2]
    assert "head GET /orders" in events
    assert not any("/other" in event for event in events)


@pytest.mark.parametrize("count", [3, 400])
def test_a_long_one_is_cut_and_says_so(count: int) -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    app = lab.container("app", "web", 3001)
    talk = lab.tcp("client", CLIENT, "web", WEB, reader=app).open()
    for _ in range(count):
        talk.up(TOKEN.encode())
    lab.report(talk, None, sent=TOKEN.encode() * count, token="")
    lines = lab.route().timeline
    cut = [line for line in lines if line.event.startswith("…")]
    assert len(lines) <= timelines.MOST
    assert bool(cut) == (count == 400)
    if cut:
        whole = sum(1 for p in lab.packets if p.payload) + sum(e.event == "read" for e in lab.kernel)
        assert int(cut[0].event.split()[1]) + len(lines) - 1 >= whole


def test_each_line_cites_an_observation_that_is_there() -> None:
    lab, _ = one()
    there = {f"{p.file}:{p.number}" for p in lab.packets} | {f"kernel.jsonl:{e.line}" for e in lab.kernel}
    there |= {f"sockets.jsonl:{r.line}" for r in lab.rows} | {f"client.jsonl:{c.line}" for c in lab.clients}
    there |= {f"{e.file}:{e.line}" for e in lab.application}
    assert {line.evidence.where for line in lab.route().timeline} <= there
