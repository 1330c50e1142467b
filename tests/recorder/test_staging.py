"""What staged probes ask, without a kernel: counting of segments, layouts of netlink, what counts as movement."""

import math
import socket
import struct
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from recorder import awaiting, connections, counting, diag, links, processes, queueing, settling, signals
from recorder.errors import BadRequestError, GoneError
from recorder.queueing import ACCEPT, DROP

ACK, EVERY = 16, counting.Chosen(kind="all")
SYN, FIN, RST = counting.SYN, counting.FIN, counting.RST


def numbers(*chosen: int) -> counting.Chosen:
    return counting.Chosen(frozenset(chosen))


def tcp(
    payload: int,
    port: int = 8080,
    to: str = "10.0.1.2",
    source: str = "10.0.1.9",
    options: int = 0,
    flags: int = ACK,
    seq: int = 1,
) -> bytes:
    ends = socket.inet_aton(source) + socket.inet_aton(to)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + options + payload, 0, 0, 64, 6, 0) + ends
    return head + struct.pack(">HHIIBB", 4000, port, seq, 1, (20 + options) // 4 << 4, flags) + bytes(6 + options)


def tcp6(payload: int, port: int = 8080) -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, "fd00::9") + socket.inet_pton(socket.AF_INET6, "fd00::2")
    head = struct.pack(">IHBB", 6 << 28, 20 + payload, 6, 64) + ends
    return head + struct.pack(">HHIIBB", 4000, port, 1, 1, 5 << 4, 16) + bytes(6)


def udp(payload: int, port: int = 53) -> bytes:
    ends = socket.inet_aton("10.0.1.9") + socket.inet_aton("10.0.1.2")
    head = struct.pack(">BBHHHBBH", 0x45, 0, 28 + payload, 0, 0, 64, 17, 0) + ends
    return head + struct.pack(">HHHH", 4000, port, 8 + payload, 0)


def passing(ruling: counting.Ruling, *packets: bytes) -> list[tuple[int, int]]:
    """Packet numbers from 1 and their verdicts, in the order in which they are given."""
    return [verdict for number, heads in enumerate(packets, 1) for verdict in counting.rule(ruling, number, heads, 0.0)]


@pytest.mark.parametrize(
    ("heads", "payload", "port"),
    [(tcp(7), 7, 8080), (tcp(0, options=12), 0, 8080), (tcp(5, options=12), 5, 8080), (tcp6(9), 9, 8080), (udp(4), 4, 53)],
)
def test_payload_is_what_the_headers_leave(heads: bytes, payload: int, port: int) -> None:
    found = counting.read(heads)
    assert found is not None
    assert (found.payload, found.port) == (payload, port)


@pytest.mark.parametrize("heads", [b"", b"\x45", tcp(7)[:25], b"\x10" * 40, tcp(7)[:6] + b"\x20\x01" + tcp(7)[8:]])
def test_control_what_is_no_segment_is_none(heads: bytes) -> None:
    assert counting.read(heads) is None


def test_the_second_segment_with_payload_is_lost() -> None:
    ruling = counting.Ruling(8080, lose=numbers(2))
    came = passing(ruling, tcp(0), tcp(1), tcp(0), tcp(1), tcp(1))
    assert came == [(1, ACCEPT), (2, ACCEPT), (3, ACCEPT), (4, DROP), (5, ACCEPT)]


def test_control_other_ports_addresses_and_the_resolver_do_not_count() -> None:
    ruling = counting.Ruling(8080, frozenset({"10.0.1.2"}), lose=numbers(1))
    others = (tcp(1, port=8081), tcp(1, to="10.0.1.3"), tcp(1, to="127.0.0.11"), tcp(1, to="127.0.0.5"))
    assert {verdict for _, verdict in passing(ruling, *others)} == {ACCEPT}
    assert passing(ruling, tcp(1)) == [(1, DROP)]
    every = counting.Ruling(None, lose=EVERY)
    assert passing(every, tcp(1, source="127.0.0.11", to="127.0.0.1"), tcp(0)) == [(1, ACCEPT), (2, DROP)]


def test_all_of_a_loopback_counts_where_one_address_of_it_does() -> None:
    ruling = counting.Ruling(None, frozenset({"127.0.0.1"}), lose=numbers(1))
    assert passing(ruling, tcp(1, to="127.0.0.5")) == [(1, DROP)]


