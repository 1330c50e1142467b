"""What a person is shown after each step: what is new, of whom, and that nothing is new where nothing is."""

from __future__ import annotations

from dataclasses import replace

from lab.model.observations import (
    AppEvent,
    ClientError,
    ClientReport,
    Interface,
    Inventory,
    KernelEvent,
    LogLine,
    Observations,
    Packet,
    SeenContainer,
    SeenNamespace,
    SeenProcess,
    SocketRow,
)
from lab.report.watch import MOST, Seen, counted, told
from tests.report.made import plain

CLIENT, WEB, LISTENER = ("10.0.0.3", 40000), ("10.0.0.2", 8080), ("0.0.0.0", 8080)
ID = "ab" * 32
INVENTORY = Inventory(
    (SeenNamespace("web", 1, (Interface(1, "eth0", ("10.0.0.2",)),)),),
    (SeenContainer("proxy", "lab-proxy", ID, "i", "i", 4007, "web"),),
)
NGINX = SeenProcess(1, 4008, 8, 4007, 1, "nginx", ("nginx",), "web", f"/docker/{ID}")
REPORT = ClientReport(1, "order", "", "client", ("web", 8080), 1, 2, CLIENT, WEB, b"GET /", None, None, None, (), b"", None)


def packet(number: int, payload: bytes, **more: object) -> Packet:
    values: dict[str, object] = {"source": CLIENT, "destination": WEB, "flags": "PA"} | more
    return Packet("web", "packets/web.pcapng", number, number, "eth0", False, "tcp", payload=payload, **values)  # type: ignore[arg-type]


def row(line: int, state: str, inode: int = 0, recv_q: int = 0, **more: object) -> SocketRow:
    values: dict[str, object] = {"look": "now", "local": WEB, "peer": CLIENT} | more
    return SocketRow(line, 1, namespace="web", transport="tcp", state=state, inode=inode, recv_q=recv_q, send_q=0, **values)  # type: ignore[arg-type]


def event(line: int, **more: object) -> KernelEvent:
    values: dict[str, object] = {"event": "read", "pid": 4008, "socket": 1, "namespace": "web", "size": 35} | more
    return KernelEvent(line, line, **values)  # type: ignore[arg-type]


def seen(**more: object) -> Observations:
    return Observations(INVENTORY, processes=(NGINX,), clients=(REPORT,), **more)  # type: ignore[arg-type]


def shown(now: Observations, before: Observations | None = None, *, brief: bool = False) -> str:
    return plain(told(Seen(now, counted(before) if before else {}, "now", CLIENT), brief=brief))


def test_only_what_is_new_is_shown() -> None:
    first = seen(packets=(packet(1, b"first"),), kernel=(event(1, size=11),))
    later = replace(first, packets=(packet(1, b"first"), packet(2, b"second")), kernel=(event(1, size=11), event(2, size=22)))
    text = shown(later, first)
    assert "second" in text
    assert "first" not in text
    assert "nginx (pid 8) of proxy  read 22 bytes" in text
    assert "read 11 bytes" not in text


def test_each_of_several_files_is_counted_by_itself() -> None:
    early = (LogLine("logs/app.log", 1, 1, "app", "app begins"), LogLine("logs/proxy.log", 1, 2, "proxy", "proxy begins"))
    late = (early[0], LogLine("logs/app.log", 2, 3, "app", "app goes on"), early[1])
    text = shown(seen(logs=late), seen(logs=early))
    assert "app goes on" in text
    assert "begins" not in text


def test_a_witness_that_saw_nothing_says_so_unless_it_is_to_be_brief() -> None:
    assert shown(seen()).count("nothing") == 5
    assert "nothing" not in shown(seen(), brief=True)


def test_the_connection_is_shown_with_its_queue_and_its_owner_or_that_it_has_none() -> None:
    rows = (
        row(1, "ESTAB", recv_q=35),
        row(2, "LISTEN", inode=7, recv_q=1, local=LISTENER, peer=("0.0.0.0", 0), holders=(4008,)),
        row(3, "LISTEN", inode=8, local=("0.0.0.0", 9), peer=("0.0.0.0", 0)),
        row(4, "ESTAB", inode=9, recv_q=77, peer=("10.0.0.9", 1)),
        row(5, "ESTAB", inode=9, recv_q=88, look="before"),
    )
    text = shown(seen(sockets=rows))
    assert "Recv-Q 35  Send-Q 0  owned by nobody" in text
    assert "1 wait to be accepted" in text
    assert "held by nginx (pid 8) of proxy" in text
    assert not [part for part in ("Recv-Q 77", "Recv-Q 88", "0.0.0.0:9") if part in text]
    owned = shown(seen(sockets=(row(1, "ESTAB", inode=7, holders=(4008, 5)),)))
    assert "held by nginx (pid 8) of proxy, host pid 5" in owned


def test_what_is_not_of_this_probe_is_no_noise() -> None:
    packets = (packet(1, b"x"), packet(2, b"name", source=("127.0.0.1", 5), destination=("127.0.0.11", 53)))
    state = {"event": "state", "namespace": "", "size": 0, "old_state": "LISTEN", "new_state": "CLOSE"}
    mine, foreign = ({"local": WEB, "peer": CLIENT}, {"local": ("127.0.0.1", 1), "peer": ("127.0.0.1", 2)})
    text = shown(seen(packets=packets, kernel=(event(1, **state, **mine), event(2, **state, **foreign))))
    assert "1 datagrams to and from the engine's resolver" in text
    assert text.count("LISTEN → CLOSE") == 1


def test_failed_and_peeking_reads_are_told_apart() -> None:
    text = shown(seen(kernel=(event(1, size=-11), event(2, peek=True), event(3, event="accept", size=5))))
    assert "read failed (errno 11)" in text
    assert "read 35 bytes (only looked)" in text
    assert "nginx (pid 8) of proxy  accept\n" in text


def test_the_application_and_the_client_say_what_they_know() -> None:
    said = AppEvent("logs/app.log", 1, 1, "app", "parsed", None, None, "", "GET", "/orders", "", 7)
    failed = replace(REPORT, status=408, error=ClientError("receive", "timeout", "timed out"), answers=1)
    text = shown(replace(seen(application=(said,)), clients=(REPORT, failed)))
    assert "app      parsed  GET /orders" in text
    assert "sent 5 bytes so far; 1 whole answer" in text
    assert "status 408" in text
    assert "failed during receive: timeout, timed out" in text


def test_a_long_section_is_cut_and_bytes_are_readable() -> None:
    many = tuple(packet(n, b"\x16\x03\x01" + b"x" * 90) for n in range(1, MOST + 4))
    text = shown(seen(packets=many))
    assert "and 3 more" in text
    assert "\\x16\\x03\\x01xxx" in text
    assert "x" * 60 not in text
