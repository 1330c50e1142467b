"""What deployments that the lab did not make taught: tunnels, TLS inside TLS, who spoke up first, answers that are no HTTP."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from lab.model.observations import ClientError, UnixRow
from lab.model.routes import Stage, TlsAtHop
from lab.trace import trace
from tests.trace.wire import OK, Conversation, Lab, Process, Tls, answer, get, passed, speak

TIMEOUT = ClientError("receive", "timeout", "timed out")
CONNECT = b"CONNECT web:8443 HTTP/1.1\r\nHost: web:8443\r\n\r\n"
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def three(*names: str) -> tuple[Lab, list[Conversation], list[Process]]:
    """client → one → two → three, each in a namespace of its own, all connections open when `open` is called on them."""
    spaces = {name: f"10.0.0.{n}" for n, name in enumerate(("client", *names), start=1)}
    lab = Lab(**spaces)
    processes = [lab.container(name, name, 1000 + 10 * n) for n, name in enumerate(names)]
    for process in processes:
        lab.listen((spaces[process.container], 8443), process)
    talks = [
        lab.tcp(source, (spaces[source], 40000 + n), target, (spaces[target], 8443), reader=processes[n], writer=writer)
        for n, (source, target, writer) in enumerate(zip(spaces, names, (None, *processes), strict=False))
    ]
    return lab, talks, processes


def test_tls_in_a_tunnel_that_a_proxy_opened_passes_through_the_proxy() -> None:
    lab, (first, second), _ = three("proxy", "web")
    first.open().up(CONNECT)
    second.open()
    first.down(OPENED)
    passed(lab, first, second, Tls(), get(), OK)
    lab.report(first)
    route = lab.route()
    assert [(hop.protocol, hop.tls) for hop in route.hops] == [("tls", TlsAtHop.PASSED_THROUGH), ("tls", TlsAtHop.ENDED)]
    assert [end.container for end in route.tls_ends_at] == ["web"]
    assert (route.answered_by, route.stage, route.hops[1].joined_by) == ("web", Stage.ANSWERED, "same ClientHello")
    assert any("CONNECT web:8443" in e.says for e in route.hops[0].evidence)


def test_a_request_in_clear_in_a_tunnel_is_read_there() -> None:
    lab, (first, second), _ = three("proxy", "web")
    first.open().up(CONNECT)
    second.open()
    first.down(OPENED).up(get())
    second.up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    route = lab.route()
    assert [(hop.protocol, hop.clear) for hop in route.hops] == [("http/1.1", True), ("http/1.1", True)]
    assert (route.answered_by, route.stage) == ("web", Stage.ANSWERED)


@pytest.mark.parametrize("status", [403, 502])
def test_a_proxy_that_opens_no_tunnel_rejected_the_request(status: int) -> None:
    lab, (first, _), _ = three("proxy", "web")
    first.open().up(CONNECT).down(answer(status))
    lab.report(first, None, sent=b"", error=ClientError("connect", "other", "refused"))
    route = lab.route()
    assert (route.stage, route.answered_by, route.stopped_by) == (Stage.REJECTED, "proxy", "proxy")
    assert route.tls_ends_at == ()


def in_tls(way: str, talk: Conversation, around: Tls, data: bytes) -> None:
    """Some bytes inside a session: written at one of its ends, read at the other."""
    writes, out, into, reads = (
        (around.client, around.up_out, around.up_in, around.server) if way == "up"
        else (around.server, around.down_out, around.down_in, around.client)
    )  # fmt: skip
    writes.write(data)
    sealed = out.read()
    into.write(sealed)
    reads.read(65536)
    getattr(talk, way)(sealed)


def inside_another(lab: Lab, talks: list[Conversation], around: Tls) -> None:
    """The client's session goes from the first connection, inside `around` on the second, out again on the third."""
    inner = Tls()
    steps = [("up", inner.hello()), ("down", inner.reply()), ("up", inner.finish()), ("down", inner.reply())]
    steps += [("up", inner.request(get())), ("down", inner.answer(OK))]
    for way, data in steps:
        order = talks if way == "up" else talks[::-1]
        for talk in order:
            if talk is talks[1]:
                in_tls(way, talk, around, data)
            else:
                getattr(talk, way)(data)