def test_a_late_segment_goes_on_after_the_next() -> None:
    ruling = counting.Ruling(None, late=frozenset({1}))
    assert passing(ruling, tcp(1), tcp(0), tcp(1), tcp(1)) == [(2, ACCEPT), (3, ACCEPT), (1, ACCEPT), (4, ACCEPT)]


def test_late_segments_in_a_row_wait_for_one_that_is_not() -> None:
    ruling = counting.Ruling(None, late=frozenset({1, 2}))
    assert passing(ruling, tcp(1), tcp(1), tcp(1)) == [(3, ACCEPT), (1, ACCEPT), (2, ACCEPT)]


@pytest.mark.parametrize(
    ("kind", "meant"), [("all", "0123456"), ("data", "3456"), ("syn", "01"), ("ack", "2"), ("fin", "45"), ("rst", "6")]
)
def test_a_kind_means_every_segment_of_it(kind: str, meant: str) -> None:
    sent = [(0, SYN), (0, SYN | ACK), (0, ACK), (3, ACK), (3, FIN | ACK), (5, FIN), (4, RST)]
    packets = [tcp(payload, flags=flags, seq=number * 100) for number, (payload, flags) in enumerate(sent)]
    lost = passing(counting.Ruling(None, lose=counting.Chosen(kind=kind)), *packets)
    assert "".join(str(number - 1) for number, verdict in lost if verdict == DROP) == meant
    held = counting.Ruling(None, hold=counting.Chosen(kind=kind))
    passed = [number - 1 for number, _ in passing(held, *packets)]
    assert "".join(str(number) for number in range(len(sent)) if number not in passed) == meant
    assert [packet - 1 for packet, _ in counting.release(held)] == [int(number) for number in meant]


def test_what_is_held_waits_until_it_is_let_go_and_what_repeats_it_is_dropped() -> None:
    ruling = counting.Ruling(None, hold=numbers(2))
    sent = [tcp(10, seq=1), tcp(10, seq=11), tcp(0, seq=11), tcp(10, seq=21), tcp(10, seq=11), tcp(20, seq=11), tcp(9, seq=12)]
    came = passing(ruling, *sent, tcp(30, seq=1), tcp(10, seq=31), tcp(10, seq=11, to="10.0.1.3"))
    assert came == [
        (1, ACCEPT),
        (3, ACCEPT),
        (4, ACCEPT),
        (5, DROP),
        (6, DROP),
        (7, DROP),
        (8, DROP),
        (9, ACCEPT),
        (10, ACCEPT),
    ]
    assert (counting.release(ruling, 1e9), counting.due(ruling)) == ([], math.inf)
    assert counting.release(ruling) == [(2, ACCEPT)]


def test_a_held_syn_is_held_once_and_acknowledgements_each() -> None:
    ruling = counting.Ruling(None, hold=counting.Chosen(kind="syn"))
    assert passing(ruling, tcp(0, flags=SYN, seq=7), tcp(0, flags=SYN, seq=7)) == [(2, DROP)]
    ruling = counting.Ruling(None, hold=counting.Chosen(kind="ack"))
    assert passing(ruling, tcp(0, seq=7), tcp(0, seq=7), tcp(5, seq=7)) == [(3, ACCEPT)]
    assert counting.release(ruling) == [(1, ACCEPT), (2, ACCEPT)]


def test_a_delay_keeps_the_order_and_is_over_by_itself() -> None:
    ruling = counting.Ruling(8080, delay=0.2)
    assert counting.rule(ruling, 1, tcp(0, flags=SYN), 10.0) == []
    assert counting.rule(ruling, 2, tcp(5), 10.1) == []
    assert counting.rule(ruling, 3, tcp(5, port=8081), 10.1) == [(3, ACCEPT)]
    assert counting.due(ruling) == pytest.approx(10.2)
    assert counting.release(ruling, 10.21) == [(1, ACCEPT)]
    assert counting.release(ruling, 10.31) == [(2, ACCEPT)]


