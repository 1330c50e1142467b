"""Of much evidence only what moved near the request is read: and what is read tells the same route."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import pytest

from lab.engine import nearby
from lab.engine.codec import to_json
from lab.engine.folder import read_observations
from lab.model.observations import Inventory

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 10**9
BEGAN = 1000 * SECOND


def frame(source: int, target: int, payload: bytes = b"x") -> bytes:
    tcp = struct.pack(">HHIIBBHHH", source, target, 1, 1, 0x50, 0x18, 0, 0, 0) + payload
    address = bytes([10, 0, 0, 1 if source > target else 2]) + bytes([10, 0, 0, 2 if source > target else 1])
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + address
    return bytes(12) + b"\x08\x00" + ip + tcp


def capture(packets: list[tuple[int, bytes]]) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    data = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHIHHBxxx", 1, 0, 0, 9, 1, 9))
    for time_ns, content in packets:
        head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(content), len(content))
        data += block(6, head + content + bytes(-len(content) % 4))
    return data


def event(time_ns: int, socket: int, kind: str = "read", **more: object) -> str:
    known = {"time_ns": time_ns, "event": kind, "pid": 7, "socket": socket, "namespace": "web"}
    return json.dumps({**known, **more}, separators=(",", ":"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory.json").write_bytes(to_json(Inventory((), ()), Inventory))
    (tmp_path / "packets").mkdir()
    pooled, other, later = (40001, 80), (40002, 80), (40003, 80)
    packets = [
        (BEGAN - 9 * SECOND, frame(*pooled)), (BEGAN - 8 * SECOND, frame(*other)), (BEGAN + 1000, frame(*pooled[::-1])),
        (BEGAN + 9 * SECOND, frame(*later)),
    ]  # fmt: skip
    (tmp_path / "packets/web.pcapng").write_bytes(capture(packets))
    report = {
        "probe": "trace", "token": "", "namespace": "web", "asked": ["a", 80], "started_ns": BEGAN, "finished_ns": BEGAN + 2000,
        "local": None, "peer": None, "sent": "", "tls": None, "status": None, "http_version": None, "headers": [], "body": "",
        "error": None,
    }  # fmt: skip
    (tmp_path / "client.jsonl").write_text(json.dumps(report) + "\n")
    begins = {"old_state": "CLOSE", "new_state": "SYN_SENT"}
    events = [
        event(BEGAN - 9 * SECOND, 1, "state", **begins), event(BEGAN - 9 * SECOND + 1, 1),  # an earlier socket, same address
        event(BEGAN - 2 * SECOND, 1, "state", **begins), event(BEGAN - 2 * SECOND + 1, 2), event(BEGAN + 10, 1),
        event(BEGAN + 20, 0, "accept"), event(BEGAN + 9 * SECOND, 1),
    ]  # fmt: skip
    (tmp_path / "kernel.jsonl").write_text("\n".join(events) + "\n")
    return tmp_path


def test_little_evidence_is_read_whole(folder: Path) -> None:
    assert nearby.read_near(folder) == read_observations(folder)
    assert len(read_observations(folder).packets) == 4


@pytest.fixture
def _much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearby, "ENOUGH", 0)


@pytest.mark.usefixtures("_much")
def test_a_conversation_that_moved_is_kept_from_its_first_packet_on_with_its_numbers(folder: Path) -> None:
    assert [packet.number for packet in nearby.read_near(folder).packets] == [1, 3]


@pytest.mark.usefixtures("_much")
def test_a_sockets_events_are_kept_from_its_own_beginning_on_with_their_lines(folder: Path) -> None:
    assert [each.line for each in nearby.read_near(folder).kernel] == [3, 5, 6]


@pytest.mark.usefixtures("_much")
def test_without_a_report_all_is_read(folder: Path) -> None:
    (folder / "client.jsonl").write_text("")
    assert len(nearby.read_near(folder).packets) == 4


def test_both_directions_are_one_conversation_and_others_are_none() -> None:
    assert nearby.conversation(frame(40001, 80)) == nearby.conversation(frame(80, 40001))
    assert nearby.conversation(frame(40001, 80)) != nearby.conversation(frame(40002, 80))
    for size in range(34):
        assert nearby.conversation(frame(40001, 80)[:size]) is None
