"""Where a request arrived: each way in beside one that looks like it and is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.model.routes import Stage
from tests.trace.arrangements import OTHER, TIMEOUT, WEB, containers, one_server
from tests.trace.wire import OK, TOKEN, Lab, Tls, get


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
