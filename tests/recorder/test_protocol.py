"""The agents' protocol: each line gets one answer, and a bad one an error that says what is wrong."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from recorder import evidence, machine, protocol, requests


def asked(line: bytes | dict[str, Any], root: Path = Path("/nowhere")) -> dict[str, Any]:
    recorder: Any = SimpleNamespace(cases={}, root=root)
    text = line if isinstance(line, bytes) else json.dumps(line).encode()
    return protocol.answered(text, lambda request: requests.answer(recorder, request))


@pytest.mark.parametrize(
    ("line", "number", "kind", "text"),
    [
        (b"{", None, "bad request", "no JSON"),
        (b"[]", None, "bad request", "a request is a JSON object"),
        (
            b'{"id": 1}',
            1,
            "bad request",
            "do None: known are attach, wait, look, settle, await, signal, receiver, link, flush, detach, forget",
        ),
        (b'{"id": 2, "do": "look"}', 2, "bad request", "case is missing"),
        (b'{"id": 3, "do": "look", "case": "x"}', 3, "gone", "case x is not attached"),
        (b'{"id": 4, "do": "attach", "case": "x", "namespaces": [{"name": "a"}]}', 4, "bad request", "pid is missing"),
        (b'{"id": 5, "do": "forget", "case": "../etc"}', 5, "bad request", "letters, digits, dots, dashes"),
    ],
)
def test_a_bad_request_gets_an_error_that_says_what_is_wrong(line: bytes, number: int, kind: str, text: str) -> None:
    answer = asked(line)
    assert answer["id"] == number
    assert answer["error"]["kind"] == kind
    assert text in answer["error"]["text"]


def test_control_a_good_request_gets_its_answer(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    assert asked({"id": 9, "do": "forget", "case": "one"}, tmp_path) == {"id": 9, "ok": {}}
    assert not (tmp_path / "one").exists()


def test_a_fault_of_ours_is_internal_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    answer = protocol.answered(b'{"id": 1}', lambda _: dict[str, Any]()["nothing"])
    assert answer["error"]["kind"] == "internal"
    assert "KeyError" in capsys.readouterr().err


@pytest.mark.parametrize("case", ["walls", "two-walls.nginx~twin", "A1"])
def test_case_names_of_a_plan_are_folders(case: str) -> None:
    assert evidence.folder(Path("/evidence"), case) == Path("/evidence") / case


@pytest.mark.parametrize("case", ["", ".", "..", "a/b", "/etc", ".hidden", "a\0b", "a\n"])
def test_control_no_name_leads_out_of_the_folder(case: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        evidence.folder(Path("/evidence"), case)


def test_lines_are_whole_and_counted(tmp_path: Path) -> None:
    lines = evidence.open_lines(tmp_path / "one" / "sockets.jsonl")
    evidence.write(lines, [{"a": 1}, {"b": "ü"}])
    assert [json.loads(line) for line in (tmp_path / "one/sockets.jsonl").read_text().splitlines()] == [
        {"a": 1},
        {"b": "ü"},
    ]
    assert lines.count == 2
    evidence.close(lines)
    assert evidence.files(tmp_path / "one") == ["sockets.jsonl"]


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        ({"dmi vendor": "Amazon EC2", "processor": "hypervisor flag"}, "cloud instance (Amazon EC2)"),
        ({"dmi vendor": "QEMU", "processor": "hypervisor flag"}, "virtual machine (QEMU)"),
        ({"processor": "hypervisor flag", "kernel command line": "names firecracker"}, "virtual machine (Firecracker)"),
        ({"processor": "hypervisor flag"}, "virtual machine"),
        ({"processor": "no hypervisor flag", "dmi vendor": "LENOVO"}, "physical, probably"),
        ({"processor": "no hypervisor flag"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_machine_is_named_by_evidence_only(read: dict[str, str], kind: str) -> None:
    told, because = machine.conclude(read)
    assert told == kind
    assert because


def test_a_case_of_two_servers_has_a_folder_and_a_path_has_none(tmp_path: Path) -> None:
    assert evidence.folder(tmp_path, "begun.nginx+app~broken") == tmp_path / "begun.nginx+app~broken"
    for name in ("../x", "a/b", "", ".a", "a b"):
        with pytest.raises(ValueError, match="letters, digits"):
            evidence.folder(tmp_path, name)
