"""Pages of the trace buffer: one captured from Linux 6.18, beside the kernel's own rendering of it; others by hand."""

import re
import struct
from pathlib import Path

import pytest
from recorder import formats, ring, timeline, tracefs

KERNEL = Path(__file__).parent / "kernel-6.18"
PAGE, SECOND = ((KERNEL / f"{name}.bin").read_bytes() for name in ("page", "page-2"))
TEXT, SECOND_TEXT = (
    [line for line in (KERNEL / f"{name}.txt").read_text().splitlines() if line and not line.startswith("#")]
    for name in ("page", "page-2")
)
DATA = formats.page_header((KERNEL / "header_page").read_text())
FORMATS = {
    form.id: form
    for name, wanted in tracefs.EVENTS.items()
    for form in [formats.parse((KERNEL / f"{name}.format").read_text(), wanted.fields)]
}


def page(*words: int, time: int = 1000) -> bytes:
    body = struct.pack(f"={len(words)}I", *words)
    return struct.pack("=QQ", time, len(body)) + body + bytes(64)


def word(kind: int, delta: int) -> int:
    return kind | delta << 5


def decoded(page: bytes = PAGE) -> list[tuple[int, timeline.Event]]:
    found = []
    for time, record in ring.records(page, DATA):
        event = timeline.event(FORMATS[int.from_bytes(record[:2], "little")], time, record)
        assert event is not None
        found.append(event)
    return found


def test_every_record_has_the_time_the_kernel_prints() -> None:
    printed = [re.search(r" (\d+)\.(\d{6}): ", line) for line in TEXT]
    times = [time for time, _ in ring.records(PAGE, DATA)]
    assert len(times) == len(TEXT) == 38
    for time, match in zip(times, printed, strict=True):
        assert match is not None
        # The kernel's text rounds nanoseconds to microseconds.
        assert abs(time / 1000 - (int(match[1]) * 1_000_000 + int(match[2]))) <= 0.51


def test_every_thread_is_the_one_the_kernel_prints() -> None:
    printed = [int(re.search(r"-(\d+) ", line)[1]) for line in TEXT]  # type: ignore[index]
    assert [tid for tid, _ in decoded()] == printed


def test_states_and_ports_are_those_the_kernel_prints() -> None:
    pattern = re.compile(r"sport=(\d+) dport=(\d+) .*oldstate=TCP_(\w+) newstate=TCP_(\w+)")
    printed = [match.groups() for line in TEXT if (match := pattern.search(line))]
    states = [event for _, event in decoded() if event["event"] == "state"]
    assert [(str(each["local"][1]), str(each["peer"][1]), each["old_state"], each["new_state"]) for each in states] == printed


def test_ipv6_comes_from_its_own_field() -> None:
    addresses = {each["local"][0] for _, each in decoded() if each["event"] == "state"}
    assert addresses == {"127.0.0.1", "::1"}


def test_reads_peeks_and_writes_are_told_apart_and_joined_by_socket() -> None:
    events = [event for _, event in decoded()]
    reads = [(each["size"], each["peek"]) for each in events if each["event"] == "read"]
    tcp = [(3, True), (5, False), (0, False), (0, False)]
    assert reads == [*tcp, *tcp, (3, False)]
    reader = next(each["socket"] for each in events if each["event"] == "read")
    states = [each["new_state"] for each in events if each["event"] == "state" and each["socket"] == reader]
    assert states[:2] == ["SYN_RECV", "ESTABLISHED"]


def test_retransmissions_and_resets_have_the_ends_that_the_kernel_prints() -> None:
    kinds = {"tcp_retransmit_skb": "retransmit", "tcp_retransmit_synack": "retransmit", "tcp_receive_reset": "reset received"}
    pattern = re.compile(r": (\w+): .*sport=(\d+) dport=(\d+)")
    printed = [(kinds[found[1]], found[2], found[3]) for line in SECOND_TEXT if (found := pattern.search(line))]
    events = [each for _, each in decoded(SECOND) if each["event"] in kinds.values()]
    assert [(each["event"], str(each["local"][1]), str(each["peer"][1])) for each in events] == printed
    assert len(printed) == 8
    (again,) = {each["socket"] for each in events if each["event"] == "retransmit" and each["socket"]}
    assert again


