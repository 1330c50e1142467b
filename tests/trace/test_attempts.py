"""Connections that a kernel was asked for and of which no packet went out: nobody answers for the address."""

from __future__ import annotations

import pytest

from lab.model.observations import ClientError
from lab.model.routes import Stage
from tests.trace.wire import OK, Conversation, Lab, answer, get

NOBODYS = ("10.0.0.77", 3000)


def proxied() -> tuple[Lab, Conversation, Conversation]:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy = lab.container("proxy", "edge", 2007)
    lab.listen(("0.0.0.0", 80), proxy)
    first = lab.tcp("client", ("10.0.0.9", 40000), "edge", ("10.0.0.2", 80), reader=proxy)
    return lab, first, lab.tcp("edge", ("10.0.0.2", 50000), None, NOBODYS, writer=proxy)


@pytest.mark.parametrize("over", [True, False])
def test_an_attempt_at_an_address_that_nobody_has_is_a_hop_that_got_nowhere(over: bool) -> None:
    lab, first, silent = proxied()
    first.open().up(get())
    silent.silent(over=over)
    first.down(answer(502))
    lab.report(first, 502)
    route = lab.route()
    found = [(hop.container, hop.stage, hop.parent) for hop in route.hops]
    assert found == [("proxy", Stage.REJECTED, None), (None, Stage.SENT, 1)]
    assert (route.answered_by, route.dispatched, route.stopped_by) == ("proxy", False, None)
    assert route.hops[1].asked == "10.0.0.77:3000"
    assert "no packet of it went out" in route.diagnosis
    assert ("it was given up after 3.0 s" in route.diagnosis) is over
    assert route.hops[1].evidence[0].where.startswith("kernel.jsonl:")
    assert not any("captured" in each for each in route.open_questions)


def test_the_next_attempt_is_a_branch_beside_it() -> None:
    lab, first, silent = proxied()
    app = lab.container("app", "web", 3001)
    lab.listen(("10.0.0.3", 3000), app)
    first.open().up(get())
    silent.silent()
    second = lab.tcp("edge", ("10.0.0.2", 50002), "web", ("10.0.0.3", 3000), reader=app, writer=silent.writer)
    second.open().up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    route = lab.route()
    assert [(hop.container, hop.parent) for hop in route.hops] == [("proxy", None), (None, 1), ("app", 1)]
    assert (route.answered_by, route.stage) == ("app", Stage.ANSWERED)


def test_the_clients_own_attempt_is_told_too() -> None:
    lab = Lab(client="10.0.0.9")
    client = lab.container("client", "client", 900)
    talk = lab.tcp("client", ("10.0.0.9", 40000), None, NOBODYS, writer=client).silent()
    lab.report(talk, None, error=ClientError("connect", "unreachable", "no route to host"))
    route = lab.route()
    assert [(hop.container, hop.stage, hop.received) for hop in route.hops] == [(None, Stage.SENT, False)]
    assert (route.stage, route.dispatched) == (Stage.SENT, False)


def test_control_an_attempt_whose_syn_was_refused_is_told_once_by_its_packets() -> None:
    lab, first, silent = proxied()
    first.open().up(get())
    silent.syn().refuse()
    first.down(answer(502))
    lab.report(first, 502)
    assert [hop.stage for hop in lab.route().hops] == [Stage.REJECTED, Stage.REFUSED]


def test_control_where_packets_were_lost_none_is_made_up() -> None:
    lab, first, silent = proxied()
    first.open().up(get())
    silent.silent()
    first.down(answer(502))
    lab.report(first, 502)
    assert len(lab.route().hops) == 2
    lab.gap("packets", "edge")
    assert len(lab.route().hops) == 1


def test_control_an_attempt_before_the_request_is_not_its() -> None:
    lab, first, silent = proxied()
    silent.silent()
    lab.tick(300_000)
    first.open().up(get()).down(answer(502))
    lab.report(first, 502)
    assert len(lab.route().hops) == 1
