"""What lies beside a request and is not its own; what was lost, and what is then left open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lab.model.observations import PublishedPort
from lab.model.routes import Stage
from lab.trace import trace
from tests.trace.arrangements import OTHER, TIMEOUT, WEB, containers, one_server, proxied
from tests.trace.wire import OK, TOKEN, Lab, Tls, answer, get, speak, without

if TYPE_CHECKING:
    from lab.model.routes import Route


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


def asks_beside(line: bytes, *, others: bytes = b"", onward: bool = True) -> Route:
    """A proxy that asks somebody without the token while it has this request and another's."""
    lab, proxy, app, first, second = proxied()
    crowd = lab.tcp("client", ("10.0.0.9", 40001), "edge", ("10.0.0.2", 80), reader=proxy).open()
    asked = lab.tcp("edge", ("10.0.0.2", 51000), "web", ("10.0.0.3", 4000), reader=app, writer=proxy)
    first.open().up(get())
    crowd.up(others)
    asked.open().up(line).down(OK)
    if onward:
        second.open().up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    return lab.route()


def test_what_is_asked_without_the_token_beside_anothers_request_is_open() -> None:
    check = b"GET /auth HTTP/1.1\r\nHost: x\r\n\r\n"
    others = b"GET /others HTTP/1.1\r\nHost: x\r\n\r\n"
    words = "whether proxy asked 10.0.0.3:4000 for this probe"
    route = asks_beside(check, others=others)
    assert containers(route) == ["proxy", "app"]
    assert (route.answered_by, route.route_open) == ("app", "")
    assert any(each.startswith(words) and "others' requests" in each for each in route.open_questions)
    alone = asks_beside(check, others=others, onward=False)
    assert (alone.answered_by, alone.stage, alone.stage_open) == (None, Stage.ANSWERED, "")  # whoever made it, one did
    assert alone.route_open.startswith(words)


def test_control_what_another_asked_for_is_the_others() -> None:
    line = b"GET /others HTTP/1.1\r\nHost: x\r\n\r\n"
    route = asks_beside(line, others=line, onward=False)
    assert route.open_questions == () or not any("for this probe" in each for each in route.open_questions)
    assert route.answered_by == "proxy"


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