def test_what_is_late_is_not_held_for_ever() -> None:
    ruling = counting.Ruling(None, late=frozenset({1, 2}))
    counting.rule(ruling, 1, tcp(1), 10.0)
    counting.rule(ruling, 2, tcp(1), 10.5)
    assert counting.release(ruling, 11.9) == []
    assert counting.release(ruling, 12.2) == [(1, ACCEPT)]
    assert counting.release(ruling) == [(2, ACCEPT)]
    assert ruling.held == []


def test_a_queued_packet_is_read_from_its_message() -> None:
    attributes = queueing._attribute(queueing.PACKET_HEAD, struct.pack(">IHB", 77, 0x0800, 1))
    attributes += queueing._attribute(queueing.PAYLOAD, tcp(3))
    other = queueing._message(queueing.CONFIG, 0, b"")
    data = other + queueing._message(queueing.PACKET, 0, attributes)
    assert list(queueing.packets(data)) == [(77, tcp(3))]


def test_a_verdict_names_the_packet() -> None:
    sent: list[bytes] = []
    queueing.judge(SimpleNamespace(send=sent.append), 5, 77, DROP)  # type: ignore[arg-type]
    ((kind, body),) = diag.messages(sent[0])
    assert kind == queueing.VERDICT
    assert struct.unpack(">BBH", body[:4]) == (0, 0, 5)
    assert dict(queueing._attributes(body[4:])) == {queueing.VERDICT_HEAD: struct.pack(">II", DROP, 77)}


def test_a_row_of_the_socket_table_is_read_from_its_message() -> None:
    ends = struct.pack(">HH16s16s", 8443, 4000, socket.inet_aton("10.0.1.2"), socket.inet_aton("10.0.1.9"))
    body = struct.pack("=BBBB", 2, 1, 4, 3) + ends + bytes(12) + struct.pack("=IIIII", 0, 17, 99, 10001, 4242)
    assert diag.row(body) == (2, 1, 4, 3, ("10.0.1.2", 8443), ("10.0.1.9", 4000), 17, 99, 4242)


# Connections and what can be awaited of them.

ROW = {
    "time_ns": 0,
    "look": "",
    "namespace": "web",
    "transport": "tcp",
    "state": "ESTAB",
    "local": ["10.0.1.2", 8080],
    "peer": ["10.0.1.9", 4000],
    "inode": 42,
    "recv_q": 0,
    "send_q": 0,
}
OWN = ROW | {"namespace": "user", "local": ROW["peer"], "peer": ROW["local"]}
NOT_ACCEPTED = ROW | {"inode": 0}


@pytest.mark.parametrize(
    ("what", "own", "other", "seen"),
    [
        ("arrived", OWN, ROW, True),
        ("arrived", OWN | {"send_q": 1}, ROW, False),
        ("arrived", OWN | {"state": "SYN-SENT"}, None, False),
        ("arrived", None, ROW, False),
        ("unread", OWN, ROW | {"recv_q": 1}, True),
        ("unread", OWN, ROW, False),
        ("unread", OWN, None, False),
        ("accepted", OWN, ROW, True),
        ("accepted", OWN, NOT_ACCEPTED, False),
        ("read", OWN, ROW, True),
        ("read", OWN, NOT_ACCEPTED, False),
        ("read", OWN, ROW | {"recv_q": 1}, False),
        ("read", OWN | {"send_q": 1}, ROW, False),
        ("read", OWN, NOT_ACCEPTED | {"state": "FIN-WAIT-2"}, True),
        ("read", OWN, None, False),
        ("closed", OWN, ROW, False),
        ("closed", OWN | {"state": "CLOSE-WAIT"}, ROW, True),
        ("closed", None, None, True),
    ],
)
def test_what_is_awaited_is_read_from_the_two_rows(what: str, own: Any, other: Any, *, seen: bool) -> None:
    found, instead = awaiting.WHAT[what](own, other)
    assert found is seen
    assert found or instead


@pytest.mark.parametrize(
    ("queues", "seen"), [([(2, 1)], True), ([(1, 1)], False), ([(2, 1), (0, 1)], False), ([(2, 1), (2, 1)], True), ([], False)]
)
def test_a_queue_is_full_beyond_its_backlog_and_all_of_them(queues: list[tuple[int, int]], *, seen: bool) -> None:
    rows = [ROW | {"state": "LISTEN", "recv_q": waiting, "send_q": backlog} for waiting, backlog in queues]
    assert awaiting.full(rows)[0] is seen