def test_a_session_that_comes_out_again_was_carried_inside_another() -> None:
    lab, talks, _ = three("near", "far", "web")
    for talk in talks:
        talk.open()
    around = Tls()
    speak(talks[1], around)
    inside_another(lab, talks, around)
    lab.report(talks[0])
    route = lab.route()
    assert [hop.tls for hop in route.hops] == [TlsAtHop.PASSED_THROUGH, TlsAtHop.ENDED, TlsAtHop.ENDED]
    assert [end.container for end in route.tls_ends_at] == ["far", "web"]


def test_what_comes_out_where_nobody_looks_is_not_known_to_have_ended() -> None:
    lab, talks, _ = three("near", "far", "web")
    talks[2].source = talks[2].target = None  # type: ignore[assignment]
    for talk in talks[:2]:
        talk.open()
    around = Tls()
    speak(talks[1], around)
    inside_another(lab, talks, around)
    lab.report(talks[0])
    route = lab.route()
    assert route.hops[0].tls is None
    assert "near" not in [end.container for end in route.tls_ends_at]
    assert any("what became of TLS on hop 1" in question for question in route.open_questions)


def test_control_a_session_that_was_begun_before_anything_came_back_has_ended() -> None:
    lab, (first, second), _ = three("edge", "web")
    outer, inner = Tls(), Tls()
    first.open().up(outer.hello())
    second.open().up(inner.hello()).down(inner.reply())  # a proxy that connects at once
    first.down(outer.reply()).up(outer.finish()).down(outer.reply()).up(outer.request(get()))
    second.up(inner.finish()).down(inner.reply()).up(inner.request(get())).down(inner.answer(OK))
    first.down(outer.answer(OK))
    lab.report(first)
    assert [end.container for end in lab.route().tls_ends_at] == ["edge", "web"]


def test_an_alert_behind_a_forwarder_is_the_clients() -> None:
    lab, (first, second), _ = three("forwarder", "web")
    tls = Tls()
    first.open()
    second.open()
    hello = tls.hello()
    first.up(hello)
    second.up(hello)
    alert = bytes.fromhex("15030300020230")
    second.down(tls.reply())
    first.down(b"\x16\x03\x03\x00\x01\x00").up(alert)
    second.up(alert)
    lab.report(first, None, error=ClientError("tls", "certificate", "unknown authority"))
    assert (lab.route().stage, lab.route().stopped_by) == (Stage.TLS_UNFINISHED, "client")


def test_a_server_that_hangs_up_on_a_hello_stopped_it_whatever_the_client_says_to_that() -> None:
    lab, (first,), _ = three("edge")
    first.open().up(Tls().hello()).fin("down").up(bytes.fromhex("15030100020232"), read=False)
    lab.report(first, None, error=ClientError("tls", "closed", "EOF"))
    assert (lab.route().stage, lab.route().stopped_by) == (Stage.TLS_UNFINISHED, "edge")


def test_control_a_client_that_objects_first_stopped_it() -> None:
    lab, (first,), _ = three("edge")
    first.open().up(Tls().hello()).up(bytes.fromhex("15030100020232")).fin("down")
    lab.report(first, None, error=ClientError("tls", "certificate", "unknown"))
    assert (lab.route().stage, lab.route().stopped_by) == (Stage.TLS_UNFINISHED, "client")


def test_an_answer_in_another_protocol_is_an_answer() -> None:
    lab, (first, second), _ = three("nginx", "php")
    first.open().up(get())
    second.open().up(b"\x01\x01\x00\x01\x00\x08\x00\x00HTTP_LAB_PROBE" + get()[-40:]).down(
        b"\x01\x06\x00\x01Status: 200\r\n\r\nok"
    )
    first.down(OK)
    lab.report(first)
    route = lab.route()
    assert [(hop.container, hop.protocol, hop.stage) for hop in route.hops][1] == ("php", "bytes", Stage.ANSWERED)
    assert (route.stage, route.answered_by) == (Stage.ANSWERED, "php")