def test_a_reset_says_whose_name_it_was_sent_in_and_why() -> None:
    pattern = re.compile(r"tcp_send_reset: .*skaddr=(\w+) src=(\S+):(\d+) dest=(\S+):(\d+) .*reason=(\w+)")
    printed = [match.groups() for line in SECOND_TEXT if (match := pattern.search(line))]
    events = [each for _, each in decoded(SECOND) if each["event"] == "reset sent"]
    assert len(events) == len(printed) == 4
    for event, (address, local, port, peer, peer_port, reason) in zip(events, printed, strict=True):
        assert bool(event["socket"]) is bool(int(address, 16))
        assert event["local"] == [local.strip("[]"), int(port)]
        assert event["peer"] == [peer.strip("[]"), int(peer_port)]
        assert event["reason"] == reason
    assert {each["reason"] for each in events} == {"NO_SOCKET", "TCP_STATE"}


def test_data_that_is_ready_has_a_socket_and_no_ends() -> None:
    events = [each for _, each in decoded(SECOND) if each["event"] == "ready"]
    printed = [line for line in SECOND_TEXT if "sk_data_ready" in line]
    assert len(events) == len(printed)
    assert [each["transport"] == "udp" for each in events] == ["protocol=17" in line for line in printed]
    assert all(each["socket"] > 0 and "local" not in each for each in events)


def test_accept_carries_the_descriptor_and_udp_its_transport() -> None:
    events = [event for _, event in decoded()]
    assert [each["size"] for each in events if each["event"] == "accept"] == [7, 7]
    assert [each["transport"] for each in events if each["event"] in ("read", "write")][-2:] == ["udp", "udp"]


def test_time_is_the_sum_of_deltas() -> None:
    assert list(ring.records(page(word(1, 5), 0xA, word(1, 7), 0xB), 16)) == [
        (1005, struct.pack("=I", 0xA)),
        (1012, struct.pack("=I", 0xB)),
    ]


def test_extended_delta_adds_bits_above_27() -> None:
    ((time, _),) = ring.records(page(word(30, 3), 2, word(1, 1), 0xA), 16)
    assert time == 1000 + 3 + (2 << 27) + 1


def test_absolute_stamp_replaces_all_but_the_top_five_bits() -> None:
    top = 3 << 59
    ((time, _),) = ring.records(page(word(31, 9), 4, word(1, 0), 0xA, time=top + 12345), 16)
    assert time == top + 9 + (4 << 27)


def test_long_record_counts_its_own_length() -> None:
    assert list(ring.records(page(word(0, 1), 12, 0xA, 0xB), 16)) == [(1001, struct.pack("=II", 0xA, 0xB))]


def test_discarded_record_is_skipped_and_null_padding_ends() -> None:
    # Padding of 8 bytes (its length word and one more), a record, then the end of the page.
    found = list(ring.records(page(word(29, 2), 8, 0xFFFF, word(1, 1), 0xA, word(29, 0), 0), 16))
    assert found == [(1003, struct.pack("=I", 0xA))]


def test_flags_of_missed_events_are_not_taken_for_length() -> None:
    body = struct.pack("=II", word(1, 1), 0xA)
    flagged = struct.pack("=QQ", 0, len(body) | 1 << 31 | 1 << 30) + body + struct.pack("=Q", 5)
    assert len(list(ring.records(flagged, 16))) == 1


