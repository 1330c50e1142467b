"""QUIC from its datagrams: packets and keys by the RFC's own examples, then whole connections between genuine peers."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model.observations import AppEvent
from lab.model.routes import Route, Stage, TlsAtHop
from lab.trace import quic_packets
from lab.trace.h3_streams import status, streams
from lab.trace.moments import Memo
from lab.trace.quic_flows import quic_flows
from lab.trace.quic_frames import frames
from lab.trace.quic_keys import Keys, initial, opened
from lab.trace.quic_packets import NotQuic, begins, packets
from lab.trace.talk import talk
from lab.trace.tls import client_hello
from lab.trace.watched import watched
from tests.trace.quic_peers import NAME, Over, Talking, report
from tests.trace.wire import TOKEN, Lab, get

if TYPE_CHECKING:
    from lab.model.observations import Secret
    from lab.trace.h2_streams import Stream

CLIENT, EDGE, WEB = ("10.0.0.9", 40000), ("10.0.0.2", 8443), ("10.0.1.3", 3443)
ID = bytes.fromhex("8394c8f03e515708")
RETRY = bytes.fromhex("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba")


def lab() -> Lab:
    return Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.1.3")


def front(made: Lab) -> Over:
    return Over("client", CLIENT, "edge", EDGE, made.container("proxy", "edge", 2001))


def listens(made: Lab, namespace: str, on: tuple[str, int], pid: int) -> None:
    made.row(namespace, "UNCONN", ("0.0.0.0", on[1]), ("0.0.0.0", 0), (pid,), look="ready", transport="udp")


def whole(made: Lab, *hops: Over, requests: int = 1) -> Talking:
    talking = Talking(made, hops)
    talking.run()
    for _ in range(requests):
        talking.ask()
    talking.run()
    return talking


def one(made: Lab) -> Route:
    (route,) = made.routes()
    return route


# Keys and packets: RFC 9001, appendix A.


def test_initial_keys_are_those_of_the_rfc() -> None:
    client, server = initial(ID, quic_packets.VERSION_1)
    assert (client.key.hex(), client.iv.hex(), client.mask.hex()) == (
        "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2",
    )  # fmt: skip
    assert (server.key.hex(), server.iv.hex(), server.mask.hex()) == (
        "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e", "c206b8d9b9f0f37644430b490eeaa314",
    )  # fmt: skip


def test_initial_keys_of_version_2_are_those_of_its_rfc() -> None:
    client, server = initial(ID, quic_packets.VERSION_2)
    assert client.key.hex() == "8b1a0bc121284290a29e0971b5cd045d"
    assert server.key.hex() == "82db637861d55e1d011f19ea71d5d2a7"


def test_a_chacha_packet_of_the_rfc_opens_and_a_changed_one_does_not() -> None:
    from lab.trace.quic_keys import CHACHA20, traffic

    secret = bytes.fromhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b")
    datagram = bytes.fromhex("4cfe4189655e5cd55c41f69080575d7999c25a5bfb")
    (packet,) = packets(datagram)
    keys = traffic(secret, CHACHA20, quic_packets.VERSION_1)
    found = opened(keys, datagram, packet, 654360560)
    assert found is not None
    assert (found.number, found.payload) == (654360564, b"\x01")
    assert opened(keys, datagram[:-1] + b"\x00", packet, 654360560) is None


def test_the_retry_of_the_rfc_is_read() -> None:
    (packet,) = packets(RETRY)
    assert (packet.kind, packet.source.hex()) == (quic_packets.RETRY, "f067a5502a4262b5")


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_that_they_are_no_quic(data: bytes) -> None:
    with suppress(NotQuic):
        list(packets(data))
    list(frames(data))


@given(st.binary(min_size=1200, max_size=1300))
def test_random_datagrams_are_no_connection(data: bytes) -> None:
    made = lab()
    made.udp("client", CLIENT, "edge", EDGE, b"\xc0\x00\x00\x00\x01" + data)
    assert quic_flows(made.packets, Memo()) == ()


# Connections between genuine peers.


def test_the_client_hello_is_read_from_initial_packets() -> None:
    made = lab()
    whole(made, front(made))
    flows = quic_flows(made.packets, Memo())
    assert [flow.namespace for flow in flows] == ["client", "edge"]
    for flow in flows:
        hello = client_hello(flow.up.data)
        assert hello is not None
        assert (hello.sni, hello.alpn) == (NAME, ("h3",))
        assert flow.quic is not None
        assert flow.quic.version == 1
        assert flow.quic.first_sent is not None


def test_a_process_that_answers_the_handshake_ends_it() -> None:
    made = lab()
    here = front(made)
    listens(made, "edge", EDGE, 2001)
    report(made, whole(made, here))
    route = one(made)
    (hop,) = route.hops
    assert (hop.transport, hop.protocol, hop.sni, hop.alpn) == ("udp", "quic", NAME, "h3")
    assert (hop.tls, hop.container, hop.listener) == (TlsAtHop.ENDED, "proxy", "0.0.0.0:8443")
    assert [end.container for end in route.tls_ends_at] == ["proxy"]
    assert route.stage is Stage.ANSWERED
    assert route.counts.connections == 1
    assert route.counts.addresses == 1


def test_what_goes_on_in_clear_behind_it_is_the_next_hop() -> None:
    made = lab()
    here = front(made)
    listens(made, "edge", EDGE, 2001)
    talking = Talking(made, (here,))
    talking.run()
    app = made.container("app", "web", 3001)
    talking.ask()
    proxy = here.reader
    talking._up()
    behind = made.tcp("edge", ("10.0.0.2", 50000), "web", ("10.0.1.3", 3000), reader=app, writer=proxy)
    behind.open().up(get()).down(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").fin()
    talking.run()
    report(made, talking)
    route = one(made)
    assert [(hop.container, hop.protocol, hop.clear) for hop in route.hops] == [
        ("proxy", "quic", False),
        ("app", "http/1.1", True),
    ]
    assert [end.container for end in route.tls_ends_at] == ["proxy"]
    assert route.answered_by == "app"


def through(made: Lab) -> tuple[Over, Over]:
    first = front(made)
    listens(made, "edge", EDGE, 2001)
    app = made.container("app", "web", 3001)
    listens(made, "web", WEB, 3001)
    return first, Over("edge", ("10.0.1.2", 50000), "web", WEB, app)


def test_datagrams_that_are_sent_on_pass_tls_through() -> None:
    made = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.1.3")
    first, second = through(made)
    second = Over("edge", ("10.0.0.2", 50000), "web", WEB, second.reader)
    report(made, whole(made, first, second))
    route = one(made)
    assert [(hop.container, hop.tls) for hop in route.hops] == [("proxy", TlsAtHop.PASSED_THROUGH), ("app", TlsAtHop.ENDED)]
    assert route.hops[1].joined_by == "same ClientHello"
    assert [end.container for end in route.tls_ends_at] == ["app"]


def test_a_rewritten_address_is_one_connection_and_no_hop() -> None:
    made = lab()
    listens(made, "web", WEB, 3001)
    app = made.container("app", "web", 3001)
    talking = Talking(made, (Over("client", CLIENT, "client", EDGE), Over("web", CLIENT, "web", WEB, app)))
    talking.run()
    talking.ask()
    talking.run()
    report(made, talking)
    route = one(made)
    assert [(hop.container, hop.asked, hop.local) for hop in route.hops] == [("app", "10.0.0.2:8443", "10.0.1.3:3443")]


def test_a_new_port_with_the_same_ids_is_the_same_connection() -> None:
    made = lab()
    here = front(made)
    listens(made, "edge", EDGE, 2001)
    talking = whole(made, here)
    talking.move([Over("client", ("10.0.0.9", 40777), "edge", EDGE, here.reader)])
    talking.ask()
    talking.run()
    talking.hops = (here,)
    report(made, talking, count=2)
    route = one(made)
    assert len(route.hops) == 1
    assert (route.counts.connections, route.counts.addresses) == (1, 2)
    assert any("10.0.0.9:40777" in each.says and "same connection" in each.says for each in route.hops[0].evidence)


def test_a_new_port_with_other_ids_is_another_connection() -> None:
    made = lab()
    here = front(made)
    listens(made, "edge", EDGE, 2001)
    made.container("client", "client", 901)
    other = ("10.0.0.9", 40777)
    for local in (CLIENT, other):
        made.row("client", "ESTAB", local, EDGE, (901,), look="order", transport="udp")
    first = whole(made, here)
    whole(made, Over("client", other, "edge", EDGE, here.reader))
    report(made, first)
    assert (one(made).counts.connections, one(made).counts.addresses) == (2, 1)


def test_a_handshake_that_nobody_answers_lies_unread() -> None:
    made = lab()
    here = Over("client", CLIENT, "edge", EDGE)
    made.container("proxy", "edge", 2001)
    listens(made, "edge", EDGE, 2001)
    talking = Talking(made, (here,), server=False)
    talking.run()
    made.tick()
    made.row("edge", "UNCONN", ("0.0.0.0", 8443), ("0.0.0.0", 0), (2001,), recv_q=1280, look="order", transport="udp")
    report(made, talking, answered=False)
    route = one(made)
    assert route.stage is Stage.READABLE
    assert "lies unread" in route.diagnosis
    assert route.tls_ends_at == ()


def test_a_handshake_that_was_read_and_not_answered_is_unfinished() -> None:
    made = lab()
    listens(made, "edge", EDGE, 2001)
    talking = Talking(made, (front(made),), server=False)
    talking.run()
    report(made, talking, answered=False)
    assert one(made).stage is Stage.TLS_UNFINISHED
    assert one(made).dispatched is not True


def test_port_unreachable_is_a_refusal_by_the_kernel() -> None:
    made = lab()
    talking = Talking(made, (Over("client", CLIENT, "edge", EDGE),), server=False)
    talking.run(rounds=1)
    made.udp("client", CLIENT, "edge", EDGE, b"", back=True, refusal=True)
    report(made, talking, answered=False)
    route = one(made)
    assert (route.stage, route.stopped_by, route.dispatched) == (Stage.REFUSED, "kernel of edge", False)


@pytest.mark.parametrize("seed", range(4))
def test_a_hello_in_pieces_and_out_of_order_is_put_together(seed: int) -> None:
    from lab.trace.quic_flows import Pieces

    data = bytes(range(256)) * 4
    cuts = [(at, data[at : at + 100]) for at in range(0, len(data), 70)]
    random.Random(seed).shuffle(cuts)  # noqa: S311 - an order, no secret
    pieces = Pieces()
    assert b"".join(pieces.take(at, piece) for at, piece in cuts) == data


def test_a_datagram_begins_nothing_unless_it_is_long_enough() -> None:
    made = lab()
    talking = Talking(made, (Over("client", CLIENT, "edge", EDGE),), server=False)
    talking.run(rounds=1)
    first = made.packets[0].payload
    assert begins(first) is not None
    assert begins(first[:1199]) is None


def test_keys_of_another_connection_open_nothing() -> None:
    made = lab()
    Talking(made, (Over("client", CLIENT, "edge", EDGE),), server=False).run(rounds=1)
    data = made.packets[0].payload
    first = begins(data)
    assert first is not None
    mine, _ = initial(first.destination, first.version)
    other, _ = initial(ID, first.version)
    assert opened(mine, data, first, 0) is not None
    assert isinstance(other, Keys)
    assert opened(other, data, first, 0) is None


@pytest.mark.parametrize(("local", "reached"), [(EDGE, True), (("0.0.0.0", 8443), True), (("0.0.0.0", 9443), False)])
def test_an_application_may_know_its_own_end_as_the_wildcard_alone(local: tuple[str, int], reached: bool) -> None:
    made = lab()
    listens(made, "edge", EDGE, 2001)
    talking = whole(made, front(made))
    made.tick()
    entered = AppEvent("logs/proxy.log", 1, made.clock, "proxy", "dispatched", local, CLIENT, TOKEN, "GET", "/orders", "", 1)
    made.application.append(entered)
    report(made, talking)
    assert (one(made).dispatched is True) == reached


# Streams, by the client's own secrets.


def seen_streams(talking: Talking, made: Lab, secrets: tuple[Secret, ...] | None = None) -> tuple[Stream, ...] | None:
    flow = next(flow for flow in quic_flows(made.packets, Memo()) if flow.namespace == "edge")
    return streams(talk(flow), flow, talking.secrets() if secrets is None else secrets)


def test_streams_are_counted_in_the_packets_with_the_clients_secrets() -> None:
    made = lab()
    talking = whole(made, front(made), requests=3)
    found = seen_streams(talking, made)
    assert found is not None
    assert [(one.number, one.status, one.ended, one.answered) for one in found] == [(n, 200, True, True) for n in (0, 4, 8)]


def test_without_the_secrets_nothing_is_told_of_streams() -> None:
    made = lab()
    talking = whole(made, front(made))
    assert seen_streams(talking, made, ()) is None
    other = tuple(replace(one, secret=bytes(len(one.secret))) for one in talking.secrets())
    assert seen_streams(talking, made, other) is None


def test_a_packet_that_does_not_open_leaves_all_streams_open() -> None:
    made = lab()
    talking = whole(made, front(made))
    last = max(n for n, p in enumerate(made.packets) if p.namespace == "edge" and p.destination == EDGE and len(p.payload) > 60)
    broken = made.packets[last].payload[:-1] + bytes((made.packets[last].payload[-1] ^ 1,))
    made.packets[last] = replace(made.packets[last], payload=broken)
    assert seen_streams(talking, made) is None


def test_a_stateless_reset_leaves_them_told() -> None:
    made = lab()
    talking = whole(made, front(made))
    made.udp("client", CLIENT, "edge", EDGE, b"\x45" + bytes(range(27)), back=True)
    found = seen_streams(talking, made)
    assert found is not None
    assert len(found) == 1


def test_streams_and_answers_of_a_route_are_counted_apart() -> None:
    made = lab()
    listens(made, "edge", EDGE, 2001)
    talking = whole(made, front(made), requests=2)
    made.secrets = talking.secrets()
    report(made, talking)
    told = one(made).counts
    assert (told.connections, told.streams, told.requests, told.answers, told.dispatches) == (1, 2, 2, 2, None)


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ("0000d9", 200), ("0000ff08", 500), ("0000ff04", 400), ("0000dc", 503), ("00005f0903343031", 401),
        ("0000", None), ("", None), ("000080", None), ("0000ff", None),
    ],
)  # fmt: skip
def test_the_status_is_read_from_packed_fields(block: str, code: int | None) -> None:
    assert status(bytes.fromhex(block)) == code


@given(st.binary(max_size=64))
def test_no_packed_fields_raise(block: bytes) -> None:
    assert status(block) is None or status(block) in range(1000)


# Connections that nobody of the lab made.


def test_a_connection_that_passes_is_told_by_its_name_and_no_answer_is_made_up() -> None:
    made = lab()
    listens(made, "edge", EDGE, 2001)
    whole(made, front(made))
    (route,) = watched(made.seen()).routes
    assert route.probe == f"QUIC for {NAME}"
    assert [(hop.container, hop.protocol) for hop in route.hops] == [("proxy", "quic")]
    assert route.stage is not Stage.ANSWERED
    assert (route.status, route.dispatched, route.answered_by) == (None, None, None)
