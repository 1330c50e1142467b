"""Lines of strace as events: a capture of strace 6.13 (Envoy and a threaded application behind it), others by hand."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from recorder import calls, following, tids, witnessing

LINES = (Path(__file__).parent / "strace-6.13.txt").read_text().splitlines()
APPLICATION, ENVOY = 13608, 13605
CLIENT, DOWN, UP, INNER = ["10.213.239.35", 33390], ["10.213.239.34", 8443], ["127.0.0.1", 41356], ["127.0.0.1", 3000]


FROM = '{sa_family=AF_INET, sin_port=htons(4000), sin_addr=inet_addr("10.0.0.2")}'
TO = '{sa_family=AF_INET6, sin6_port=htons(4000), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "fd00::2", &sin6_addr)}'


def told(lines: list[str], memory: witnessing.Memory | None = None) -> list[dict[str, Any]]:
    """Events of these lines; each thread is taken for a process."""
    reader, memory = calls.Reader(), memory or witnessing.Memory()
    whole = [call for line in lines if (call := calls.call(reader, line))]
    assert reader.strange == 0, reader.first
    return [event for call in whole for event in witnessing.events(memory, call, call.tid, "web")]


def one(text: str, tid: int = 7) -> list[dict[str, Any]]:
    return told([f"{tid} 100.000000500 {text} <0.000000250>"])


def test_each_connection_has_one_number_and_its_ends() -> None:
    events = told(LINES)
    found = {(each["socket"], *map(tuple, (each["local"], each["peer"]))) for each in events}
    assert {(local, peer) for _, local, peer in found} == {
        (tuple(DOWN), tuple(CLIENT)),
        (tuple(UP), tuple(INNER)),
        (tuple(INNER), tuple(UP)),
    }
    assert len({number for number, _, _ in found}) == len(found) == 3
    assert all(number < 0 for number, _, _ in found)


def test_what_came_and_went_adds_up() -> None:
    def moved(kind: str, local: list[Any]) -> list[int]:
        return [
            each["size"]
            for each in told(LINES)
            if each["event"] == kind and each["local"] == local and each["size"] > 0 and not each["peek"]
        ]

    assert moved("read", DOWN) == [5, 1567, 5, 1, 5, 69, 5, 104, 5, 19]
    assert moved("read", INNER) == moved("write", UP) == [186]
    assert moved("write", INNER) == moved("read", UP) == [141]
    peeks = [each["size"] for each in told(LINES) if each.get("peek")]
    assert peeks == [1572]


def test_the_initiator_is_known_when_its_own_end_is() -> None:
    events = told(LINES)
    (connect,) = [each for each in events if each["event"] == "connect"]
    assert (connect["pid"], connect["local"], connect["peer"]) == (ENVOY, UP, INNER)
    first = next(each for each in events if each["event"] == "write" and each["local"] == UP)
    assert connect["socket"] == first["socket"]
    assert connect["time_ns"] == 1795563961_796030546 + 104916
    assert connect["time_ns"] < first["time_ns"]


def test_accepts_carry_the_connection_and_failed_ones_are_none() -> None:
    found = [(each["pid"], each["local"], each["peer"], each["size"]) for each in told(LINES) if each["event"] == "accept"]
    assert found == [(ENVOY, DOWN, CLIENT, 28), (APPLICATION, INNER, UP, 4)]


def test_a_call_in_two_lines_has_the_time_of_the_second() -> None:
    accept = next(each for each in told(LINES) if each["event"] == "accept" and each["pid"] == APPLICATION)
    assert accept["time_ns"] == 1795563961_799677077


def test_a_call_in_one_line_has_the_time_of_its_return() -> None:
    (event,) = one('read(5<TCP:[10.0.0.1:80->10.0.0.2:4000]>, ""..., 9) = 3')
    assert event["time_ns"] == 100_000000750


def test_a_thread_is_known_by_its_birth() -> None:
    reader: Any = SimpleNamespace(threads=tids.Memory())
    tracer: Any = SimpleNamespace(reader=calls.Reader(), namespace="web")
    reader.threads.known[APPLICATION] = (tids.Owner(APPLICATION, 99), 1e18)
    for line in LINES:
        if "clone" in line:
            assert following._events(reader, SimpleNamespace(), tracer, line) == []  # type: ignore[arg-type]
    assert reader.threads.born == {19488: tids.Owner(APPLICATION, 99)}


@pytest.mark.parametrize(
    ("text", "kind", "transport", "local", "peer", "size"),
    [
        (
            'read(5<TCPv6:[[::1]:80->[::1]:4000]>, ""..., 9) = 3',
            *("read", "tcp", ["::1", 80], ["::1", 4000], 3),
        ),
        (
            'read(5<TCPv6:[[::ffff:10.0.0.1]:80->[::ffff:10.0.0.2]:4000]>, "", 9) = 0',
            *("read", "tcp", ["10.0.0.1", 80], ["10.0.0.2", 4000], 0),
        ),
        (
            f'recvfrom(5<UDP:[0.0.0.0:53]>, ""..., 512, 0, {FROM}, [16]) = 5',
            *("read", "udp", ["0.0.0.0", 53], ["10.0.0.2", 4000], 5),
        ),
        (
            f'sendto(5<UDPv6:[[::]:53]>, ""..., 9, 0, {TO}, 28) = 9',
            *("write", "udp", ["::", 53], ["fd00::2", 4000], 9),
        ),
        (
            "sendfile(6<TCP:[10.0.0.1:80->10.0.0.2:4000]>, 7</srv/file>, [0] => [100], 100) = 100",
            *("write", "tcp", ["10.0.0.1", 80], ["10.0.0.2", 4000], 100),
        ),
        (
            "splice(6<TCP:[10.0.0.1:80->10.0.0.2:4000]>, NULL, 9<pipe:[77]>, NULL, 100, 0) = 20",
            *("read", "tcp", ["10.0.0.1", 80], ["10.0.0.2", 4000], 20),
        ),
        (
            "splice(9<pipe:[77]>, NULL, 6<TCP:[10.0.0.1:80->10.0.0.2:4000]>, NULL, 20, 0) = 20",
            *("write", "tcp", ["10.0.0.1", 80], ["10.0.0.2", 4000], 20),
        ),
        (
            'write(6<TCP:[10.0.0.1:80->10.0.0.2:4000]>, ""..., 9) = -1 EPIPE (Broken pipe)',
            *("write", "tcp", ["10.0.0.1", 80], ["10.0.0.2", 4000], -32),
        ),
    ],
)
def test_each_call_and_address_family_is_read(text: str, kind: str, transport: str, local: Any, peer: Any, size: int) -> None:
    (event,) = one(text)
    shown = (event["event"], event["transport"], event["local"], event["peer"], event["size"])
    assert shown == (kind, transport, local, peer, size)


def test_several_datagrams_in_one_call_are_several_reads() -> None:
    messages = "{msg_hdr={msg_name=NULL}, msg_len=3}, {msg_hdr={msg_name=NULL}, msg_len=4}"
    events = one(f"recvmmsg(5<UDP:[0.0.0.0:53]>, [{messages}], 8, 0, NULL) = 2")
    assert [each["size"] for each in events] == [3, 4]


@pytest.mark.parametrize(
    "text",
    [
        'read(5</etc/hosts>, ""..., 9) = 3',
        'read(5<pipe:[77]>, ""..., 9) = 3',
        'read(5<UNIX-STREAM:[77->78]>, ""..., 9) = 3',
        "accept4(3<TCP:[0.0.0.0:80]>, NULL, NULL, 0) = -1 EAGAIN (Resource temporarily unavailable)",
        'read(5<TCP:[1733216]>, ""..., 9) = -1 ENOTCONN (Transport endpoint is not connected)',
        'connect(5<UDP:[77]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.11")}, 16) = 0',
    ],
)
def test_control_what_is_no_connection_of_tcp_or_udp_is_no_event(text: str) -> None:
    assert one(text) == []


def test_a_connect_that_failed_is_told_without_an_own_end() -> None:
    address = '{sa_family=AF_INET, sin_port=htons(3000), sin_addr=inet_addr("127.0.0.1")}'
    (event,) = one(f"connect(5<TCP:[77]>, {address}, 16) = -1 ECONNREFUSED (Connection refused)")
    assert (event["event"], event["size"], event["peer"], event["socket"]) == ("connect", -111, INNER, 0)
    assert "local" not in event


def test_the_same_ends_accepted_again_are_another_connection() -> None:
    accept = "accept(3<TCP:[0.0.0.0:80]>, NULL, NULL) = 5<TCP:[10.0.0.1:80->10.0.0.2:4000]>"
    memory = witnessing.Memory()
    first, second = (told([f"7 100.000000000 {accept} <0.000000001>"], memory)[0]["socket"] for _ in "ab")
    assert first != second


@pytest.mark.parametrize(
    "line",
    [
        "13604 1795562810.705000000 +++ exited with 0 +++",
        "13604 1795562810.705000000 read(5<TCP:[1.1.1.1:1->1.1.1.1:2]>,  <detached ...>",
        "13604 1795562810.705000000 accept4(3<TCP:[0.0.0.0:80]>, 0x7f, [128], 0) = ? ERESTARTSYS (To be restarted) <0.1>",
        "13604 1795562810.705000000 read(5<TCP:[1.1.1.1:1->1.1.1.1:2]>,  <unfinished ...>",
    ],
)
def test_lines_that_tell_of_no_return_are_no_call(line: str) -> None:
    reader = calls.Reader()
    assert calls.call(reader, line) is None
    assert reader.strange == 0


@pytest.mark.parametrize("line", ["nonsense", "", "7 100.000000000 read 5", "7 100.5 read(5) = 1 <0.000000001>"])
def test_control_a_line_that_cannot_be_read_is_counted(line: str) -> None:
    reader = calls.Reader()
    assert calls.call(reader, line) is None
    assert (reader.strange, reader.first) == (1, line if line.startswith("n") else reader.first)


def test_a_thread_that_ended_in_the_middle_of_a_call_leaves_nothing() -> None:
    reader = calls.Reader()
    calls.call(reader, "7 100.000000000 read(5,  <unfinished ...>")
    calls.call(reader, "7 100.000000001 +++ killed by SIGKILL +++")
    assert reader.begun == {}
