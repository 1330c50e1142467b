"""How far a request got, and who stopped it: each stage beside its neighbours."""

from __future__ import annotations

from dataclasses import replace

from lab.model.observations import ClientError
from lab.model.routes import Stage
from tests.trace.arrangements import REFUSED, TIMEOUT, WEB, containers, one_server, proxied
from tests.trace.wire import OK, answer, get


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
    assert [hop.parent for hop in route.hops] == [None, 1, 1]  # two attempts of one proxy, not one behind the other


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
