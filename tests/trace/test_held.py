"""A probe held at each stage: what is told at a look, from what was seen up to it, and what is not told yet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.model.observations import ClientError
from lab.model.routes import Counts, Route, Stage, TlsAtHop
from lab.trace import trace
from tests.trace.wire import OK, Conversation, Lab, Process, Tls, answer, get, speak

WEB = ("10.0.0.3", 8080)
CLIENT = ("10.0.0.9", 40000)
PLAIN = b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
TWO = b"GET /two HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"


class Held:
    """One staged probe against one server: each look is a report, and the last one is the end."""

    def __init__(self, *, reader: bool = True, port: int = 8080) -> None:
        self.lab = Lab(client="10.0.0.9", web="10.0.0.3")
        self.app = self.lab.container("app", "web", 3001)
        self.lab.listen(("10.0.0.3", port), self.app)
        self.talk = self.lab.tcp("client", CLIENT, "web", ("10.0.0.3", port), reader=self.app if reader else None)
        self.sent, self.began = b"", self.lab.clock

    def look(self, name: str, *, recv_q: int | None = None, owned: bool = True, state: str = "ESTAB", **more: object) -> None:
        """All witnesses look; `recv_q` None: the socket table has no row of it."""
        self.lab.tick(10)
        if recv_q is not None:
            holders = (self.app.pid,) if owned else ()
            self.lab.row("web", state, self.talk.landed, CLIENT, holders, recv_q=recv_q, look=name)
        values: dict[str, object] = {"status": None, "sent": self.sent, "token": "", "started": self.began, **more}
        answers = values.pop("answers", 0)
        self.lab.report(self.talk, **values)  # type: ignore[arg-type]
        self.lab.clients[-1] = replace(self.lab.clients[-1], moment=name, answers=answers)
        self.lab.tick(10)

    def up(self, data: bytes, **more: object) -> None:
        self.sent += data
        self.talk.up(data, **more)  # type: ignore[arg-type]

    def routes(self) -> dict[str, Route]:
        return {route.moment: route for route in self.lab.routes()}

    def tells(self, event: str, target: str = "/orders") -> None:
        self.lab.app(event, self.app, self.talk, token="")
        self.lab.application[-1] = replace(self.lab.application[-1], target=target)


def stages(held: Held) -> dict[str, Stage]:
    return {name: route.stage for name, route in held.routes().items()}


# The kernel alone


def test_a_frozen_listener_and_its_thaw() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN, read=False)
    held.look("frozen", recv_q=len(PLAIN), owned=False)
    held.lab.event("read", held.app, held.talk.sockets[1], size=len(PLAIN))
    held.tells("parsed")
    held.tells("dispatched")
    held.talk.down(OK)
    held.look("thawed", recv_q=0, status=200, answers=1)
    frozen, thawed = held.routes().values()
    assert (frozen.stage, frozen.dispatched, frozen.hops[0].received) == (Stage.ESTABLISHED, False, False)
    assert (frozen.counts.unread, frozen.counts.reads, frozen.counts.dispatches) == (len(PLAIN), 0, 0)
    assert (thawed.stage, thawed.dispatched, thawed.status) == (Stage.ANSWERED, True, 200)
    assert (thawed.counts.unread, thawed.counts.reads, thawed.counts.dispatches) == (0, 1, 1)


def test_nothing_later_is_known_at_a_look() -> None:
    held = Held()
    held.talk.open()
    held.look("accepted", recv_q=0)
    held.up(PLAIN)
    held.talk.down(OK)
    held.look("over", recv_q=0, status=200, answers=1)
    whole = held.lab.seen()
    early = replace(whole, clients=whole.clients[:1])
    last = early.clients[0].finished_ns
    cut = replace(
        early,
        packets=tuple(p for p in early.packets if p.time_ns <= last),
        kernel=tuple(e for e in early.kernel if e.time_ns <= last),
        sockets=tuple(r for r in early.sockets if r.time_ns <= last),
    )
    assert trace(whole)[0] == trace(cut)[0]
    assert trace(whole)[0].stage is Stage.ACCEPTED


def test_a_syn_that_waits_is_on_the_interface_and_dropped_only_when_the_queue_is_full() -> None:
    held = Held()
    held.talk.syn()
    held.look("once")
    held.lab.rows[0] = replace(held.lab.rows[0], recv_q=1, send_q=1)
    held.lab.listen(WEB, held.app, queue=2)
    held.lab.rows[-1] = replace(held.lab.rows[-1], send_q=1, look="full")
    held.look("full")
    held.talk.again()
    held.look("again")
    assert stages(held) == {"once": Stage.ON_INTERFACE, "full": Stage.DROPPED, "again": Stage.DROPPED}
    route = held.routes()["again"]
    assert (route.stopped_by, route.dispatched, route.hops[0].received) == ("kernel of web", False, False)
    assert "the accept queue of 10.0.0.3:8080 is full: 2 wait, its limit is 1" in route.diagnosis


def test_one_socket_of_several_that_is_not_full_drops_nothing() -> None:
    held = Held()
    held.talk.syn()
    held.lab.tick()
    for queue in (2, 0):
        held.lab.listen(WEB, held.app, queue=queue)
        held.lab.rows[-1] = replace(held.lab.rows[-1], send_q=1, look="full")
    held.look("full")
    assert stages(held) == {"full": Stage.ON_INTERFACE}


def test_a_deferred_accept_is_established_and_owned_by_nobody() -> None:
    held = Held()
    held.talk.syn().packet("down", "SA")
    held.talk.down_seq += 1
    held.talk.packet("up", "A")
    held.look("deferred", recv_q=0, owned=False, state="SYN-RECV")
    route = held.routes()["deferred"]
    assert (route.stage, route.dispatched, route.counts.reads) == (Stage.ESTABLISHED, False, 0)
    assert "SYN-RECV" in route.diagnosis


def test_a_handshake_whose_last_acknowledgement_does_not_come_is_not_established() -> None:
    held = Held()
    held.talk.syn().packet("down", "SA")
    held.talk.down_seq += 1
    held.look("half", recv_q=0, owned=False, state="SYN-RECV")
    held.look("untold")
    held.talk.packet("up", "A")
    held.talk.state(1, None, "SYN_RECV", "ESTABLISHED")
    held.look("whole", recv_q=0, owned=False)
    half, untold, whole = held.routes().values()
    assert (half.stage, half.stopped_by, half.dispatched, half.hops[0].received) == (Stage.ON_INTERFACE, None, False, False)
    assert "answered with SYN-ACK (packets/web.pcapng:2), and the acknowledgement that ends the handshake" in half.diagnosis
    assert "still SYN-RECV" in half.diagnosis
    assert (untold.stage, whole.stage) == (Stage.ON_INTERFACE, Stage.ESTABLISHED)


@pytest.mark.parametrize("error", [None, ClientError("connect", "timeout", "timed out")])
def test_a_syn_that_the_kernel_took_is_not_dropped_where_its_answer_does_not_come(error: ClientError | None) -> None:
    held = Held()
    held.talk.syn().again()
    held.look("taken", recv_q=0, owned=False, state="SYN-RECV", error=error)
    held.look("control")
    assert held.routes()["taken"].stage is Stage.ON_INTERFACE
    assert "SYN-ACK has not come to any interface" in held.routes()["taken"].diagnosis
    held.lab.rows = held.lab.rows[:1]
    assert held.routes()["control"].stage is Stage.DROPPED


def early(held: Held, size: int, data: bytes) -> None:
    """Bytes that overtake `size` others; the receiver asks for those."""
    held.talk.up_seq += size
    held.talk.packet("up", "PA", data)
    held.talk.up_seq -= size + len(data)
    held.talk.packet("down", "A")


def test_bytes_that_have_not_come_are_not_missing_in_the_evidence() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN[:9])
    early(held, 5, PLAIN[14:])
    held.look("held", recv_q=0, sent=PLAIN)
    held.talk.packet("up", "PA", PLAIN[9:14])
    held.talk.up_seq += len(PLAIN) - 14
    held.talk.packet("down", "A")
    held.lab.event("read", held.app, held.talk.sockets[1], size=len(PLAIN) - 9)
    held.look("let go", recv_q=0)
    before, after = held.routes().values()
    assert (before.stage, before.stage_open, before.dispatched) == (Stage.HEAD_INCOMPLETE, "", False)
    assert (before.counts.bytes_read, before.counts.unread, before.counts.segments) == (9, 0, 2)
    assert (before.counts.disordered, before.counts.requests) == (1, 0)
    assert (after.stage, after.counts.bytes_read, after.counts.reads) == (Stage.PARSED, len(PLAIN), 2)


def test_control_bytes_that_the_receiver_has_and_nobody_captured_are_missing() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN[:9])
    held.talk.up_seq += 5
    held.talk.up(PLAIN[14:])
    held.look("lost by the capture", recv_q=0, sent=PLAIN)
    route = held.routes()["lost by the capture"]
    assert route.stage_open or any("captured" in each for each in route.open_questions)
    assert route.counts.requests is None


@pytest.mark.parametrize("kernel", [True, False])
def test_accepted_then_unread_then_read(kernel: bool) -> None:
    held = Held(reader=kernel)
    held.talk.open()
    held.look("accepted", recv_q=0)
    held.up(PLAIN[:9], read=False)
    held.look("readable", recv_q=9)
    if kernel:
        held.lab.event("read", held.app, held.talk.sockets[1], size=9)
    held.look("read", recv_q=0)
    held.up(PLAIN[9:], read=False)
    held.look("more", recv_q=len(PLAIN) - 9)
    assert stages(held) == {
        "accepted": Stage.ACCEPTED, "readable": Stage.READABLE, "read": Stage.HEAD_INCOMPLETE, "more": Stage.HEAD_INCOMPLETE,
    }  # fmt: skip
    counted = [(c.bytes_read, c.unread) for c in (route.counts for route in held.routes().values())]
    assert [unread for _, unread in counted] == [0, 9, 0, len(PLAIN) - 9]
    assert [read for read, _ in counted] == ([0, 0, 9, 9] if kernel else [None] * 4)
    assert all(route.dispatched is False and not route.stage_open for route in held.routes().values())


def test_bytes_that_the_link_lost_were_not_read() -> None:
    held = Held()
    held.talk.open()
    held.talk.acknowledged = False
    held.up(PLAIN, read=False)
    held.look("lost", recv_q=0)
    held.talk.up_seq -= len(PLAIN)
    held.talk.acknowledged = True
    held.talk.up(PLAIN)
    held.look("again", recv_q=0)
    lost, again = held.routes().values()
    assert (lost.stage, lost.counts.segments, lost.counts.unread, lost.counts.bytes_read) == (Stage.ACCEPTED, 1, 0, 0)
    assert "never acknowledged" in lost.diagnosis
    assert (again.stage, again.counts.segments, again.counts.retransmitted) == (Stage.PARSED, 2, 1)


def test_without_the_kernels_timeline_a_lost_segment_is_not_called_read() -> None:
    held = Held(reader=False)
    held.talk.open()
    held.talk.acknowledged = False
    held.up(PLAIN, read=False)
    held.look("lost", recv_q=0)
    route = held.routes()["lost"]
    assert (route.stage, route.counts.bytes_read) == (Stage.ACCEPTED, None)
    assert route.stage_open


@pytest.mark.parametrize(("kernel", "rows"), [(True, False), (False, True), (False, False)])
def test_what_a_missing_witness_would_tell_is_open(kernel: bool, rows: bool) -> None:
    held = Held(reader=kernel)
    held.talk.open()
    held.up(PLAIN[:9])
    held.look("half", recv_q=0 if rows else None)
    route = held.routes()["half"]
    if kernel or rows:
        assert (route.stage, route.stage_open) == (Stage.HEAD_INCOMPLETE, "")
    else:
        assert (route.stage, bool(route.stage_open)) == (Stage.ESTABLISHED, True)
    assert route.dispatched is False  # its blank line never came


def test_bytes_that_a_process_only_looked_at_lie_unread_and_that_is_told() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN[:9], read=False)
    held.lab.event("read", held.app, held.talk.sockets[1], size=9, peek=True)
    held.look("looked at", recv_q=9)
    route = held.routes()["looked at"]
    assert route.stage is Stage.READABLE
    assert "its process only looked at 9 of them (kernel.jsonl:" in route.diagnosis


# TLS


def test_half_a_hello_a_whole_one_and_the_end_of_the_handshake() -> None:
    held, tls = Held(port=8443), Tls()
    hello = tls.hello()
    held.talk.open()
    held.look("nothing", recv_q=0)
    held.talk.up(hello[:70])
    held.look("half", recv_q=0)
    held.talk.up(hello[70:]).down(tls.reply())
    held.look("whole", recv_q=0)
    finish = tls.finish()
    held.talk.up(finish, read=False)
    held.look("unread", recv_q=len(finish))
    held.lab.event("read", held.app, held.talk.sockets[1], size=len(finish))
    held.look("ended", recv_q=0)
    unfinished = Stage.TLS_UNFINISHED
    assert stages(held) == {
        "nothing": Stage.ACCEPTED, "half": unfinished, "whole": unfinished, "unread": unfinished, "ended": Stage.TLS_ENDED,
    }  # fmt: skip
    assert [route.hops[0].tls for route in held.routes().values()] == [*[TlsAtHop.NONE] * 4, TlsAtHop.ENDED]
    assert [route.hops[0].sni for route in held.routes().values()][1:3] == [None, "shop.example"]
    assert all(route.dispatched is False and route.counts.requests == 0 for route in held.routes().values())


def test_half_a_request_inside_tls_and_the_rest() -> None:
    held, tls = Held(port=8443), Tls()
    speak(held.talk.open(), tls)
    for name, part in (("line", PLAIN[:5]), ("head", PLAIN[5:-2])):
        held.talk.up(tls.request(part))
        held.sent += part
        held.look(name, recv_q=0)
    held.sent += PLAIN[-2:]
    wire = tls.request(PLAIN[-2:])
    held.talk.up(wire, read=False)
    held.look("unread", recv_q=len(wire))
    held.lab.event("read", held.app, held.talk.sockets[1], size=len(wire))
    held.look("parsed", recv_q=0)
    half = Stage.HEAD_INCOMPLETE
    assert stages(held) == {"line": half, "head": half, "unread": half, "parsed": Stage.PARSED}
    assert [route.counts.requests for route in held.routes().values()] == [0, 0, 1, 1]
    assert [route.dispatched for route in held.routes().values()] == [False, False, False, None]


# One connection, several requests


def answered(held: Held, *events: str) -> None:
    for event in events:
        held.tells(event)


def test_half_a_second_request_is_where_the_probe_is() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN)
    answered(held, "parsed", "dispatched")
    held.talk.down(OK)
    answered(held, "answered")
    held.look("first", recv_q=0, status=200, answers=1)
    held.up(TWO[:-2])
    held.look("half", recv_q=0, status=200, answers=1)
    held.up(TWO[-2:])
    answered(held, "parsed", "dispatched")
    held.look("second", recv_q=0, status=200, answers=1)
    held.talk.down(OK)
    answered(held, "answered")
    held.look("over", recv_q=0, status=200, answers=2)
    routes = held.routes()
    assert stages(held) == {
        "first": Stage.ANSWERED, "half": Stage.HEAD_INCOMPLETE, "second": Stage.DISPATCHED, "over": Stage.ANSWERED,
    }  # fmt: skip
    assert [route.dispatched for route in routes.values()] == [True, False, True, True]
    counted = [(c.requests, c.dispatches, c.answers, c.connections) for c in (route.counts for route in routes.values())]
    assert counted == [(1, 1, 1, 1), (1, 1, 1, 1), (2, 2, 1, 1), (2, 2, 2, 1)]
    assert not any(route.contradictions for route in routes.values())


def test_pipelined_in_one_segment_and_answered_one_by_one() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN + TWO)
    answered(held, "parsed", "dispatched")
    held.talk.down(OK)
    answered(held, "answered")
    held.look("one", recv_q=0, status=200, answers=1)
    answered(held, "parsed", "dispatched")
    held.talk.down(answer(201))
    answered(held, "answered")
    held.look("both", recv_q=0, status=201, answers=2)
    one, both = held.routes().values()
    assert (one.stage, one.dispatched, one.counts.requests, one.counts.dispatches) == (Stage.PARSED, False, 2, 1)
    assert (both.stage, both.dispatched, both.counts.dispatches, both.counts.answers) == (Stage.ANSWERED, True, 2, 2)


REFUSED = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
NO_HOST = b"GET /two HTTP/1.1\r\n\r\n"


def pipelined(*sent: bytes, told: tuple[str, ...] = ("dispatched",), ends: bool = True) -> Route:
    """All at once; the handler of the first is entered, and a parser refuses before it has answered."""
    held = Held()
    held.talk.open()
    held.up(b"".join(sent))
    answered(held, *told)
    held.talk.down(REFUSED)
    if ends:
        held.talk.fin("down")
    held.look("refused", recv_q=0, status=400, answers=1)
    return held.routes()["refused"]


@pytest.mark.parametrize("behind", [NO_HOST, b"\x00nonsense\r\n\r\n", TWO.replace(b"1.1", b"7.1")])
def test_a_refusal_while_the_handler_is_at_work_may_be_for_what_was_sent_behind(behind: bytes) -> None:
    route = pipelined(PLAIN, behind)
    assert "is for request 1 of the connection or for what was sent right behind it" in route.stage_open
    assert (route.answered_by, route.stopped_by, route.status) == (None, None, 400)
    assert "answered 400 by" not in route.diagnosis
    assert "whether the answer 400" in route.diagnosis
    assert route.counts.answers == 1


def test_control_a_refusal_that_can_only_be_for_one_request_is_its_answer() -> None:
    said_so = pipelined(PLAIN, b"nonsense", told=("dispatched", "answered"))
    goes_on = pipelined(PLAIN, NO_HOST, ends=False)
    first_wrong = pipelined(NO_HOST, told=())
    alone = pipelined(PLAIN, told=("dispatched",))
    assert [each.stage_open for each in (said_so, goes_on, first_wrong, alone)] == [""] * 4
    assert (said_so.stage, alone.stage, first_wrong.stage) == (Stage.ANSWERED, Stage.ANSWERED, Stage.REJECTED)


def test_more_dispatches_than_requests_contradict() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN)
    answered(held, "dispatched", "dispatched")
    held.look("twice", recv_q=0)
    [contradiction] = held.routes()["twice"].contradictions
    assert contradiction.about == "how many requests there were"


@pytest.mark.parametrize("second", ["/two", "/one"])
def test_two_handlers_at_once_on_one_connection_are_of_two_requests(second: str) -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN + TWO.replace(b"/two", second.encode()))
    for event, target in (("dispatched", "/one"), ("dispatched", second), ("answered", "/one"), ("answered", second)):
        held.tells(event, target)
    held.talk.down(OK + OK)
    held.look("both", recv_q=0, status=200, answers=2)
    route = held.routes()["both"]
    assert (route.stage, route.dispatched, route.counts.dispatches) == (Stage.ANSWERED, True, 2)
    assert not route.contradictions


def test_control_one_handler_for_two_requests_is_the_first_ones() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN + TWO)
    held.tells("dispatched", "/one")
    held.tells("answered", "/one")
    held.talk.down(OK)
    held.look("first", recv_q=0, status=200, answers=1)
    route = held.routes()["first"]
    assert (route.dispatched, route.counts.dispatches, route.stage) == (False, 1, Stage.PARSED)


def test_a_dispatch_without_a_read_of_its_head_contradicts() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN[:20])
    held.up(PLAIN[20:], read=False)
    answered(held, "dispatched")
    held.look("early", recv_q=len(PLAIN) - 20)
    assert [c.about for c in held.routes()["early"].contradictions] == ["dispatch"]
    held.lab.event("read", held.app, held.talk.sockets[1], size=len(PLAIN) - 20)
    held.lab.kernel[-1] = replace(held.lab.kernel[-1], time_ns=held.lab.application[-1].time_ns - 1)
    assert not held.routes()["early"].contradictions


def test_a_keepalive_probe_behind_a_proxy_counts_what_reached_each_upstream_connection() -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    lab.listen(("0.0.0.0", 80), proxy)
    lab.listen(WEB, app)
    first = lab.tcp("client", CLIENT, "edge", ("10.0.0.2", 80), reader=proxy)
    began = lab.clock
    first.open()
    for port, request in ((50000, PLAIN), (50001, TWO)):
        first.up(request)
        inner = lab.tcp("edge", ("10.0.0.2", port), "web", WEB, reader=app, writer=proxy).open().up(request)
        for event in ("parsed", "dispatched"):
            lab.app(event, app, inner, token="")
        inner.down(OK)
        lab.app("answered", app, inner, token="")
        first.down(OK)
    lab.report(first, sent=PLAIN + TWO, token="", started=began)
    route = lab.route()
    assert [hop.peer for hop in route.hops] == ["10.0.0.9:40000", "10.0.0.2:50001"]
    assert (route.counts.requests, route.counts.dispatches, route.counts.answers) == (2, 2, 2)
    assert (route.stage, route.dispatched) == (Stage.ANSWERED, True)


def test_reports_of_one_probe_do_not_take_its_connections_from_each_other() -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    lab.listen(("0.0.0.0", 80), proxy)
    lab.listen(WEB, app)
    began = lab.clock
    first = lab.tcp("client", CLIENT, "edge", ("10.0.0.2", 80), reader=proxy).open().up(PLAIN)
    inner = lab.tcp("edge", ("10.0.0.2", 50000), "web", WEB, reader=app, writer=proxy).open().up(PLAIN)
    for moment in ("one", "two"):
        lab.report(first, None, sent=PLAIN, token="", started=began)
        lab.clients[-1] = replace(lab.clients[-1], moment=moment)
        lab.tick()
    inner.down(OK)
    first.down(OK)
    lab.report(first, sent=PLAIN, token="", started=began)
    assert [[hop.container for hop in route.hops] for route in lab.routes()] == [["proxy", "app"]] * 3


# Bodies


def test_a_body_that_is_awaited_blames_the_client() -> None:
    held = Held()
    held.talk.open()
    held.up(POST)
    answered(held, "parsed", "dispatched")
    held.up(b"123")
    held.look("pending", recv_q=0)
    route = held.routes()["pending"]
    assert (route.stage, route.dispatched, route.stopped_by) == (Stage.DISPATCHED, True, "client")
    assert "3 of 10 bytes of the body came" in route.diagnosis


@pytest.mark.parametrize("streams", [True, False])
def test_a_proxy_that_waits_for_the_body_and_one_that_does_not(streams: bool) -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    lab.listen(("0.0.0.0", 80), proxy)
    lab.listen(WEB, app)
    began = lab.clock
    first = lab.tcp("client", CLIENT, "edge", ("10.0.0.2", 80), reader=proxy).open().up(POST)
    inner = lab.tcp("edge", ("10.0.0.2", 50000), "web", WEB, reader=app, writer=proxy)
    lab.listen(("10.0.0.3", 9), app)
    if streams:
        inner.open().up(POST)
        lab.app("parsed", app, inner, token="")
        lab.app("dispatched", app, inner, token="")
    lab.report(first, None, sent=POST, token="", started=began)
    lab.clients[-1] = replace(lab.clients[-1], moment="pending", finished=False)
    route = lab.route()
    if streams:
        assert (route.stage, route.dispatched, [h.stage for h in route.hops]) == (
            Stage.DISPATCHED, True, [Stage.ROUTED, Stage.DISPATCHED],
        )  # fmt: skip
    else:
        assert (route.stage, route.dispatched, route.stage_open) == (Stage.PARSED, None, "")
        assert any("whether proxy found a route" in q for q in route.open_questions)
    assert route.stopped_by == "client"


@pytest.mark.parametrize("cut", [True, False])
def test_a_proxy_that_refuses_the_rest_of_a_body_is_who_stopped_it(cut: bool) -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    lab.listen(("0.0.0.0", 80), proxy)
    lab.listen(WEB, app)
    began = lab.clock
    first = lab.tcp("client", CLIENT, "edge", ("10.0.0.2", 80), reader=proxy).open().up(POST)
    inner = lab.tcp("edge", ("10.0.0.2", 50000), "web", WEB, reader=app, writer=proxy).open().up(POST)
    lab.app("dispatched", app, inner, token="")
    if cut:
        inner.fin()
    first.down(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    lab.report(first, 400, sent=POST, token="", started=began)
    route = lab.route()
    assert (route.stage, route.dispatched, route.answered_by) == (Stage.REJECTED, True, "proxy")
    assert route.stopped_by == ("proxy" if cut else "client")


def test_an_interim_response_is_no_answer() -> None:
    held = Held()
    held.talk.open()
    held.up(POST[:-2] + b"Expect: 100-continue\r\n\r\n")
    held.talk.down(b"HTTP/1.1 100 Continue\r\n\r\n")
    held.look("continue", recv_q=0)
    assert stages(held) == {"continue": Stage.PARSED}


def test_bytes_behind_the_request_begin_no_other() -> None:
    held = Held()
    held.talk.open()
    held.up(POST + b"1234567890" + b"surplus")
    answered(held, "parsed", "dispatched", "answered")
    held.talk.down(OK)
    held.look("over", recv_q=0, status=200, answers=1)
    route = held.routes()["over"]
    assert (route.stage, route.counts.requests, route.counts.dispatches) == (Stage.ANSWERED, 1, 1)


# Counts


def test_disorder_is_counted_where_it_arrives_and_over_the_wrap() -> None:
    held = Held()
    held.talk.up_seq = 2**32 - 12
    held.talk.open()
    for part in (slice(10, 20), slice(0, 10), slice(20, None)):
        held.talk.up_seq = 2**32 - 11 + (part.start or 0)
        held.talk.packet("up", "PA", PLAIN[part])
    held.talk.packet("down", "A")
    held.lab.event("read", held.app, held.talk.sockets[1], size=len(PLAIN))
    held.sent = PLAIN
    held.look("read", recv_q=0)
    counted = held.routes()["read"].counts
    assert (counted.segments, counted.disordered, counted.retransmitted) == (3, 1, 0)
    assert (counted.reads, counted.bytes_read) == (1, len(PLAIN))


@pytest.mark.parametrize(
    ("witness", "namespace", "none"),
    [
        ("kernel", "", ("reads", "bytes_read")),
        ("packets", "web", ("segments", "retransmitted", "disordered", "requests", "upstreams")),
        ("packets", "client", ("connections", "answers", "interim")),
    ],
)
def test_what_a_witness_lost_is_not_counted(witness: str, namespace: str, none: tuple[str, ...]) -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN)
    answered(held, "parsed", "dispatched", "answered")
    held.talk.down(OK)
    held.look("over", recv_q=0, status=200, answers=1)
    full = held.routes()["over"].counts
    assert None not in (getattr(full, name) for name in none)
    held.lab.gap(witness, namespace)
    less = held.routes()["over"].counts
    for name in Counts.__dataclass_fields__:
        if name not in ("evidence", "queries"):
            assert getattr(less, name) == (None if name in none else getattr(full, name)), name


def test_bytes_that_were_spliced_leave_the_reads_unknown() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN, read=False)
    held.look("spliced", recv_q=0)
    route = held.routes()["spliced"]
    assert (route.stage, route.counts.reads, route.counts.unread) == (Stage.PARSED, None, 0)


def test_each_count_cites_what_it_rests_on() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN)
    answered(held, "parsed", "dispatched", "answered")
    held.talk.down(OK)
    held.look("over", recv_q=0, status=200, answers=1)
    counted = held.routes()["over"].counts
    told = {name for name in Counts.__dataclass_fields__ if name != "evidence" and getattr(counted, name)}
    assert told <= {name for name, _ in counted.evidence}
    assert {str(e.witness) for name, e in counted.evidence if name == "dispatches"} == {"application", "kernel"}


def test_a_queue_that_counts_the_fin_is_not_one_byte_unread() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN)
    held.talk.fin()
    held.look("closed", recv_q=1, state="CLOSE-WAIT")
    assert held.routes()["closed"].counts.unread == 0


def test_repeated_probes_count_apart() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    app = lab.container("app", "web", 3001)
    lab.listen(WEB, app)
    for number in range(3):
        talk: Conversation = lab.tcp("client", ("10.0.0.9", 40000 + number), "web", WEB, reader=app)
        began = lab.clock
        talk.open().up(get(f"{number:016x}")).down(OK)
        lab.report(talk, token=f"{number:016x}", started=began)
    assert [route.counts.connections for route in lab.routes()] == [1, 1, 1]
    assert [route.counts.requests for route in lab.routes()] == [1, 1, 1]


def refused_by(lab: Lab, proxy: Process, status: int) -> Route:
    talk = lab.tcp("client", ("10.0.0.9", 40009), "edge", ("10.0.0.2", 80), reader=proxy).open()
    talk.up(get("aa" * 8)).down(answer(status))
    lab.report(talk, status, token="aa" * 8, name="denied")
    return lab.routes()[-1]


def test_a_refusal_by_a_process_that_hands_others_on_is_a_rejection() -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    lab.listen(("0.0.0.0", 80), proxy)
    alone = refused_by(lab, proxy, 403)
    assert (alone.stage, alone.dispatched, bool(alone.stage_open)) == (Stage.ANSWERED, None, True)
    lab.clients.clear()
    first = lab.tcp("client", CLIENT, "edge", ("10.0.0.2", 80), reader=proxy).open().up(get())
    lab.tcp("edge", ("10.0.0.2", 50000), "web", WEB, reader=app, writer=proxy).open().up(get()).down(OK)
    first.down(OK)
    lab.report(first)
    told = refused_by(lab, proxy, 403)
    assert (told.stage, told.dispatched, told.stopped_by, told.stage_open) == (Stage.REJECTED, False, "proxy", "")


@pytest.mark.parametrize("refused", [True, False])
def test_a_request_that_came_with_a_refused_handshake_was_never_parsed(refused: bool) -> None:
    held, tls = Held(port=8443), Tls()
    held.talk.open().up(tls.hello()).down(tls.reply())
    held.talk.up(tls.finish() + tls.request(PLAIN))
    if refused:
        held.talk.down(b"\x17\x03\x03\x00\x13" + b"a" * 19).fin("down")
    held.sent = PLAIN
    held.look("end", recv_q=0, error=ClientError("receive", "alert", "certificate required") if refused else None)
    route = held.routes()["end"]
    assert route.stage is (Stage.TLS_UNFINISHED if refused else Stage.PARSED)
    assert (route.stopped_by, route.dispatched) == ("app", False if refused else None)


@pytest.mark.parametrize("looked", [True, False])
def test_bytes_that_were_looked_at_and_not_taken_were_readable(looked: bool) -> None:
    held = Held()
    held.talk.open()
    held.talk.packet("up", "PA", PLAIN)
    held.sent = PLAIN
    if looked:
        held.lab.event("read", held.app, held.talk.sockets[1], size=len(PLAIN), peek=True)
    held.talk.packet("down", "RA")
    held.look("end", error=ClientError("receive", "reset", "Connection reset by peer"))
    route = held.routes()["end"]
    assert (route.stage, route.dispatched) == (Stage.READABLE if looked else Stage.ESTABLISHED, False)
    assert not looked or route.stopped_by == "app"


@pytest.mark.parametrize("known", [True, False])
def test_a_process_that_hands_requests_on_and_keeps_this_one_has_entered_no_handler(known: bool) -> None:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    lab.listen(("0.0.0.0", 80), proxy)
    if known:
        first = lab.tcp("client", CLIENT, "edge", ("10.0.0.2", 80), reader=proxy).open().up(get())
        lab.tcp("edge", ("10.0.0.2", 50000), "web", WEB, reader=app, writer=proxy).open().up(get()).down(OK)
        first.down(OK)
        lab.report(first)
    began = lab.clock
    talk = lab.tcp("client", ("10.0.0.9", 40009), "edge", ("10.0.0.2", 80), reader=proxy).open().up(POST)
    talk.fin("down")
    lab.report(talk, None, sent=POST, token="", started=began, name="slow")
    route = lab.routes()[-1]
    assert (route.stage, route.stopped_by, route.dispatched) == (Stage.PARSED, "proxy", False if known else None)


def test_a_reset_is_told_with_who_sent_it() -> None:
    held = Held()
    held.talk.open()
    held.up(PLAIN)
    held.talk.packet("down", "RA")
    held.look("reset", error=ClientError("receive", "reset", "Connection reset by peer"))
    route = held.routes()["reset"]
    assert route.stage is Stage.PARSED
    assert "reset by app" in route.diagnosis
