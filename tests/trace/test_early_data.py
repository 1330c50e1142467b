"""Early data over TCP and over QUIC: taken, refused or never sent, and what is known before the handshake is finished."""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from client import early

from lab.model.observations import Secret
from lab.model.routes import Stage, TlsAtHop
from tests.early_server import EarlyConnection, EarlyServer
from tests.trace.quic_peers import Over, Talking, report
from tests.trace.wire import OK, Lab, Process, authority, get

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model.routes import Hop, Route
    from tests.trace.wire import Conversation

FRONT, BEHIND = ("10.0.0.2", 8443), ("10.0.0.3", 3000)


class Client:
    """Python's own TLS, and what it has to say."""

    def __init__(self, keys: Path) -> None:
        ca, leaf = authority()
        self.server = EarlyServer(leaf)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ca.configure_trust(self.context)
        self.context.keylog_filename = str(keys)
        self.keys = keys
        self.session: ssl.SSLSession | None = None
        self._first()

    def _first(self) -> None:
        """A connection that leaves a ticket behind."""
        self.begin(early=False)
        far = self.server.connection()
        while self.tls.session is None or not self.tls.session.has_ticket:
            self.into.write(far.take(self.out()) or far.answer(OK))
            self.handshake()
            self.read()
        self.session = self.tls.session

    def begin(self, *, early: bool) -> None:
        self.into, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = self.session if early else None
        self.tls = self.context.wrap_bio(self.into, self._out, server_hostname="shop.example", session=session)

    def handshake(self) -> None:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return

    def read(self) -> bytes:
        try:
            return self.tls.read(65536)
        except (ssl.SSLWantReadError, ValueError):
            return b""

    def out(self) -> bytes:
        self.handshake()
        return self._out.read()

    def first_flight(self, data: bytes) -> bytes:
        early.write(self.tls, data)
        return self._out.read()

    def secrets(self) -> tuple[Secret, ...]:
        lines = (line.split() for line in self.keys.read_text().splitlines() if not line.startswith("#"))
        return tuple(Secret(a, bytes.fromhex(b), bytes.fromhex(c)) for a, b, c in lines)


class Scene:
    """A client, a proxy that ends TLS, an application."""

    def __init__(self, keys: Path) -> None:
        self.lab = Lab(client="10.0.0.9", web="10.0.0.2", app="10.0.0.3")
        self.proxy, self.app = self.lab.container("proxy", "web", 7), self.lab.container("app", "app", 8)
        self.client = Client(keys)
        self.front: Conversation = self.lab.tcp("client", ("10.0.0.9", 40000), "web", FRONT, reader=self.proxy).open()
        self.back: Conversation = self.lab.tcp("web", ("10.0.0.2", 50000), "app", BEHIND, reader=self.app, writer=self.proxy)

    def flight(self, far: EarlyConnection, request: bytes) -> bytes:
        """ClientHello and early data go, and the server's flight comes back."""
        self.client.begin(early=True)
        first = self.client.first_flight(request)
        self.front.up(first)
        return far.take(first)

    def handed_on(self) -> None:
        self.back.open().up(get()).down(OK)
        self.lab.app("dispatched", self.app, self.back)

    def route(self, *, secrets: bool = True, moment: str = "", status: int | None = 200) -> Route:
        self.lab.report(self.front, status, sent=get())
        self.lab.clients[-1] = replace(self.lab.clients[-1], moment=moment, answers=int(status is not None))
        self.lab.secrets = self.client.secrets() if secrets else ()
        return self.lab.route()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "keys")


def finish(scene: Scene, far: EarlyConnection, flight: bytes) -> None:
    """The client reads the server's flight and finishes its handshake."""
    scene.client.into.write(flight)
    finished = scene.client.out()
    scene.front.up(finished)
    scene.front.down(far.take(finished))


def test_a_request_is_known_to_be_handed_on_before_the_client_has_finished(scene: Scene) -> None:
    far = scene.client.server.connection()
    flight = scene.flight(far, get())
    assert far.got_early == get()
    scene.front.down(flight)
    scene.handed_on()
    scene.client.into.write(flight)
    scene.client.handshake()  # its Finished is held back, its secrets are written
    route = scene.route(moment="early", status=None)
    assert (route.hops[0].early, route.hops[0].session, route.hops[0].tls) == ("taken", "resumed", TlsAtHop.ENDED)
    assert (route.dispatched, route.stage) == (True, Stage.DISPATCHED)
    assert [end.container for end in route.tls_ends_at] == ["proxy"]


def answered_early(scene: Scene, far: EarlyConnection) -> None:
    """The server answers in its first flight, and the client finishes the handshake then."""
    flight = scene.flight(far, get())
    scene.handed_on()
    answer = far.answer(OK)
    scene.front.down(flight + answer)
    finish(scene, far, flight + answer)


