"""Who has a connection: several who could, and one who did."""

from __future__ import annotations

from dataclasses import replace

from tests.trace.arrangements import WEB, containers, one_server
from tests.trace.wire import OK, Lab, get


def test_several_holders_of_one_listener() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    app = lab.container("app", "web", 3001, 3002, 3003)
    lab.listen(WEB, app, replace(app, pid=3002))
    lab.listen(WEB, replace(app, pid=3003))
    talk = lab.tcp("client", ("10.0.0.9", 40000), "web", WEB).open().up(get()).down(OK)
    lab.report(talk)
    [hop] = lab.route().hops
    assert (hop.container, hop.host_pid, hop.pid_candidates) == ("app", None, (3001, 3002, 3003))
    talk = lab.tcp("client", ("10.0.0.9", 40001), "web", WEB, reader=replace(app, pid=3002)).open().up(get()).down(OK)
    lab.clients.clear()
    lab.report(talk)
    [hop] = lab.route().hops
    assert (hop.host_pid, hop.pid_candidates) == (3002, ())


def test_holders_in_two_containers_name_none() -> None:
    lab = Lab(client="10.0.0.9", pod="10.0.0.3")
    one, two = lab.container("one", "pod", 2001), lab.container("two", "pod", 3001)
    lab.listen(WEB, one, two)
    talk = lab.tcp("client", ("10.0.0.9", 40000), "pod", WEB).open().up(get()).down(OK)
    lab.report(talk)
    route = lab.route()
    assert (containers(route), route.answered_by) == ([None], None)
    assert any("which container" in q for q in route.open_questions)


def test_a_specific_address_comes_before_the_wildcard() -> None:
    lab = Lab(client="10.0.0.9", pod="10.0.0.3")
    one, two = lab.container("one", "pod", 2001), lab.container("two", "pod", 3001)
    lab.listen(("::", 8080), one)
    lab.listen(WEB, two)
    talk = lab.tcp("client", ("10.0.0.9", 40000), "pod", WEB).open().up(get()).down(OK)
    lab.report(talk)
    assert containers(lab.route()) == ["two"]
    lab.rows = lab.rows[:1]
    assert containers(lab.route()) == ["one"]  # the wildcard of IPv6 takes IPv4 too
    assert lab.route().hops[0].listener == "[::]:8080"


def test_a_reader_who_is_no_holder_contradicts_and_a_parent_who_holds_does_not() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open().up(get()).down(OK)
    lab.report(talk)
    lab.row("web", "ESTAB", WEB, talk.client, (3000, 3001))
    assert lab.route().contradictions == ()
    lab.rows[-1] = replace(lab.rows[-1], holders=(3000,))
    [contradiction] = lab.route().contradictions
    assert {contradiction.one.witness, contradiction.other.witness} == {"sockets", "kernel"}


def test_a_thread_that_was_gone_names_nobody_but_the_listener_does() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open().up(get()).down(OK)
    lab.report(talk)
    lab.kernel = [replace(e, pid=7777, namespace="") if e.event != "state" else e for e in lab.kernel]
    assert (containers(lab.route()), lab.route().hops[0].host_pid) == (["app"], 3001)
