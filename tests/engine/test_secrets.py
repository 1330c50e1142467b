"""Secrets of the client's TLS sessions: where they are written, who may read them; a capture with them stays a capture."""

from __future__ import annotations

import json
import stat
import struct
from typing import TYPE_CHECKING

import pytest

from lab.engine.errors import EvidenceError
from lab.engine.journal import CLIENT_KEYS, keep, opened
from lab.engine.secrets import put_into_captures, read_secrets, with_secrets
from lab.model.observations import Secret
from lab.trace.pcapng import read
from tests.recorder.test_pcapng import pcapng

if TYPE_CHECKING:
    from pathlib import Path

FRAME = bytes.fromhex(
    "02000000000202000000000108004500002800010000400600000a0000090a0000029c4020fb00000001000000005002000000000000"
)
LINE = f"CLIENT_RANDOM {'ab' * 32} {'cd' * 48}\n"


def capture() -> bytes:
    return pcapng.section("h", "o", "a") + pcapng.interface("eth0") + pcapng.packet(0, 10**18, FRAME, outgoing=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_kept_apart_from_the_report_and_for_the_owner_alone(tmp_path: Path) -> None:
    (tmp_path / CLIENT_KEYS).write_text("old", "utf-8")
    with opened(tmp_path) as journal:
        journal.report({"probe": "order", "keys": LINE})
        journal.report({"probe": "order", "keys": ""})
    assert [json.loads(line) for line in (tmp_path / "client.jsonl").read_text().splitlines()] == [{"probe": "order"}] * 2
    assert (tmp_path / CLIENT_KEYS).read_text() == LINE
    assert mode(tmp_path / CLIENT_KEYS) == 0o600
    assert read_secrets(tmp_path) == (Secret("CLIENT_RANDOM", b"\xab" * 32, b"\xcd" * 48),)


def test_a_case_without_secrets_has_none(tmp_path: Path) -> None:
    assert read_secrets(tmp_path) == ()


@pytest.mark.parametrize("line", ["CLIENT_RANDOM xx yy", "one", "A 00 11 22"])
def test_what_is_no_key_log_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / CLIENT_KEYS).write_text(f"# a comment\n{line}\n")
    with pytest.raises(EvidenceError, match=f"{CLIENT_KEYS}:2 is no line of a TLS key log"):
        read_secrets(tmp_path)


def test_secrets_stand_before_all_packets_and_change_none(tmp_path: Path) -> None:
    whole = capture()
    keys = LINE.encode()
    found = with_secrets(whole, keys)
    assert read(found, "client", "f") == read(whole, "client", "f") != ()
    at = struct.unpack_from("<I", whole, 4)[0]
    kind, length, secrets, size = struct.unpack_from("<IIII", found, at)
    assert (kind, secrets, size) == (10, 0x544C534B, len(keys))
    assert found[at + 16 : at + 16 + size] == keys
    assert length % 4 == 0
    assert found[at + length :] == whole[at:]


def test_only_the_captures_of_clients_get_them_and_are_then_the_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "packets").mkdir()
    for name in ("client", "web"):
        (tmp_path / "packets" / f"{name}.pcapng").write_bytes(capture())
    (tmp_path / CLIENT_KEYS).write_text(LINE)
    put_into_captures(tmp_path, ("client", "gone"))
    assert LINE.encode() in (tmp_path / "packets/client.pcapng").read_bytes()
    assert mode(tmp_path / "packets/client.pcapng") == 0o600
    assert (tmp_path / "packets/web.pcapng").read_bytes() == capture()


def test_control_without_secrets_a_capture_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "packets").mkdir()
    (tmp_path / "packets/client.pcapng").write_bytes(capture())
    (tmp_path / CLIENT_KEYS).write_text("")
    put_into_captures(tmp_path, ("client",))
    assert (tmp_path / "packets/client.pcapng").read_bytes() == capture()


def test_what_a_trace_keeps_has_no_secrets_in_its_report_either(tmp_path: Path) -> None:
    for number in (1, 2):
        keep(tmp_path, {"probe": f"p{number}", "keys": LINE})
    assert [json.loads(line) for line in (tmp_path / "client.jsonl").read_text().splitlines()] == [
        {"probe": "p1"},
        {"probe": "p2"},
    ]
    assert (tmp_path / CLIENT_KEYS).read_text() == LINE * 2
    assert mode(tmp_path / CLIENT_KEYS) == 0o600