def case(**rows: list[dict[str, Any]]) -> Any:
    names = {name: SimpleNamespace(name=name, inode=-1, addresses=frozenset({f"10.0.1.{n}"})) for n, name in enumerate(rows, 2)}
    return SimpleNamespace(name="one", namespaces=names, rows=rows, links={})


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.looking.rows", lambda case, namespace, *_: case.rows[namespace.name])


@pytest.mark.usefixtures("tables")
def test_the_other_end_is_found_where_the_peer_is_the_client() -> None:
    old = ROW | {"state": "TIME-WAIT"}
    both = case(web=[old, ROW], user=[OWN])
    assert connections.other_end(both, "user", OWN, [*ROW["peer"]]) is ROW
    assert connections.own_end(both, "user", [*ROW["peer"]]) is OWN
    assert connections.other_end(both, "user", OWN, ["10.0.1.9", 4001]) is None


@pytest.mark.usefixtures("tables")
def test_on_loopback_only_the_client_s_own_namespace_is_looked_at() -> None:
    there = ROW | {"local": ["127.0.0.1", 80], "peer": ["127.0.0.1", 4000]}
    both = case(web=[there], user=[])
    assert connections.other_end(both, "user", None, ["127.0.0.1", 4000]) is None
    assert connections.other_end(both, "web", None, ["127.0.0.1", 4000]) is there
    assert connections.other_end(both, None, None, ["127.0.0.1", 4000]) is there


@pytest.mark.usefixtures("tables")
def test_a_datagram_s_other_end_is_the_socket_that_it_was_sent_to() -> None:
    own = OWN | {"transport": "udp", "peer": ["10.0.1.2", 53]}
    there = ROW | {"transport": "udp", "state": "UNCONN", "local": ["0.0.0.0", 53], "peer": ["0.0.0.0", 0]}
    assert connections.other_end(case(web=[ROW, there], user=[own]), "user", own, [*own["local"]]) is there


@pytest.mark.usefixtures("tables")
def test_a_listener_on_just_this_address_comes_before_one_on_all() -> None:
    def listener(address: str) -> dict[str, Any]:
        return ROW | {"state": "LISTEN", "local": [address, 80], "peer": ["0.0.0.0", 0]}

    exact, anywhere, other = listener("10.0.1.2"), listener("0.0.0.0"), listener("127.0.0.1")
    two = case(web=[anywhere, exact, other], user=[])
    assert connections.listeners(two, "user", "10.0.1.2", 80) == [exact]
    assert connections.listeners(two, "web", "127.0.0.9", 80) == [anywhere]
    assert connections.listeners(two, "web", "10.0.1.2", 81) == []


# Stillness.


def reading(*rows: tuple[dict[str, Any], int], switches: int = 5, state: str = "S", packets: str = "1") -> settling.Reading:
    return settling.Reading(list(rows), {"web": packets}, {(7, 7): processes.Thread("nginx", state, switches)})


def test_two_equal_readings_show_no_movement() -> None:
    assert settling.changes(reading((ROW, 0)), reading((ROW, 2))) == []
    assert settling.woken(reading(), reading()) == []
    assert settling.on_the_way(reading((ROW, 0))) == []


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (reading((ROW | {"recv_q": 1}, 0)), "tcp 10.0.1.2:8080 from 10.0.1.9:4000 in web (ESTAB) changes"),
        (reading(), "tcp 10.0.1.2:8080 from 10.0.1.9:4000 in web (ESTAB) changes"),
        (reading((ROW, 0), packets="2"), "packets pass in web"),
    ],
)
def test_control_what_changed_is_named(after: settling.Reading, words: str) -> None:
    assert words in settling.changes(reading((ROW, 0)), after)


def test_control_a_thread_that_ran_or_runs_is_named() -> None:
    assert settling.woken(reading(), reading(switches=6)) == ["nginx (7, thread 7) ran"]
    assert settling.woken(reading(), reading(state="R")) == ["nginx (7, thread 7) runs"]
    assert settling.running(reading(switches=6)) == []


