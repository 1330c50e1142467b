"""The TLS table, row by row, each beside the row it could be mistaken for."""

from __future__ import annotations

import pytest

from lab.model.routes import Route, Stage, TlsAtHop
from tests.trace.wire import OK, Conversation, Lab, Process, Tls, get, passed, speak


def two_hops(*, kernel: bool = True) -> tuple[Lab, Conversation, Conversation, Process, Process]:
    """client → proxy (namespace edge) → app (namespace web), both connections open."""
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    lab.listen(("0.0.0.0", 8443), proxy)
    lab.listen(("10.0.0.3", 8080), app)
    first = lab.tcp("client", ("10.0.0.9", 40000), "edge", ("10.0.0.2", 8443), reader=proxy if kernel else None)
    who = {"reader": app, "writer": proxy} if kernel else {}
    second = lab.tcp("edge", ("10.0.0.2", 50000), "web", ("10.0.0.3", 8080), **who)
    return lab, first, second, proxy, app


def roles(route: Route) -> list[TlsAtHop | None]:
    return [hop.tls for hop in route.hops]


def ends(route: Route) -> list[str]:
    return [end.container for end in route.tls_ends_at]


def test_the_same_random_on_both_is_passed_through_and_ended_by_the_last() -> None:
    lab, first, second, *_ = two_hops()
    first.open()
    second.open()
    passed(lab, first, second, Tls(), get(), OK)
    lab.report(first)
    route = lab.route()
    assert roles(route) == [TlsAtHop.PASSED_THROUGH, TlsAtHop.ENDED]
    assert [hop.joined_by for hop in route.hops] == [None, "same ClientHello"]
    assert ends(route) == ["app"]
    assert route.answered_by == "app"
    assert [hop.clear for hop in route.hops] == [False, False]


@pytest.mark.parametrize("kernel", [True, False])
def test_another_random_is_ended_and_begun_again(kernel: bool) -> None:
    lab, first, second, *_ = two_hops(kernel=kernel)
    outer, inner = Tls(), Tls()
    first.open().up(outer.hello()).down(outer.reply()).up(outer.finish()).down(outer.reply()).up(outer.request(get()))
    speak(second.open(), inner, get(), OK)
    first.down(outer.answer(OK))
    lab.report(first)
    route = lab.route()
    assert roles(route) == [TlsAtHop.ENDED, TlsAtHop.ENDED]
    assert ends(route) == ["proxy", "app"]
    assert route.hops[1].joined_by == ("same process wrote it" if kernel else "time alone")
    assert bool(route.open_questions) is not kernel


def test_readable_behind_it_is_ended() -> None:
    lab, first, second, *_ = two_hops()
    tls = Tls()
    first.open().up(tls.hello()).down(tls.reply()).up(tls.finish()).down(tls.reply()).up(tls.request(get()))
    second.open().up(get()).down(OK)
    first.down(tls.answer(OK))
    lab.report(first)
    route = lab.route()
    assert roles(route) == [TlsAtHop.ENDED, TlsAtHop.NONE]
    assert ends(route) == ["proxy"]
    assert [hop.clear for hop in route.hops] == [False, True]
    assert route.hops[1].joined_by == "token in clear"
    assert {e.witness for e in route.tls_ends_at[0].evidence} == {"packets", "kernel"}


def test_no_further_hop_and_answered_is_ended_there() -> None:
    lab, first, *_ = two_hops()
    speak(first.open(), Tls(), get(), OK)
    lab.report(first)
    route = lab.route()
    assert (roles(route), ends(route), route.answered_by) == ([TlsAtHop.ENDED], ["proxy"], "proxy")
    assert route.stage is Stage.ANSWERED
    assert route.dispatched is None


def test_readable_then_a_hello_is_begun() -> None:
    lab, first, second, *_ = two_hops()
    inner = Tls()
    first.open().up(get())
    speak(second.open(), inner, get(), OK)
    first.down(OK)
    lab.report(first)
    route = lab.route()
    assert roles(route) == [TlsAtHop.BEGUN, TlsAtHop.ENDED]
    assert ends(route) == ["app"]


def test_readable_on_both_is_none() -> None:
    lab, first, second, *_ = two_hops()
    first.open().up(get())
    second.open().up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    assert (roles(lab.route()), ends(lab.route())) == ([TlsAtHop.NONE, TlsAtHop.NONE], [])


def test_with_packets_lost_where_the_next_hop_would_be_it_is_open() -> None:
    lab, first, *_ = two_hops()
    speak(first.open(), Tls(), get(), OK)
    lab.report(first)
    assert roles(lab.route()) == [TlsAtHop.ENDED]
    lab.gap("packets", "edge")
    route = lab.route()
    assert (roles(route), ends(route)) == ([None], [])
    assert any("lost" in question for question in route.open_questions)


def test_half_a_hello_ends_nowhere() -> None:
    lab, first, *_ = two_hops()
    first.open().up(Tls().hello()[:100])
    lab.report(first, None)
    route = lab.route()
    assert (route.stage, route.dispatched, roles(route)) == (Stage.TLS_UNFINISHED, False, [TlsAtHop.NONE])
    assert route.stopped_by == "client"


def test_tls_ended_and_no_request() -> None:
    lab, first, *_ = two_hops()
    speak(first.open(), Tls())
    lab.report(first, None, sent=b"", leaf="aa")
    route = lab.route()
    assert (route.stage, ends(route), route.dispatched) == (Stage.TLS_ENDED, ["proxy"], False)


def test_the_certificate_agrees_or_contradicts() -> None:
    lab, first, second, *_ = two_hops()
    first.open()
    second.open()
    passed(lab, first, second, Tls(), get(), OK)
    lab.report(first, leaf="ab" * 32)
    lab.certificate("ab" * 32, "app")
    route = lab.route()
    assert route.contradictions == ()
    assert "certificates" in {e.witness for e in route.tls_ends_at[0].evidence}
    lab.certificates.clear()
    lab.certificate("ab" * 32, "proxy")
    route = lab.route()
    assert route.certificate_of == ("proxy",)
    [contradiction] = route.contradictions
    assert {contradiction.one.witness, contradiction.other.witness} == {"packets", "certificates"}


def test_tls_1_2_shows_its_alpn() -> None:
    lab, first, *_ = two_hops()
    speak(first.open(), Tls(version="TLSv1_2"), get(), OK)
    lab.report(first)
    route = lab.route()
    assert (route.hops[0].alpn, roles(route)) == ("http/1.1", [TlsAtHop.ENDED])


def test_a_proxy_line_before_the_hello_is_left_out() -> None:
    lab, first, second, *_ = two_hops()
    first.open()
    second.open().up(b"PROXY TCP4 10.0.0.9 10.0.0.2 40000 8443\r\n")
    passed(lab, first, second, Tls(), get(), OK)
    lab.report(first)
    route = lab.route()
    assert roles(route) == [TlsAtHop.PASSED_THROUGH, TlsAtHop.ENDED]
    assert route.hops[1].protocol == "tls"
