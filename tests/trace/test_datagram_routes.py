"""A probe that is a datagram: each stage beside the one it could be mistaken for, and who is named for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.model.observations import AppEvent, ClientError, ClientReport
from lab.model.routes import Route, Stage
from lab.trace.frames import segment
from tests.trace.wire import STEP, Lab, Process

CLIENT, SERVICE, ANY = ("10.0.0.9", 40000), ("10.0.0.2", 5300), ("0.0.0.0", 5300)
OTHER = ("10.0.0.9", 40001)
REFUSED = ClientError("receive", "refused", "connection refused")
SILENT = ClientError("receive", "timeout", "timed out")


class Service:
    """A client, and a namespace `web` with a datagram service in it."""

    def __init__(self) -> None:
        self.lab = Lab(client="10.0.0.9", web="10.0.0.2")
        self.app = self.lab.container("app", "web", 3001)
        self.waits(0, look="ready")

    def waits(self, recv_q: int, look: str = "probe") -> None:
        self.lab.tick()
        holders = (self.app.pid,)
        self.lab.row("web", "UNCONN", ANY, ("0.0.0.0", 0), holders, recv_q=recv_q, look=look, transport="udp")

    def sends(self, data: bytes = b"hello", client: tuple[str, int] = CLIENT) -> None:
        self.lab.udp("client", client, "web", SERVICE, data)

    def reads(self, size: int = 5, by: Process | None = None) -> None:
        self.lab.tick()
        self.lab.event("read", by or self.app, 77, size=size, transport="udp")

    def answers(self, client: tuple[str, int] = CLIENT) -> None:
        self.lab.udp("client", client, "web", SERVICE, b"welcome", back=True)

    def refuses(self) -> None:
        self.lab.udp("client", CLIENT, "web", SERVICE, b"", back=True, refusal=True)

    def enters(self) -> None:
        line, when = self.lab.line("app"), self.lab.tick()
        event = AppEvent("logs/app.log", line, when, "app", "dispatched", SERVICE, CLIENT, "", "", "", "", 1)
        self.lab.application.append(event)

    def told(self, error: ClientError | None = None, client: tuple[str, int] = CLIENT, name: str = "one") -> None:
        begun, done = 1_700_000_000_000_000_000 - STEP, self.lab.tick()
        self.lab.clients.append(
            ClientReport(
                self.lab.line("client"), name, "", "client", SERVICE, begun, done, client, SERVICE, b"hello", None, None, None,
                (), b"" if error else b"welcome", error, answers=int(error is None),
            )
        )  # fmt: skip

    def route(self, error: ClientError | None = None) -> Route:
        self.told(error)
        return self.lab.route()


@pytest.fixture
def at() -> Service:
    return Service()


def test_it_is_answered_by_who_read_it(at: Service) -> None:
    at.sends()
    at.reads()
    at.answers()
    route = at.route()
    [hop] = route.hops
    assert (route.stage, route.answered_by, route.stopped_by) == (Stage.ANSWERED, "app", None)
    assert (hop.transport, hop.container, hop.host_pid, hop.listener, hop.received) == (
        "udp",
        "app",
        3001,
        "0.0.0.0:5300",
        True,
    )
    counts = route.counts
    assert (counts.segments, counts.reads, counts.bytes_read, counts.answers) == (1, 1, 5, 1)


def test_control_a_holder_that_did_not_read_is_not_named(at: Service) -> None:
    child = at.lab.container("child", "web", 3002)
    at.lab.rows[0] = replace(at.lab.rows[0], holders=(3001, 3002))
    at.sends()
    at.reads(by=child)
    at.answers()
    assert at.route().hops[0].container == "child"


def test_a_handler_is_reached_if_the_application_says_so_after_the_read(at: Service) -> None:
    at.sends()
    at.reads()
    at.enters()
    at.answers()
    route = at.route()
    assert (route.dispatched, route.counts.dispatches, route.contradictions) == (True, 1, ())
    assert route.diagnosis.startswith("reached dispatch in app (pid 1) of app; answered")


def test_control_a_handler_that_says_so_without_any_read_is_contradicted(at: Service) -> None:
    at.sends()
    at.enters()
    at.answers()
    assert [each.about for each in at.route().contradictions] == ["dispatch"]


def test_port_unreachable_is_refused_by_the_kernel_and_received_by_nobody(at: Service) -> None:
    at.sends()
    at.refuses()
    route = at.route(REFUSED)
    assert (route.stage, route.stopped_by, route.dispatched) == (Stage.REFUSED, "kernel of web", False)
    assert (route.hops[0].container, route.hops[0].received, route.counts.reads) == (None, False, 0)
    assert "port unreachable (packets/web.pcapng:2)" in route.diagnosis


def test_control_silence_is_not_refused(at: Service) -> None:
    at.sends()
    at.waits(0)
    route = at.route(SILENT)
    assert (route.stage, route.stopped_by, route.dispatched) == (Stage.DROPPED, "kernel of web", False)


def test_what_lies_in_the_buffer_is_readable_and_stopped_by_its_holder(at: Service) -> None:
    at.sends()
    at.waits(768)
    route = at.route(SILENT)
    assert (route.stage, route.stopped_by, route.dispatched) == (Stage.READABLE, "app", False)
    assert (route.counts.unread, route.counts.reads, route.hops[0].container) == (5, 0, "app")


def test_control_what_was_read_and_not_answered_is_read(at: Service) -> None:
    at.sends()
    at.reads()
    at.waits(0)
    route = at.route(SILENT)
    assert (route.stage, route.stopped_by, route.dispatched, route.counts.unread) == (Stage.READ, "app", None, 0)


def test_a_socket_gives_datagrams_in_their_order(at: Service) -> None:
    at.sends()
    at.sends(client=OTHER)
    at.reads()
    at.told(SILENT)
    at.told(SILENT, client=OTHER, name="two")
    assert [route.counts.reads for route in at.lab.routes()] == [1, 0]


def test_without_the_kernels_timeline_it_is_open_whether_it_was_read(at: Service) -> None:
    at.sends()
    at.waits(0)
    at.lab.gap("kernel")
    route = at.route(SILENT)
    assert (route.stage, route.dispatched, route.counts.reads) == (Stage.ON_INTERFACE, None, None)
    assert route.stage_open.startswith("no witness tells whether a process read the datagram")
    assert route.hops[0].received is None


def test_a_read_of_another_size_leaves_it_open(at: Service) -> None:
    at.sends()
    at.reads(3)
    assert at.route(SILENT).stage_open.endswith("a read of other size was seen")


def test_what_the_receiver_sends_on_meanwhile_leaves_the_route_open(at: Service) -> None:
    at.sends()
    at.reads()
    at.lab.udp("web", ("10.0.0.2", 50000), "client", ("10.0.0.9", 6000), b"hello")
    at.answers()
    assert "datagrams are not followed" in at.route().route_open


def test_its_timeline_has_no_connection_in_it(at: Service) -> None:
    at.sends()
    at.reads()
    at.answers()
    events = [each.event for each in at.route().timeline]
    assert events == ["begins", "datagram", "datagram", "read", "answer", "answer"]


QUOTED_4 = "45000021af2e4000401182ae0ad579a30ad579a2a0db14b5000d090e"
FRAME_4 = "02420ad579a302420ad579a2080045c000388ae100004001e6340ad579a20ad579a30303fa7e00000000" + QUOTED_4
SOURCE_6, TARGET_6 = "fd00" + "00" * 13 + "02", "fd00" + "00" * 13 + "03"
FRAME_6 = (
    "02420ad579a302420ad579a286dd6000000000383a40" + SOURCE_6 + TARGET_6 + "0104000000000000"
    + "60000000000d1140" + TARGET_6 + SOURCE_6 + "a0db14b5000d0000"
)  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "ends"),
    [
        (FRAME_4, (("10.213.121.162", 5301), ("10.213.121.163", 41179))),
        (FRAME_6, (("fd00::2", 5301), ("fd00::3", 41179))),
    ],
)
def test_port_unreachable_has_the_ends_of_the_datagram_that_it_answers(frame: str, ends: tuple[object, object]) -> None:
    found = segment(bytes.fromhex(frame))
    assert found
    assert (found.transport, found.source, found.destination) == ("icmp", *ends)


@pytest.mark.parametrize(
    "frame",
    [FRAME_4.replace("0303fa7e", "0301fa7e"), FRAME_4.replace("401182ae", "400682ae"), FRAME_4[:-48]],
    ids=["host unreachable", "quotes no datagram", "quotes too little"],
)
def test_control_other_errors_are_none(frame: str) -> None:
    assert segment(bytes.fromhex(frame)) is None