def test_bytes_without_acknowledgement_are_on_the_way_but_not_before_a_closed_window() -> None:
    unsent = ROW | {"send_q": 9}
    assert settling.on_the_way(reading((unsent, 1))) == [
        "tcp 10.0.1.2:8080 from 10.0.1.9:4000 in web (ESTAB): 9 bytes are not acknowledged"
    ]
    assert settling.on_the_way(reading((unsent, settling.WINDOW_PROBE))) == []
    assert settling.on_the_way(reading((ROW | {"state": "LISTEN", "send_q": 128}, 0))) == []


def test_what_a_link_swallows_for_ever_is_not_on_the_way() -> None:
    unsent = ROW | {"send_q": 9}
    still = reading((unsent, settling.AGAIN))
    assert settling.on_the_way(replace(still, kept=(unsent,))) == []
    assert settling.on_the_way(replace(still, kept=(ROW,))) != []


LOST = {kind: counting.Ruling(8080, lose=counting.Chosen(kind=kind)) for kind in counting.KINDS}
THERE, HERE = ["10.0.1.2", 8080], ["10.0.1.9", 4000]


def linked(ruling: counting.Ruling) -> Any:
    """A case with this link into `web`."""
    web, client = (SimpleNamespace(addresses=frozenset({each, "127.0.0.1"})) for each in ("10.0.1.2", "10.0.1.9"))
    gates = {"web": links.Link([links.Gate(web, 1, ruling, None)], (0, 0))}  # type: ignore[arg-type]
    return SimpleNamespace(namespaces={"web": web, "client": client}, links=gates)


def kept(ruling: counting.Ruling, local: list[Any], peer: list[Any], state: str = "ESTAB", namespace: str = "client") -> bool:
    return links.kept(linked(ruling), {"namespace": namespace, "local": local, "peer": peer, "state": state})


@pytest.mark.parametrize(
    ("ruling", "peer", "state", "swallowed"),
    [
        (LOST["all"], THERE, "ESTAB", True),
        (LOST["data"], THERE, "ESTAB", True),
        (LOST["syn"], THERE, "ESTAB", False),
        (LOST["syn"], THERE, "SYN-SENT", True),
        (LOST["fin"], THERE, "ESTAB", False),
        (LOST["fin"], THERE, "FIN-WAIT-1", True),
        (LOST["ack"], THERE, "ESTAB", False),
        (counting.Ruling(None, lose=EVERY), ["10.0.1.2", 9], "ESTAB", True),
        (counting.Ruling(8081, lose=EVERY), THERE, "ESTAB", False),
        (LOST["all"], ["10.0.1.3", 8080], "ESTAB", False),
        (counting.Ruling(8080, lose=numbers(1)), THERE, "ESTAB", False),
        (LOST["all"], ["127.0.0.1", 8080], "ESTAB", False),
    ],
)
def test_a_link_keeps_what_it_loses_whenever_it_is_sent(
    ruling: counting.Ruling, peer: list[Any], state: str, *, swallowed: bool
) -> None:
    assert kept(ruling, HERE, peer, state) is swallowed


def test_a_loopback_s_own_segments_are_swallowed_too() -> None:
    loop = ["127.0.0.1", 4000], ["127.0.0.1", 8080]
    assert kept(LOST["all"], *loop, namespace="web")
    assert not kept(counting.Ruling(8081, lose=EVERY), *loop, namespace="web")


def test_where_acknowledgements_are_lost_it_is_the_other_end_that_waits() -> None:
    assert kept(LOST["ack"], THERE, HERE, namespace="web")
    assert not kept(LOST["data"], THERE, HERE, namespace="web")
    assert not kept(LOST["ack"], ["10.0.1.2", 8081], HERE, namespace="web")


def test_a_segment_that_waits_to_be_let_go_keeps_both_ends_waiting() -> None:
    ruling = counting.Ruling(8080, hold=numbers(1))
    assert not kept(ruling, HERE, THERE)
    counting.rule(ruling, 1, tcp(5), 0.0)
    assert kept(ruling, HERE, THERE)
    assert kept(ruling, THERE, HERE, namespace="web")
    assert not kept(ruling, ["10.0.1.9", 4001], THERE)
    assert links.held(linked(ruling)) == 0
    delayed = counting.Ruling(8080, delay=1.0)
    counting.rule(delayed, 1, tcp(5), 0.0)
    assert links.held(linked(delayed)) == 1
    assert not kept(delayed, HERE, THERE)


