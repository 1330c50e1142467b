"""What people and programs read: the drawing, the document, the progress lines."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from lab.model.verdicts import CaseResult, Outcome
from lab.report import ci, result, telling, terminal
from lab.report.progress import Mode, Progress
from tests.report.made import case, plain


def told(*results: CaseResult) -> object:
    return telling.told(results, telling.Detail.ROUTES, "runs/x")


def test_the_drawing_names_process_address_and_where_tls_ended() -> None:
    text = plain(told(case()))
    for words in (
        "proxy · nginx · pid 7",
        "10.0.0.2:8443",
        "TLS ends here",
        "packets/web.pcapng:12",
        "nobody",
        "SNI shop.example",
    ):
        assert words in text


def test_what_did_not_pass_shows_expected_actual_and_why() -> None:
    failed = plain(told(case(Outcome.FAIL)))
    assert "expected proxy → app" in failed
    assert "actual   proxy → nobody" in failed
    assert "expected proxy → app" not in plain(told(case()))


def test_a_name_is_never_read_as_markup() -> None:
    assert "[red]x[/red]" in plain(told(case(title="[red]x[/red]")))


def test_marks_have_a_word_beside_them() -> None:
    for outcome in Outcome:
        assert str(outcome) in terminal.mark(outcome).plain


def test_the_summary_gives_the_reason_of_what_failed() -> None:
    text = plain(telling.summary([case(), case(Outcome.FAIL)], 3.0, "runs/x"))
    assert "PASS 1" in text
    assert "FAIL  s.nginx: order.route: why" in text
    assert "lab judge runs/x" in text


def test_the_document_has_the_stable_names() -> None:
    document = json.loads(json.dumps(result.document([case()], {"kernel": "6"}, {"version": "1"}, {})))
    assert document["format"] == "lab-result/1"
    [one] = document["scenarios"]
    assert one["checks"][0] | {"evidence": []} == {
        "id": "order.route",
        "outcome": "PASS",
        "says": "it travels",
        "expected": "proxy → app",
        "actual": "proxy → nobody",
        "why": "why",
        "line": 9,
        "witnesses": ["packets"],
        "lead": 0,
        "evidence": [],
    }
    [probe] = one["probes"]
    assert probe["tls_ends_at"][0]["port"] == 8443
    assert probe["hops"][0]["witnesses"] == ["packets:12", "kernel:7"]
    wanted = "container namespace interface transport listener local peer process pid protocol tls sni alpn stage witnesses"
    assert set(wanted.split()) <= probe["hops"][0].keys()


def lines(mode: Mode) -> str:
    out = io.StringIO()
    progress = Progress(mode, out)
    with progress.phase("fast"):
        pass
    with pytest.raises(ValueError, match="x"), progress.phase("broken"):
        raise ValueError("x")
    progress.note("a note")
    progress.close()
    return out.getvalue()


def test_progress_speaks_of_failures_and_not_of_what_was_fast() -> None:
    text = lines(Mode.PLAIN)
    assert "failed: broken" in text
    assert "fast" not in text
    assert lines(Mode.AUTO).startswith("✗ failed: broken")


def test_progress_as_json_is_one_object_a_line() -> None:
    events = [json.loads(line) for line in lines(Mode.JSON).splitlines()]
    assert [(e.get("phase"), e.get("state")) for e in events][:4] == [
        ("fast", "started"),
        ("fast", "done"),
        ("broken", "started"),
        ("broken", "failed"),
    ]
    assert lines(Mode.QUIET) == ""


def test_annotations_stand_on_the_scenarios_line_and_cannot_be_broken_out_of() -> None:
    assert ci.commands([case()]) == []
    [line] = ci.commands([case(Outcome.FAIL)])
    assert line.startswith("::error file=scenarios/s.yaml,line=9,title=s.nginx order.route%3A FAIL::it travels")
    [broken] = ci.commands([replace(case(), outcome=Outcome.LAB_ERROR, verdicts=(), error="a\n::error::b %")])
    assert "\n" not in broken
    assert broken.endswith("a%0A::error::b %25")


def test_the_summary_table_escapes_and_stays_small() -> None:
    table = ci.summary([replace(case(), case="a|b")])
    assert "a\\|b" in table
    assert len(ci.summary([case()] * 5000)) < 64_000