@pytest.mark.parametrize(
    "broken",
    [
        struct.pack("=QQ", 0, 5000),
        page(word(5, 1), 0xA),
        page(word(0, 1)),
        page(word(0, 1), 2),
        page(word(30, 1)),
    ],
    ids=["longer than it is", "record beyond the end", "no length", "length below four", "half a time"],
)
def test_control_a_page_that_does_not_add_up_raises(broken: bytes) -> None:
    with pytest.raises(ring.PageError):
        list(ring.records(broken, 16))


@pytest.mark.parametrize("cut", range(17, 400, 7))
def test_control_a_captured_page_cut_anywhere_raises(cut: int) -> None:
    with pytest.raises(ring.PageError):
        list(ring.records(PAGE[:cut], DATA))


def test_control_a_format_without_a_wanted_field_is_refused() -> None:
    text = (KERNEL / "sock_recv_length.format").read_text()
    with pytest.raises(ValueError, match="sock_recv_length of this kernel has no field skaddr"):
        formats.parse(text, ("common_pid", "skaddr"))
    with pytest.raises(ValueError, match="without name or ID"):
        formats.parse("", ())
    with pytest.raises(ValueError, match="header_page"):
        formats.page_header("\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n")


def test_lost_events_are_all_three_kinds() -> None:
    stats = "entries: 9\noverrun: 3\ncommit overrun: 2\nbytes: 77\ndropped events: 1\nread events: 4\n"
    assert tracefs._lost(stats) == 6
    assert tracefs._lost("entries: 9\noverrun: 0\ncommit overrun: 0\ndropped events: 0\n") == 0


def root(folder: Path, without: tuple[str, ...] = ()) -> Path:
    """A tracefs with the events of this kernel but some."""
    for name, wanted in tracefs.EVENTS.items():
        place = folder / "instances/lab/events" / wanted.system / name
        place.mkdir(parents=True)
        if name not in without:
            (folder / "events" / wanted.system / name).mkdir(parents=True)
            text = (KERNEL / f"{name}.format").read_text()
            (folder / "events" / wanted.system / name / "format").write_text(text)
    return folder


def test_an_event_that_the_kernel_lacks_is_left_out_and_named(tmp_path: Path) -> None:
    folder = root(tmp_path, ("tcp_send_reset", "sk_data_ready"))
    known, left_out = tracefs._enable_all(folder, folder / "instances/lab")
    assert set(left_out) == {"tcp_send_reset", "sk_data_ready"}
    assert {form.name for form in known.values()} == set(tracefs.EVENTS) - set(left_out)
    instance = tracefs.Instance(folder, (), 4096, 16, known, left_out, 0)
    assert tracefs.how(instance).endswith("tcp_receive_reset; not on this kernel: sk_data_ready, tcp_send_reset")
    enabled = folder / "instances/lab/events/sock/sock_recv_length"
    assert (enabled / "filter").read_text() == "family == 1 || family == 2 || family == 10"
    assert (enabled / "enable").read_text() == "1"


def test_a_filter_is_set_where_the_event_has_its_field(tmp_path: Path) -> None:
    folder = root(tmp_path)
    form = folder / "events/tcp/tcp_retransmit_skb/format"
    place = folder / "instances/lab/events/tcp/tcp_retransmit_skb/filter"
    tracefs._enable(folder, folder / "instances/lab", "tcp_retransmit_skb")
    assert place.read_text() == "err == 0"
    place.unlink()
    form.write_text(form.read_text().replace("field:int err;", "field:int other;"))
    tracefs._enable(folder, folder / "instances/lab", "tcp_retransmit_skb")
    assert not place.exists()


@pytest.mark.parametrize("missing", [name for name, wanted in tracefs.EVENTS.items() if wanted.essential])
def test_control_without_an_essential_event_the_witness_is_refused(tmp_path: Path, missing: str) -> None:
    folder = root(tmp_path, (missing,))
    with pytest.raises(OSError, match=missing):
        tracefs._enable_all(folder, folder / "instances/lab")
