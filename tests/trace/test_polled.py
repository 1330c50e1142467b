"""A worker without a listener that polls: the request's way goes against the connection's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.model.routes import Stage
from tests.trace.wire import OK, TOKEN, Conversation, Lab, Process, get

POLL = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n"
DONE = b"POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
NEXT = b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"headers": {"lab-probe": "%s"}}'


def sandbox() -> tuple[Lab, Process, Process, Conversation, Conversation]:
    """A gateway and a function that share a namespace; the function has asked for work."""
    lab = Lab(client="10.0.0.9", sandbox="10.0.0.3")
    gateway, function = lab.container("gateway", "sandbox", 2007), lab.container("function", "sandbox", 3001)
    lab.listen(("0.0.0.0", 8080), gateway)
    lab.listen(("127.0.0.1", 9001), gateway)
    poll = lab.tcp("sandbox", ("127.0.0.1", 50000), "sandbox", ("127.0.0.1", 9001), reader=gateway, writer=function)
    poll.open().up(POLL)
    call = lab.tcp("client", ("10.0.0.9", 40000), "sandbox", ("10.0.0.3", 8080), reader=gateway)
    call.open().up(get())
    return lab, gateway, function, poll, call


def unplaced(lab: Lab) -> None:
    lab.application[-1] = replace(lab.application[-1], local=None, peer=None)


def test_a_function_that_polls_receives_without_a_listener() -> None:
    lab, _, function, poll, call = sandbox()
    poll.down(NEXT % TOKEN.encode())
    lab.app("dispatched", function, poll)
    unplaced(lab)
    poll.up(DONE)
    call.down(OK)
    lab.report(call)
    route = lab.route()
    assert [(hop.container, hop.protocol, hop.listener) for hop in route.hops] == [
        ("gateway", "http/1.1", "0.0.0.0:8080"),
        ("function", "polled", None),
    ]
    assert (route.hops[1].local, route.hops[1].host_pid, route.hops[1].joined_by) == ("127.0.0.1:50000", 3001, "token in clear")
    assert (route.stage, route.dispatched, route.answered_by) == (Stage.ANSWERED, True, "function")
    assert not route.contradictions


@pytest.mark.parametrize("answer", [NEXT % b"0123456789abcdef", b""])
def test_a_function_that_got_other_work_or_none_is_not_on_the_route(answer: bytes) -> None:
    lab, _, _, poll, call = sandbox()
    if answer:
        poll.down(answer)
    call.down(OK)
    lab.report(call)
    assert [hop.container for hop in lab.route().hops] == ["gateway"]
    assert lab.route().dispatched is not True


def test_an_answer_that_tells_the_token_back_to_who_brought_it_is_no_poll() -> None:
    lab, gateway, function, _, call = sandbox()
    other = lab.tcp("sandbox", ("127.0.0.1", 50001), "sandbox", ("127.0.0.1", 9001), reader=gateway, writer=function)
    other.open().up(get(target="/copied")).down(NEXT % TOKEN.encode())
    call.down(OK)
    lab.report(call)
    assert [hop.protocol for hop in lab.route().hops if hop.protocol == "polled"] == []