def behind_a_unix_socket(back: int, *, late: bool = False, passes: bool = False) -> Lab:
    """nginx ends TLS and speaks to an application over a UNIX socket, which sends `back` bytes."""
    lab, (first,), (proxy,) = three("proxy")
    lab.container("app", "app", 2000)
    tls = Tls()
    first.open().up(tls.hello())
    if passes:
        unix(lab, 700, 1500)
    first.down(tls.reply()).up(tls.finish()).down(tls.reply()).up(tls.request(get()))
    if not passes and not late:
        unix(lab, 120, back)
    first.down(tls.answer(OK))
    if late:
        unix(lab, 120, back)
    lab.report(first)
    lab.clients[0] = replace(lab.clients[0], body=b"0123456789")
    assert proxy.pid == 1000
    return lab


def unix(lab: Lab, size: int, back: int) -> None:
    """The proxy writes, the application reads and writes, the proxy reads."""
    for pid, namespace, kind, socket, moved in (
        (1000, "proxy", "write", 51, size), (2000, "app", "read", 52, size),
        (2000, "app", "write", 52, back), (1000, "proxy", "read", 51, back),
    ):  # fmt: skip
        if moved:
            lab.tick()
            lab.event(kind, Process("any", namespace, pid), socket, size=moved, transport="unix")


def test_what_went_over_a_unix_socket_leaves_open_who_answered_and_names_the_other_end() -> None:
    route = behind_a_unix_socket(200).route()
    assert (route.answered_by, [end.container for end in route.tls_ends_at]) == (None, ["proxy"])
    assert any("by UNIX socket to app (pid 0) of app" in question for question in route.open_questions)
    assert any("wrote 120 bytes to a UNIX socket" in e.says for e in route.hops[0].evidence)


@pytest.mark.parametrize(("back", "late"), [(4, False), (0, False), (200, True)])
def test_control_what_cannot_have_been_the_answer_changes_nothing(back: int, late: bool) -> None:
    assert behind_a_unix_socket(back, late=late).route().answered_by == "proxy"


def test_a_handshake_that_may_have_come_over_a_unix_socket_has_not_ended_here_for_sure() -> None:
    route = behind_a_unix_socket(0, passes=True).route()
    assert (route.hops[0].tls, route.tls_ends_at) == (None, ())


def test_a_write_between_threads_of_one_process_is_nobodys_request() -> None:
    lab, (first,), (proxy,) = three("proxy")
    first.open().up(get())
    for kind, socket in (("write", 51), ("read", 52)):
        lab.tick()
        lab.event(kind, proxy, socket, size=9, transport="unix")
    first.down(OK)
    lab.report(first)
    assert (lab.route().answered_by, lab.route().open_questions) == ("proxy", ())


def test_without_the_kernels_timeline_a_listening_unix_socket_leaves_open_who_answered() -> None:
    lab, (first,), (proxy,) = three("proxy")
    app = lab.container("app", "app", 2000)
    first.open().up(get()).down(OK)
    lab.report(first)
    lab.gap("kernel", why="refused")
    seen = lab.seen()
    row = UnixRow(1, lab.clock, "ready", "app", "stream", "LISTEN", "/run/app.sock", 9, 0, 0, 0, (app.pid,))
    [route] = trace(replace(seen, unix=(row,)))
    assert route.answered_by is None
    assert any("/run/app.sock is listened on" in question for question in route.open_questions)
    [own] = trace(replace(seen, unix=(replace(row, holders=(proxy.pid,)),)))
    assert own.answered_by == "proxy"


BARE = b"GET /moved/orders HTTP/1.0\r\nHost: shop\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nshop says hello to 1"[:-1]


