"""Routes and stages: each arrangement beside one that looks like it and is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.model.observations import ClientError, PublishedPort
from lab.model.routes import Route, Stage
from lab.trace import trace
from tests.trace.wire import OK, TOKEN, Conversation, Lab, Process, Tls, answer, get, speak, without

OTHER = "0123456789abcdef"
WEB = ("10.0.0.3", 8080)
REFUSED = ClientError("connect", "refused", "Connection refused")
TIMEOUT = ClientError("receive", "timeout", "timed out")


def one_server(**more: object) -> tuple[Lab, Process, Conversation]:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    app = lab.container("app", "web", 3001)
    lab.listen(WEB, app)
    return lab, app, lab.tcp("client", ("10.0.0.9", 40000), "web", WEB, **more)


def proxied() -> tuple[Lab, Process, Process, Conversation, Conversation]:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    lab.listen(("0.0.0.0", 80), proxy)
    lab.listen(WEB, app)
    first = lab.tcp("client", ("10.0.0.9", 40000), "edge", ("10.0.0.2", 80), reader=proxy)
    second = lab.tcp("edge", ("10.0.0.2", 50000), "web", WEB, reader=app, writer=proxy)
    return lab, proxy, app, first, second


def containers(route: Route) -> list[str | None]:
    return [hop.container for hop in route.hops]


# Arrivals


def test_one_hop_is_told_by_four_witnesses() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open().up(get())
    for event in ("read", "parsed", "dispatched"):
        lab.app(event, app, talk)
    talk.down(OK)
    lab.app("answered", app, talk)
    lab.report(talk)
    lab.row("web", "ESTAB", WEB, talk.client, (3001,))
    route = lab.route()
    [hop] = route.hops
    assert (hop.container, hop.process, hop.host_pid, hop.listener) == ("app", "app", 3001, "10.0.0.3:8080")
    assert (route.stage, route.dispatched, route.answered_by) == (Stage.ANSWERED, True, "app")
    assert route.diagnosis == "reached dispatch in app (pid 1) of app; answered 200"
    assert {str(e.witness) for e in hop.evidence} == {"packets", "sockets", "kernel", "processes", "application"}
    assert not route.contradictions
    assert not route.open_questions


def unplaced(lab: Lab, **ends: object) -> None:
    """The last report as a server makes it that does not know both ends of its connection."""
    lab.application[-1] = replace(lab.application[-1], **{"local": None, "peer": None, **ends})  # type: ignore[arg-type]


def test_a_report_without_ends_counts_by_container_and_token() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open().up(get())
    lab.app("dispatched", app, talk)
    unplaced(lab, peer=talk.client)
    lab.app("dispatched", app, talk)
    unplaced(lab)
    talk.down(OK)
    lab.report(talk)
    assert lab.route().dispatched is True
    assert sum(e.witness == "application" for e in lab.route().hops[0].evidence) == 2


@pytest.mark.parametrize(
    ("token", "ends"),
    [(OTHER, {}), ("", {}), (TOKEN, {"peer": ("10.0.0.9", 40001)}), (TOKEN, {"local": ("10.0.0.3", 8081)})],
)
def test_a_report_without_ends_of_another_token_or_against_an_end_does_not_count(token: str, ends: dict[str, object]) -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open().up(get())
    lab.app("dispatched", app, talk, token)
    unplaced(lab, **ends)
    talk.down(OK)
    lab.report(talk)
    assert lab.route().dispatched is not True


def test_a_report_without_ends_belongs_to_the_last_connection_into_its_container() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    app = lab.container("app", "web", 3001)
    lab.listen(WEB, app)
    lab.listen(("127.0.0.1", 9000), app)
    first = lab.tcp("client", ("10.0.0.9", 40000), "web", WEB, reader=app)
    inner = lab.tcp("web", ("127.0.0.1", 50000), "web", ("127.0.0.1", 9000), reader=app, writer=app)
    first.open().up(get())
    inner.open().up(get())
    lab.app("dispatched", app, inner)
    unplaced(lab)
    inner.down(OK)
    first.down(OK)
    lab.report(first)
    [outer, last] = lab.route().hops
    assert not [e for e in outer.evidence if e.witness == "application"]
    assert [e for e in last.evidence if e.witness == "application"]


def test_a_foreign_server_that_answers_is_not_said_to_have_dispatched() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open().up(get()).down(OK)
    lab.report(talk)
    assert (lab.route().stage, lab.route().dispatched) == (Stage.ANSWERED, None)


def test_an_address_rewritten_on_the_way_is_one_connection() -> None:
    lab = Lab(host="10.0.0.1", web="10.0.0.3")
    app = lab.container("app", "web", 3001)
    lab.listen(WEB, app)
    talk = lab.tcp("host", ("10.0.0.1", 40000), "web", WEB, asked_for=("10.0.0.1", 32768), reader=app)
    talk.open().up(get()).down(OK)
    lab.report(talk)
    [hop] = lab.route().hops
    assert (hop.entry, hop.container, hop.asked, hop.local) == ("dnat", "app", "10.0.0.1:32768", "10.0.0.3:8080")


def test_the_containers_own_address_is_direct() -> None:
    lab = Lab(host="10.0.0.1", web="10.0.0.3")
    app = lab.container("app", "web", 3001)
    talk = lab.tcp("host", ("10.0.0.1", 40000), "web", WEB, reader=app)
    talk.open().up(get()).down(OK)
    lab.report(talk)
    assert [hop.entry for hop in lab.route().hops] == ["direct"]


def test_both_addresses_rewritten_and_seen_on_the_way() -> None:
    lab = Lab(client="10.0.0.9", router="10.0.0.1 10.0.1.1", web="10.0.1.3")
    app = lab.container("app", "web", 3001)
    talk = lab.tcp(
        "client",
        ("10.0.0.9", 40000),
        "web",
        ("10.0.1.3", 80),
        asked_for=("10.0.0.1", 80),
        came_from=("10.0.1.1", 61000),
        reader=app,
    )
    talk.open().up(get()).down(OK)
    lab.report(talk)
    route = lab.route()
    assert (containers(route), route.hops[0].peer) == (["app"], "10.0.1.1:61000")


def test_a_port_forwarder_is_a_hop_of_its_own() -> None:
    lab = Lab(host="10.0.0.1", web="10.0.0.3")
    app, forwarder = lab.container("app", "web", 3001), lab.process(900, "host")
    lab.listen(("127.0.0.1", 32768), forwarder)
    lab.listen(WEB, app)
    first = lab.tcp("host", ("127.0.0.1", 40000), "host", ("127.0.0.1", 32768), reader=forwarder).open()
    second = lab.tcp("host", ("10.0.0.1", 50000), "web", WEB, reader=app, writer=forwarder).open()
    for way, data in (("up", get()), ("down", OK)):
        for talk in (first, second)[:: 1 if way == "up" else -1]:
            getattr(talk, way)(data)
    lab.report(first)
    route = lab.route()
    assert containers(route) == ["host", "app"]
    assert [hop.entry for hop in route.hops] == [None, "forwarder"]
    assert route.hops[0].process == "docker-proxy"
    assert route.answered_by == "app"


def test_a_port_forwarder_with_nothing_behind_it() -> None:
    lab = Lab(host="10.0.0.1", web="10.0.0.3")
    lab.container("app", "web", 3001)
    forwarder = lab.process(900, "host")
    lab.listen(("127.0.0.1", 32768), forwarder)
    first = lab.tcp("host", ("127.0.0.1", 40000), "host", ("127.0.0.1", 32768), reader=forwarder)
    first.open().up(get(), read=False)
    lab.row("host", "ESTAB", ("127.0.0.1", 32768), first.client, (900,), recv_q=len(get()))
    lab.tcp("host", ("10.0.0.1", 50000), "web", WEB, writer=forwarder).syn().refuse()
    first.packet("down", "RA")
    lab.report(first, None, error=replace(TIMEOUT, kind="reset"))
    route = lab.route()
    assert (containers(route), route.stage, route.stopped_by) == (["host", None], Stage.REFUSED, "kernel of web")
    assert (route.dispatched, route.answered_by, route.hops[1].entry) == (False, None, "forwarder")
    assert route.diagnosis.startswith("only transport data: stopped at refused, by the kernel of web, because SYN (")


@pytest.mark.parametrize("kernel", [True, False])
def test_a_sidecar_in_the_applications_namespace_is_told_apart(kernel: bool) -> None:
    lab = Lab(client="10.0.0.9", pod="10.0.0.3")
    sidecar, app = lab.container("sidecar", "pod", 2007), lab.container("app", "pod", 3001)
    lab.listen(("0.0.0.0", 8443), sidecar)
    lab.listen(("127.0.0.1", 3000), app)
    who = {"reader": app, "writer": sidecar} if kernel else {}
    first = lab.tcp("client", ("10.0.0.9", 40000), "pod", ("10.0.0.3", 8443), reader=sidecar if kernel else None)
    second = lab.tcp("pod", ("127.0.0.1", 50000), "pod", ("127.0.0.1", 3000), **who)
    tls = Tls()
    first.open().up(tls.hello()).down(tls.reply()).up(tls.finish()).down(tls.reply()).up(tls.request(get()))
    second.open().up(get()).down(OK)
    first.down(tls.answer(OK))
    lab.report(first)
    route = lab.route()
    assert containers(route) == ["sidecar", "app"]
    assert [end.container for end in route.tls_ends_at] == ["sidecar"]
    assert [hop.interface for hop in route.hops] == ["eth0", "lo"]


def test_three_in_one_namespace_come_in_order_without_a_timeline() -> None:
    lab = Lab(client="10.0.0.9", pod="10.0.0.3")
    names = [lab.container(name, "pod", 2000 + n) for n, name in enumerate(("one", "two", "three"))]
    for port, process in enumerate(names):
        lab.listen(("0.0.0.0", 80 + port), process)
    talks = [lab.tcp("client", ("10.0.0.9", 40000), "pod", ("10.0.0.3", 80))]
    talks += [lab.tcp("pod", ("127.0.0.1", 50000 + n), "pod", ("127.0.0.1", 80 + n)) for n in (1, 2)]
    for talk in talks:
        talk.open().up(get())
    for talk in reversed(talks):
        talk.down(OK)
    lab.report(talks[0])
    assert containers(lab.route()) == ["one", "two", "three"]


def test_the_state_events_pid_is_not_believed() -> None:
    lab, app, talk = one_server()
    client = lab.container("client", "client", 500)
    talk.reader, talk.writer = app, client  # the server's ESTABLISHED then runs in the client's context
    talk.open().up(get()).down(OK)
    lab.report(talk)
    assert [e.pid for e in lab.kernel if e.event == "state"] == [500, 500, 500]
    assert lab.route().hops[0].host_pid == 3001


def test_the_same_loopback_ends_in_two_namespaces_are_two_connections() -> None:
    lab = Lab(one="10.0.0.2", two="10.0.0.3")
    first, second = lab.container("first", "one", 2001), lab.container("second", "two", 3001)
    ends = ("127.0.0.1", 40000), ("127.0.0.1", 3000)
    one = lab.tcp("one", ends[0], "one", ends[1], reader=first).open()
    two = lab.tcp("two", ends[0], "two", ends[1], reader=second).open()
    for talk in (one, two):
        talk.up(get()).down(OK)
    lab.report(two)
    assert containers(lab.route()) == ["second"]


def test_a_destination_rewritten_inside_the_namespace_is_found_by_its_peer() -> None:
    lab, _, talk = one_server()
    mesh = lab.container("mesh", "web", 2007)
    lab.listen(("0.0.0.0", 15001), mesh)
    talk.landed_at, talk.reader = ("10.0.0.3", 15001), mesh
    talk.open().up(get()).down(OK)
    lab.report(talk)
    [hop] = lab.route().hops
    assert (hop.container, hop.local, hop.asked, hop.listener) == ("mesh", "10.0.0.3:15001", "10.0.0.3:8080", "0.0.0.0:15001")


# Who has it


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


# Stops


def test_refused() -> None:
    lab, _, talk = one_server()
    talk.syn().refuse()
    lab.report(talk, None, error=REFUSED)
    route = lab.route()
    assert (containers(route), route.stage, route.stopped_by, route.dispatched) == (
        [None],
        Stage.REFUSED,
        "kernel of web",
        False,
    )
    assert route.diagnosis == (
        "only transport data: stopped at refused, by the kernel of web, because SYN (packets/web.pcapng:1) was answered "
        "with RST (packets/web.pcapng:2)"
    )


def test_dropped_is_not_refused() -> None:
    lab, _, talk = one_server()
    talk.syn().again()
    lab.report(talk, None, error=replace(TIMEOUT, during="connect"))
    route = lab.route()
    assert (route.stage, route.stopped_by, route.dispatched) == (Stage.DROPPED, "kernel of web", False)


def test_dropped_on_the_way_blames_nobody() -> None:
    lab, _, talk = one_server()
    talk.target = None
    talk.syn().again()
    lab.report(talk, None, error=replace(TIMEOUT, during="connect"))
    route = lab.route()
    assert (route.stage, route.stopped_by, containers(route)) == (Stage.DROPPED, None, [None])


def test_a_syn_that_was_just_sent() -> None:
    lab, _, talk = one_server()
    talk.syn()
    lab.report(talk, None, error=replace(TIMEOUT, kind="other"))
    assert lab.route().stage is Stage.ON_INTERFACE
    lab.packets = [p for p in lab.packets if p.namespace == "client"]
    assert lab.route().stage is Stage.SENT


def test_established_and_owned_by_nobody() -> None:
    lab, _, talk = one_server()
    talk.open().up(get(), read=False)
    lab.row("web", "ESTAB", WEB, talk.client, recv_q=len(get()))
    lab.report(talk, None, error=TIMEOUT)
    lab.tick()
    lab.row("web", "ESTAB", WEB, talk.client, recv_q=len(get()))
    route = lab.route()
    assert (route.stage, containers(route), route.stopped_by, route.dispatched) == (Stage.ESTABLISHED, [None], "app", False)
    assert "no process owned it" in route.diagnosis


def test_established_and_nobody_can_tell_is_open() -> None:
    lab, _, talk = one_server()
    talk.open().up(get())
    lab.report(talk, None, error=TIMEOUT)
    route = lab.route()
    assert (route.stage, containers(route), route.dispatched) == (Stage.ESTABLISHED, [None], None)
    assert any("accepted hop 1" in q for q in route.open_questions)


def test_accepted_without_a_byte() -> None:
    lab, _, talk = one_server()
    talk.open()
    lab.tick()
    lab.row("web", "ESTAB", WEB, talk.client, (3001,))
    lab.report(talk, None, sent=b"", token="")
    route = lab.route()
    assert (route.stage, containers(route), route.stopped_by, route.dispatched) == (Stage.ACCEPTED, ["app"], "client", False)


def test_an_accept_that_can_only_have_been_this_ones() -> None:
    lab, app, talk = one_server()
    talk.open()
    lab.tick()
    lab.event("accept", app, 0, size=5)
    lab.report(talk, None, sent=b"", token="")
    assert lab.route().stage is Stage.ACCEPTED
    lab.kernel.clear()
    assert lab.route().stage is Stage.ESTABLISHED


def test_bytes_that_lie_unread() -> None:
    lab, _, talk = one_server()
    talk.open().up(get())
    lab.tick()
    lab.row("web", "ESTAB", WEB, talk.client, (3001,), recv_q=len(get()))
    lab.report(talk, None, error=TIMEOUT)
    assert (lab.route().stage, lab.route().stopped_by) == (Stage.READABLE, "app")
    lab.rows[-1] = replace(lab.rows[-1], recv_q=0)
    assert (lab.route().stage, lab.route().dispatched) == (Stage.PARSED, None)


def test_half_a_head_and_a_whole_one() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open().up(get()[:-2])
    lab.report(talk, None, sent=get()[:-2], error=TIMEOUT)
    route = lab.route()
    assert (route.stage, route.dispatched, route.stopped_by) == (Stage.HEAD_INCOMPLETE, False, "client")
    talk.up(b"\r\n")
    lab.clients.clear()
    lab.report(talk, None, error=TIMEOUT)
    assert (lab.route().stage, lab.route().dispatched) == (Stage.PARSED, None)


def test_dispatched_and_never_answered() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open().up(get())
    lab.app("dispatched", app, talk)
    lab.report(talk, None, error=TIMEOUT)
    route = lab.route()
    assert (route.stage, route.dispatched, route.stopped_by) == (Stage.DISPATCHED, True, "app")


def test_a_502_is_not_an_arrival() -> None:
    lab, _, _, first, second = proxied()
    first.open().up(get())
    second.syn().refuse()
    first.down(answer(502))
    lab.report(first, 502)
    route = lab.route()
    assert (containers(route), route.stage, route.answered_by) == (["proxy", None], Stage.REJECTED, "proxy")
    assert [hop.stage for hop in route.hops] == [Stage.REJECTED, Stage.REFUSED]
    assert (route.stopped_by, route.dispatched) == ("kernel of web", False)
    assert route.diagnosis.endswith("; proxy answered 502")
    assert route.hops[1].joined_by == "same process wrote it"


def test_a_502_by_the_application_is_the_applications() -> None:
    lab, _, _, first, second = proxied()
    first.open().up(get())
    second.open().up(get()).down(answer(502))
    first.down(answer(502))
    lab.report(first, 502)
    assert lab.route().answered_by == "app"


def test_refused_then_another_upstream() -> None:
    lab, proxy, _app, first, second = proxied()
    first.open().up(get())
    lab.tcp("edge", ("10.0.0.2", 49999), "web", ("10.0.0.3", 8081), writer=proxy).syn().refuse()
    second.open().up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    route = lab.route()
    assert (containers(route), route.stage, route.answered_by) == (["proxy", None, "app"], Stage.ANSWERED, "app")
    assert route.hops[1].stage is Stage.REFUSED
    assert route.stopped_by is None


def test_a_504_leaves_the_request_where_it_is() -> None:
    lab, _, lab_app, first, second = proxied()
    first.open().up(get())
    second.open().up(get())
    first.down(answer(504))
    lab.report(first, 504)
    route = lab.route()
    assert ([h.stage for h in route.hops], route.answered_by) == ([Stage.REJECTED, Stage.PARSED], "proxy")
    assert (route.stopped_by, route.dispatched) == ("app", None)  # its handler may be what takes so long
    lab.app("accepted", lab_app, second)
    assert lab.route().dispatched is False  # it would have said so


def test_a_rejection_by_the_application() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    bad = b"GET / HTTP/1.1\r\n\r\n"
    talk.open().up(bad)
    lab.app("rejected", app, talk, token="", detail="400 no Host")
    talk.down(answer(400))
    lab.report(talk, 400, sent=bad, token="")
    route = lab.route()
    assert (route.stage, route.dispatched, route.stopped_by, route.answered_by) == (Stage.REJECTED, False, "app", "app")
    lab.application.clear()
    assert lab.route().stage is Stage.REJECTED  # the head is one that RFC 9112 has a server refuse


def test_a_foreign_404_may_have_come_from_a_handler() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open().up(get()).down(answer(404))
    lab.report(talk, 404)
    assert (lab.route().stage, lab.route().dispatched) == (Stage.ANSWERED, None)


def test_a_name_that_nobody_resolves() -> None:
    lab, _, _ = one_server()
    lab.report(None, None, error=ClientError("resolve", "unreachable", "Name or service not known"))
    route = lab.route()
    assert (route.hops, route.stage, route.dispatched) == ((), Stage.SENT, False)


# What must not be confused


def test_two_probes_at_once_through_one_proxy() -> None:
    lab, proxy, app, first, second = proxied()
    third = lab.tcp("client", ("10.0.0.9", 40001), "edge", ("10.0.0.2", 80), reader=proxy)
    fourth = lab.tcp("edge", ("10.0.0.2", 50001), "web", WEB, reader=app, writer=proxy)
    first.open()
    third.open().up(get(OTHER))
    first.up(get())
    fourth.open()
    second.open().up(get())
    fourth.up(get(OTHER)).down(answer(201))
    second.down(OK)
    third.down(answer(201))
    first.down(OK)
    begun = min(first.begun, third.begun) - 1
    lab.report(first, started=begun)
    lab.report(third, 201, token=OTHER, name="other", started=begun)
    one, two = lab.routes()
    assert [hop.peer for hop in one.hops] == ["10.0.0.9:40000", "10.0.0.2:50000"]
    assert [hop.peer for hop in two.hops] == ["10.0.0.9:40001", "10.0.0.2:50001"]


def test_two_at_once_behind_new_tls_stay_open() -> None:
    lab, proxy, app, first, second = proxied()
    third = lab.tcp("client", ("10.0.0.9", 40001), "edge", ("10.0.0.2", 80), reader=proxy)
    fourth = lab.tcp("edge", ("10.0.0.2", 50001), "web", WEB, reader=app, writer=proxy)
    first.open().up(get())
    third.open().up(get(OTHER))
    begun = min(first.begun, third.begun) - 1
    for talk, status in ((second, 200), (fourth, 201)):
        speak(talk.open(), Tls(), get(), answer(status))
    first.down(OK)
    third.down(answer(201))
    lab.report(first, started=begun)
    lab.report(third, 201, token=OTHER, name="other", started=begun)
    for route in lab.routes():
        assert len(route.hops) == 1
        assert any("nothing ties it to this probe alone" in q for q in route.open_questions)


def test_a_health_check_is_nobodys_hop() -> None:
    lab, proxy, app, first, second = proxied()
    first.open().up(get())
    check = lab.tcp("edge", ("10.0.0.2", 51000), "web", WEB, reader=app, writer=proxy)
    check.open().up(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").down(OK)
    second.open().up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    route = lab.route()
    assert [hop.peer for hop in route.hops] == ["10.0.0.9:40000", "10.0.0.2:50000"]


def test_an_upstream_connection_older_than_the_request() -> None:
    lab, _, _, first, second = proxied()
    second.open().up(get(OTHER)).down(OK)
    first.open().up(get())
    second.up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    route = lab.route()
    assert containers(route) == ["proxy", "app"]
    assert (route.hops[1].clear, route.answered_by) == (True, "app")


def test_exact_bytes_are_followed_by_being_identical() -> None:
    lab, _, _, first, second = proxied()
    data = b"\x01\x02hello, this is no HTTP\x00"
    first.open()
    second.open()
    first.up(data)
    second.up(data).down(b"fine")
    first.down(b"fine")
    lab.report(first, None, sent=data, token="")
    route = lab.route()
    assert (containers(route), route.hops[1].joined_by) == (["proxy", "app"], "identical bytes")
    assert [hop.clear for hop in route.hops] == [True, True]


def test_a_mirror_is_a_second_receiver() -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3", shadow="10.0.0.4")
    proxy, app, shadow = (
        lab.container("proxy", "edge", 2007),
        lab.container("app", "web", 3001),
        lab.container("shadow", "shadow", 4001),
    )
    first = lab.tcp("client", ("10.0.0.9", 40000), "edge", ("10.0.0.2", 80), reader=proxy).open().up(get())
    real = lab.tcp("edge", ("10.0.0.2", 50000), "web", WEB, reader=app, writer=proxy).open().up(get())
    copy = lab.tcp("edge", ("10.0.0.2", 50001), "shadow", ("10.0.0.4", 8080), reader=shadow, writer=proxy).open().up(get())
    real.down(OK)
    copy.down(answer(404))
    first.down(OK)
    lab.report(first)
    route = lab.route()
    assert (containers(route), route.answered_by) == (["proxy", "app", "shadow"], "app")


def test_an_application_that_claims_a_request_it_never_got() -> None:
    lab, _, app, first, second = proxied()
    first.open().up(get()).down(OK)
    second.open().up(get(OTHER))
    lab.app("dispatched", app, second, token=TOKEN)
    lab.report(first)
    route = lab.route()
    assert route.dispatched is None
    assert [c.about for c in route.contradictions] == ["dispatch"]


def test_dispatch_before_the_first_byte_is_a_contradiction() -> None:
    lab, app, talk = one_server()
    talk.reader = app
    talk.open()
    lab.app("dispatched", app, talk)
    lab.tick(1000)
    talk.up(get()).down(OK)
    lab.report(talk)
    assert [c.about for c in lab.route().contradictions] == ["dispatch"]


def test_lost_packets_leave_the_end_open() -> None:
    lab, _app, talk = one_server()
    talk.open()
    lab.row("web", "ESTAB", WEB, talk.client, recv_q=0)
    lab.report(talk, None, error=TIMEOUT)
    assert lab.route().dispatched is False
    lab.gap("packets", "web")
    assert lab.route().dispatched is None
    assert any("lost in web" in q for q in lab.route().open_questions)


def test_a_hole_in_the_capture_is_said() -> None:
    lab, _app, talk = one_server()
    talk.open().up(get()[:20]).up(get()[20:40], lost=True).up(get()[40:]).down(OK)
    lab.report(talk)
    route = lab.route()
    assert any("20 bytes before packets/web.pcapng:" in q for q in route.open_questions)


def test_fewer_witnesses_say_less_and_nothing_else() -> None:
    lab, _, _, first, second = proxied()
    first.open().up(get())
    second.open().up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    full = lab.route()
    for less in (without(lab.seen(), kernel=True), without(lab.seen(), sockets=True)):
        [route] = trace(less)
        assert containers(route) == containers(full)
        assert [h.stage for h in route.hops] == [h.stage for h in full.hops]
    [bare] = trace(without(lab.seen(), kernel=True, sockets=True))
    assert (containers(bare), bare.answered_by) == ([None, None], None)
    assert len(bare.hops) == 2


def test_no_packets_at_all() -> None:
    lab, _, talk = one_server()
    lab.report(talk)
    route = lab.route()
    assert (route.hops, route.dispatched) == ((), None)
    assert route.open_questions


def test_published_ports_are_not_needed() -> None:
    lab, _app, talk = one_server()
    talk.open().up(get()).down(OK)
    lab.report(talk)
    seen = lab.seen()
    published = replace(seen, inventory=replace(seen.inventory, published=(PublishedPort("web", 8080, "127.0.0.1", 1),)))
    assert trace(published) == trace(seen)
