"""Moments, timelines and repetitions as people and programs read them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lab.model.routes import Counts, Moment, Stage
from lab.model.steps import StepDone
from lab.report import ci, page, result, telling
from lab.report.alike import alike
from lab.report.timeline import since, timeline
from tests.report.made import KERNEL, PACKET, case, plain

SYN = Moment(1_000, 0, 1, "web", "kernel", "SYN", None, PACKET)
READ = Moment(4_457_000, 3_456_000, 1, "web", "nginx (pid 7) of proxy", "read", 517, KERNEL)
[WHOLE] = case().routes
HELD = replace(WHOLE, moment="held", counts=Counts(unread=27, reads=0, evidence=(("unread", KERNEL),)))


def of(*routes: object) -> object:
    return replace(case(), routes=routes)  # type: ignore[arg-type]


def test_a_moment_is_drawn_under_its_name_with_what_was_counted() -> None:
    text = plain(telling.whole(of(HELD, WHOLE), evidence=True))  # type: ignore[arg-type]
    assert "probe order at held" in text
    assert "27 bytes unread · 0 reads" in text
    assert text.count("bytes unread") == 1
    assert "at held" not in plain(telling.whole(of(WHOLE), evidence=True))  # type: ignore[arg-type]


def test_a_timeline_says_when_where_who_what_and_by_which_witness() -> None:
    lines = plain(timeline(replace(WHOLE, timeline=(SYN, READ)))).splitlines()
    assert lines[0] == "  timeline of order"
    assert lines[1].split() == ["since", "first", "packet", "hop", "seen", "in", "process", "event", "bytes", "witness"]
    assert "+0 µs" in lines[2]
    for part in ("+3.456 ms", "1", "web", "nginx (pid 7) of proxy", "read", "517", "kernel kernel.jsonl:7"):
        assert part in lines[3]
    assert lines[2].index("SYN") == lines[3].index("read  ")


STEPS = (
    StepDone(1, "order", 1, "connect", "connect to web:8080", "", 500, 900, came=True),
    StepDone(
        2, "order", 2, "await", "wait until a process owns it", "", 2_000_000, 2_500_000, came=False, why="owned by nobody"
    ),
    StepDone(3, "other", 1, "connect", "connect elsewhere", "", 600, 700, came=True),
)


def test_a_timeline_has_the_steps_of_its_probe_in_their_place() -> None:
    lines = plain(timeline(replace(WHOLE, timeline=(SYN, READ)), STEPS)).splitlines()[2:]
    assert [line[line.index("──") :] if "──" in line else line.split()[-1] for line in lines] == [
        "── step 1: connect to web:8080",
        "packets/web.pcapng:12",
        "── step 2: wait until a process owns it, and it did not come to pass: owned by nobody",
        "kernel.jsonl:7",
    ]
    assert "-0 µs" in lines[0]


def test_no_timeline_is_said_and_one_is_shown_only_on_demand() -> None:
    assert "no witness left a time" in plain(timeline(WHOLE))
    told = of(replace(HELD, timeline=(SYN,)), replace(WHOLE, timeline=(SYN, READ)))
    assert "timeline of" not in plain(telling.whole(told, evidence=True))  # type: ignore[arg-type]
    shown = plain(telling.whole(told, evidence=True, timeline=True))  # type: ignore[arg-type]
    assert shown.count("timeline of") == 1  # the whole has the moment's in it


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [(0, "+0 µs"), (12_400, "+12 µs"), (-3_000, "-3 µs"), (999_999, "+1000 µs"), (1_000_000, "+1.000 ms"),
     (-2_500_000, "-2.500 ms"), (1_999_999_999, "+2.000 s")],
)  # fmt: skip
def test_times_have_a_unit_that_suits_them(nanoseconds: int, words: str) -> None:
    assert since(nanoseconds) == words


def test_repetitions_that_went_the_same_way_are_told_once_and_others_are_not_hidden() -> None:
    ways = [Stage.ANSWERED, Stage.ANSWERED, Stage.READABLE, Stage.ANSWERED]
    routes = [replace(WHOLE, probe=f"order#{n}", stage=stage) for n, stage in enumerate(ways, start=1)]
    assert [(route.probe, more) for route, more in alike(routes)] == [("order#1", 2), ("order#3", 0)]
    assert [more for _, more in alike([WHOLE, WHOLE])] == [0, 0]  # not repetitions: two probes
    text = plain(telling.whole(of(*routes), evidence=True))  # type: ignore[arg-type]
    assert "(and 2 more like it)" in text
    assert text.count("  probe ") == 2
    assert ci.summary([of(*routes)]).count("stopped at") == 2  # type: ignore[list-item]


def test_the_document_has_moments_counts_and_one_timeline() -> None:
    told = of(replace(HELD, timeline=(SYN,)), replace(WHOLE, timeline=(SYN, READ)))
    document = json.loads(json.dumps(result.case(told)))  # type: ignore[arg-type]
    held, whole = document["probes"]
    assert (held["id"], held["moment"], held["timeline"]) == ("order", "held", [])
    assert (held["counts"]["unread"], held["counts"]["reads"], held["counts"]["segments"]) == (27, 0, None)
    assert held["counts"]["evidence"]["unread"][0]["where"] == "kernel.jsonl:7"
    assert whole["moment"] == ""
    [step, *_] = result.case(replace(told, steps=STEPS))["steps"]  # type: ignore[misc, type-var, arg-type]
    assert (step["words"], step["came"], step["where"]) == ("connect to web:8080", True, "steps.jsonl:1")
    assert whole["timeline"][1] == {
        "time_ns": 4_457_000,
        "since_ns": 3_456_000,
        "hop": 1,
        "vantage": "web",
        "process": "nginx (pid 7) of proxy",
        "event": "read",
        "bytes": 517,
        "witness": "kernel",
        "where": "kernel.jsonl:7",
        "says": "nginx read 517 bytes",
    }


def test_the_page_shows_moments_and_timelines_escaped_and_not_without_end() -> None:
    hostile = replace(SYN, event="<script>")
    told = of(HELD, replace(WHOLE, timeline=(SYN, hostile) * 400))
    html = page.page([told], "run", {}, {})  # type: ignore[list-item]
    assert "Probe order at held" in html
    assert "Timeline, 800 observations" in html
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "and 500 more in result.json" in html
    stepped = page.page([replace(told, steps=STEPS)], "run", {}, {})  # type: ignore[list-item, type-var]
    assert "step 1: connect to web:8080" in stepped
    assert "connect elsewhere" not in stepped