def stripped(lab: Lab, first: Conversation, second: Conversation, back: bytes = PAGE) -> None:
    """A proxy that takes the probe's header away and asks for another path."""
    first.open().up(get())
    second.open().up(BARE).down(back)
    first.down(PAGE)
    lab.report(first)
    lab.clients[0] = replace(lab.clients[0], body=PAGE.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_without_the_probes_header_is_followed_by_the_answer_that_came_back_on_it(chunked: bool) -> None:
    lab, (first, second), _ = three("proxy", "shop")
    body = PAGE.partition(b"\r\n\r\n")[2]
    back = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n%s\r\nf\r\n%s\r\n0\r\n\r\n" % (body[:4], body[4:])
    stripped(lab, first, second, back if chunked else PAGE)
    route = lab.route()
    assert [(hop.container, hop.joined_by) for hop in route.hops] == [("proxy", None), ("shop", "identical answer")]
    assert (route.answered_by, route.hops[1].clear) == ("shop", False)


@pytest.mark.parametrize(
    ("back", "made"), [(PAGE.replace(b"hello", b"nooon"), None), (PAGE.replace(b"200 OK", b"201 OK"), "app"), (b"", "app")]
)
def test_control_what_came_back_with_another_answer_may_be_the_receivers_own_question(back: bytes, made: str | None) -> None:
    lab, (first, second), _ = three("app", "other")
    stripped(lab, first, second, back)
    route = lab.route()
    assert [hop.container for hop in route.hops] == ["app"]
    assert route.answered_by == made  # with the same status it may have been changed on its way
    assert any("asked 10.0.0.3" in question for question in route.open_questions)
    assert route.route_open


@pytest.mark.parametrize("moment", ["before", "beside", "another probe's"])
def test_control_a_question_that_cannot_be_this_probes_is_not_told(moment: str) -> None:
    lab, (first, second), (app, _) = three("app", "other")
    if moment == "before":
        second.open().up(BARE).down(PAGE)
    first.open().up(get())
    if moment == "beside":
        beside = lab.tcp("client", ("10.0.0.1", 49999), "app", ("10.0.0.2", 8443), reader=app)
        beside.open().up(BARE)  # somebody else asked for that
    if moment != "before":
        second.open().up(get("0123456789abcdef") if moment == "another probe's" else BARE).down(PAGE)
    first.down(OK)
    lab.report(first)
    if moment == "another probe's":
        lab.report(None, token="0123456789abcdef", name="other")  # noqa: S106 - a probe's token
    route = lab.routes()[0] if moment == "another probe's" else lab.route()
    assert (route.answered_by, [q for q in route.open_questions if " asked " in q], route.route_open) == ("app", [], "")


SECOND = 10**9


def checked(lab: Lab, proxy: Process, port: int, said: bytes) -> None:
    """A health check of the proxy's own, a second before and behind whatever else happens."""
    lab.clock += SECOND
    check = lab.tcp("app", ("10.0.0.2", port), "other", ("10.0.0.3", 8443), writer=proxy)
    check.open().up(said)
    lab.clock += SECOND


HELLO_ONLY = "TLS"


@pytest.mark.parametrize("said", [BARE, HELLO_ONLY, b""])
@pytest.mark.parametrize("usual", [True, False])
def test_what_is_asked_at_idle_times_too_is_a_health_check_and_no_hop(said: bytes | str, usual: bool) -> None:
    lab, (first, _), (app, other) = three("app", "other")
    if usual:
        checked(lab, app, 50001, _said(said))
    first.open().up(get())
    check = lab.tcp("app", ("10.0.0.2", 50002), "other", ("10.0.0.3", 8443), writer=app, reader=other)
    check.open().up(_said(said)).down(answer(204) if said == BARE else b"")
    first.down(OK)
    lab.report(first)
    route = lab.route()
    hops = [hop.container for hop in route.hops]
    if said == BARE:
        assert hops == ["app"]
        assert any(" asked 10.0.0.3" in question for question in route.open_questions) is not usual
    else:
        assert (hops == ["app", "other"]) is not usual
        assert bool(route.route_open) is usual
        assert not route.tls_ends_at or not usual


def _said(said: bytes | str) -> bytes:
    return Tls().hello() if isinstance(said, str) else said


PACKED = gzip.compress(b"shop says hello to ", mtime=0)


@pytest.mark.parametrize(
    ("back", "got", "made"),
    [
        (b"its own page", b"the proxy's page", None),
        (b"", b"the proxy's page", None),
        (b"its own page", b"its own page", "shop"),
        (PACKED, b"shop says hello to ", "shop"),
        (b"shop says hello to ", PACKED, "shop"),
        (PACKED[:-9], b"shop says something else", None),
    ],
)
def test_an_answer_with_the_same_status_and_another_content_is_not_said_to_be_the_clients(
    back: bytes, got: bytes, made: str | None
) -> None:
    lab, (first, second), _ = three("proxy", "shop")
    first.open().up(get())
    second.open().up(get()).down(b"HTTP/1.1 503 X\r\nContent-Length: %d\r\n\r\n%s" % (len(back), back))
    first.down(b"HTTP/1.1 503 X\r\nContent-Length: %d\r\n\r\n%s" % (len(got), got))
    lab.report(first, status=503)
    lab.clients[0] = replace(lab.clients[0], body=got)
    route = lab.route()
    assert [hop.container for hop in route.hops] == ["proxy", "shop"]
    assert route.answered_by == made
    assert any("is not what the client got" in question for question in route.open_questions) is (made is None)


def test_control_beside_another_request_with_the_same_answer_it_is_not_believed() -> None:
    lab, (first, second), (proxy, _) = three("proxy", "shop")
    beside = lab.tcp("client", ("10.0.0.1", 49999), "proxy", ("10.0.0.2", 8443), reader=proxy)
    beside.open()
    first.open().up(get())
    beside.up(b"GET /orders HTTP/1.1\r\n\r\n")
    second.open().up(BARE).down(PAGE)
    first.down(PAGE)
    lab.report(first)
    lab.clients[0] = replace(lab.clients[0], body=PAGE.partition(b"\r\n\r\n")[2])
    route = lab.route()
    assert ([hop.container for hop in route.hops], route.answered_by) == (["proxy"], None)
    assert any("whether proxy carried the request on" in question for question in route.open_questions)


def mirrored(one: bytes, two: bytes, got: bytes) -> tuple[str | None, list[str | None]]:
    """A proxy that sends the request to two, and hands the first one's answer on."""
    lab = Lab(client="10.0.0.1", edge="10.0.0.2", app="10.0.0.3", shadow="10.0.0.4")
    edge, app, shadow = (lab.container(name, name, pid) for name, pid in (("edge", 1), ("app", 2), ("shadow", 3)))
    first = lab.tcp("client", ("10.0.0.1", 40000), "edge", ("10.0.0.2", 80), reader=edge)
    talks = [
        lab.tcp("edge", ("10.0.0.2", 50000 + n), name, (f"10.0.0.{n}", 80), reader=who, writer=edge)
        for n, name, who in ((3, "app", app), (4, "shadow", shadow))
    ]
    first.open().up(get())
    for talk, said in zip(talks, (one, two), strict=True):
        talk.open().up(get()).down(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
    first.down(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(got), got))
    lab.report(first)
    lab.clients[0] = replace(lab.clients[0], body=got)
    route = lab.route()
    return route.answered_by, [hop.container for hop in route.hops]


def test_of_a_request_and_its_mirror_the_one_made_the_answer_whose_content_the_client_got() -> None:
    assert mirrored(b"app", b"shadow", b"app") == ("app", ["edge", "app", "shadow"])
    assert mirrored(b"app", b"shadow", b"shadow")[0] == "shadow"


@pytest.mark.parametrize("got", [b"same", b"neither"])
def test_control_two_that_answer_alike_leave_open_who_answered(got: bytes) -> None:
    assert mirrored(b"same", b"same", got) == (None, ["edge", "app", "shadow"])


@pytest.mark.parametrize(("status", "maker"), [(200, "web"), (301, "web"), (404, None), (503, None)])
def test_an_error_behind_a_session_that_nobody_can_read_may_be_the_proxys_own(status: int, maker: str | None) -> None:
    lab, (first, second), _ = three("proxy", "web")
    first.open().up(get())
    speak(second.open(), Tls(version="TLSv1_2"), get(), answer(status))
    first.down(answer(status))
    lab.report(first, status)
    route = lab.route()
    assert route.answered_by == maker
    assert any(f"who made the answer {status}" in each for each in route.open_questions) is (maker is None)


def test_an_error_of_which_nobody_knows_who_made_it_has_the_least_stage() -> None:
    lab, (first, second), _ = three("proxy", "web")
    first.open().up(get())
    speak(second.open(), Tls(version="TLSv1_2"), get(), answer(200))
    first.down(answer(504))
    lab.report(first, 504)
    route = lab.route()
    assert (route.answered_by, route.stage) == (None, Stage.REJECTED)
    assert route.stage_open