@pytest.mark.parametrize(("state", "waits"), [("S", 1), ("R", 1), ("T", 0), ("t", 0), ("D", 0)])
def test_unread_bytes_wait_for_a_process_that_is_not_stopped(monkeypatch: pytest.MonkeyPatch, state: str, waits: int) -> None:
    monkeypatch.setattr("recorder.connections.holders", lambda *_: [7])
    found = settling.left_unread(case(), reading((ROW | {"recv_q": 3}, 0), (NOT_ACCEPTED | {"recv_q": 3}, 0), state=state))
    assert len(found) == waits
    assert all(each.endswith("3 bytes wait for nginx (7)") for each in found)


# Signals and links reach nothing else.

ID = "a" * 64


@pytest.mark.parametrize("path", [f"/docker/{ID}", f"/system.slice/docker-{ID}.scope", f"/docker/{ID}/inner"])
def test_a_cgroup_carries_the_id_in_each_layout(path: str) -> None:
    assert processes.carries(path, ID)


@pytest.mark.parametrize("path", ["/", "", f"/docker/{ID[:63]}b", f"/docker/{ID}a", "/docker/aaaa"])
def test_control_another_cgroup_does_not(path: str) -> None:
    assert not processes.carries(path, ID)


@pytest.mark.parametrize(
    ("container", "process", "name", "words"),
    [
        (ID[:12], "all", "STOP", "a whole id is needed"),
        ("", "all", "STOP", "a whole id is needed"),
        (ID, "all", "HUP", "known are STOP, CONT, KILL"),
        (ID, "some", "STOP", "known are all, first, last, or a host pid"),
    ],
)
def test_a_signal_that_names_too_little_is_refused(container: str, process: object, name: str, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        signals.send(case(), container, process, name)


@pytest.mark.parametrize(
    ("name", "states", "still", "seen"),
    [
        ("STOP", "TT", 0.0, True),
        ("STOP", "TS", 9.0, False),
        ("STOP", "tt", 0.0, False),
        ("STOP", "tT", 0.05, True),
        ("CONT", "SR", 0.0, True),
        ("CONT", "ST", 9.0, False),
        ("CONT", "St", 9.0, False),
        ("KILL", "Z", 0.0, True),
        ("KILL", "", 0.0, True),
        ("KILL", "SZ", 9.0, False),
    ],
)
def test_a_signal_s_effect_is_read_from_the_threads_states(name: str, states: str, still: float, *, seen: bool) -> None:
    assert signals.shows(name, list(states), still) is seen


def test_a_signal_finds_nobody_where_no_namespace_is_attached() -> None:
    with pytest.raises(GoneError, match="has no process in a namespace of case one"):
        signals.send(case(), ID, "all", "KILL")
    with pytest.raises(PermissionError, match="process 1 is none of container aaaaaaaaaaaa"):
        signals.send(case(), ID, 1, "KILL")


def test_a_link_names_a_namespace_of_the_case() -> None:
    with pytest.raises(GoneError, match="namespace db is not attached"):
        links.put(case(web=[]), "db", links.Asked(None, EVERY))
    with pytest.raises(BadRequestError, match="the engine's own"):
        links.put(case(host=[]), "host", links.Asked(None, EVERY))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"lose": "some"}, "lose is a list of numbers from 1, or one of all, data, syn, fin, rst, ack"),
        ({"hold": [0]}, "hold is a list of numbers from 1, or one of"),
        ({"lose": ["1"]}, "lose is a list of numbers from 1, or one of"),
        ({"late": "all"}, "late is a list of numbers from 1$"),
        ({"delay": "long"}, "delay is a number of seconds"),
        ({"delay": -1}, "delay is a number of seconds"),
    ],
)
def test_control_what_a_link_cannot_do_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        links.asked(asked)


def test_what_is_asked_of_a_link_is_read_from_the_request() -> None:
    assert links.asked({"port": 80, "lose": [2], "late": [1], "hold": "fin", "delay": 0.5}) == links.Asked(
        80, numbers(2), frozenset({1}), counting.Chosen(kind="fin"), 0.5
    )
    assert links.asked({"port": None, "lose": (), "delay": None}) == links.Asked(None)