def test_what_came_as_early_data_is_the_request_when_all_is_over(scene: Scene) -> None:
    far = scene.client.server.connection()
    answered_early(scene, far)
    assert scene.client.read() == OK
    route = scene.route()
    hop: Hop = route.hops[0]
    assert (hop.early, hop.code, route.stage, route.answered_by) == ("taken", 200, Stage.ANSWERED, "app")
    assert (route.counts.requests, route.counts.answers, route.counts.dispatches) == (1, 1, 1)
    says = [one.says for one in hop.evidence]
    assert any("sent behind the ClientHello" in one for one in says)
    assert any("takes early data" in one for one in says)


def test_early_data_that_are_refused_come_again_and_count_once(scene: Scene) -> None:
    far = scene.client.server.connection(early=False)
    flight = scene.flight(far, get())
    scene.front.down(flight)
    finish(scene, far, flight)
    assert early.status(scene.client.tls) == early.REJECTED
    scene.client.tls.write(get())
    again = scene.client.out()
    scene.front.up(again)
    far.take(again)
    assert (bytes(far.got), far.got_early) == (get(), b"")
    scene.handed_on()
    scene.front.down(far.answer(OK))
    route = scene.route()
    assert (route.hops[0].early, route.hops[0].session) == ("refused", "resumed")
    assert (route.counts.requests, route.counts.dispatches, route.stage) == (1, 1, Stage.ANSWERED)


def test_control_a_session_resumed_without_early_data_has_none(scene: Scene) -> None:
    far = scene.client.server.connection()
    scene.client.begin(early=True)
    hello = scene.client.out()
    flight = far.take(hello)
    scene.front.up(hello).down(flight)
    finish(scene, far, flight)
    scene.client.tls.write(get())
    request = scene.client.out()
    scene.front.up(request)
    far.take(request)
    scene.handed_on()
    scene.front.down(far.answer(OK))
    route = scene.route()
    assert (route.hops[0].early, route.hops[0].session) == ("none", "resumed")
    assert route.hops[1].early is None


def test_without_secrets_nothing_is_told_of_early_data(scene: Scene) -> None:
    far = scene.client.server.connection()
    answered_early(scene, far)
    assert scene.route(secrets=False).hops[0].early is None


def test_a_flight_that_nobody_answers_tells_nothing_of_them(scene: Scene) -> None:
    scene.flight(scene.client.server.connection(), get())
    route = scene.route(status=None)
    assert route.hops[0].early is None
    assert not route.dispatched


def test_the_client_says_what_a_session_allows(scene: Scene) -> None:
    scene.client.begin(early=True)
    assert early.allowed(scene.client.tls) > 0
    scene.client.begin(early=False)
    assert early.allowed(scene.client.tls) == 0


def test_a_structure_that_lies_elsewhere_is_refused() -> None:
    class Strange:
        context = object()
        _sslobj = None

    strange = Strange()
    strange._sslobj = strange  # type: ignore[assignment]
    with pytest.raises(OSError, match="no early data"):
        early.allowed(strange)  # type: ignore[arg-type]


# Over QUIC.


@pytest.mark.parametrize("takes", [True, False])
def test_over_quic_a_request_comes_in_the_first_flight(takes: bool) -> None:
    made = quic_lab()
    first = Talking(made, (over(made, 39999),), tickets={})
    first.run()
    first.ask("0a")
    first.run()
    talking = Talking(made, (over(made, 40000),), tickets=first.tickets if takes else {}, ticket=first.ticket)
    talking.ask()
    talking.run()
    route = quic_route(made, talking)
    assert (route.hops[0].early, route.hops[0].session) == (("taken", "resumed") if takes else ("refused", "new"))
    assert (route.counts.streams, route.counts.requests, route.counts.answers) == (1, 1, 1)
    assert any("(0-RTT)" in one.says for one in route.hops[0].evidence)


def test_over_quic_a_request_that_waits_for_the_handshake_is_none() -> None:
    made = quic_lab()
    talking = Talking(made, (over(made, 40000),))
    talking.run()
    talking.ask()
    talking.run()
    assert quic_route(made, talking).hops[0].early == "none"


def test_over_quic_it_is_not_told_without_secrets() -> None:
    made = quic_lab()
    first = Talking(made, (over(made, 39999),), tickets={})
    first.run()
    talking = Talking(made, (over(made, 40000),), tickets=first.tickets, ticket=first.ticket)
    talking.ask()
    talking.run()
    assert quic_route(made, talking, secrets=False).hops[0].early is None


def quic_lab() -> Lab:
    made = Lab(client="10.0.0.9", edge="10.0.0.2")
    made.row("edge", "UNCONN", ("0.0.0.0", 8443), ("0.0.0.0", 0), (2001,), look="ready", transport="udp")
    made.container("proxy", "edge", 2001)
    return made


def over(made: Lab, port: int) -> Over:
    return Over("client", ("10.0.0.9", port), "edge", ("10.0.0.2", 8443), Process("proxy", "edge", 2001))


def quic_route(made: Lab, talking: Talking, *, secrets: bool = True) -> Route:
    report(made, talking)
    made.secrets = talking.secrets() if secrets else ()
    return made.route()
