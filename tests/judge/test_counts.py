"""Checks that count, and checks that look into text: each beside the count that must not pass."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lab.judge import judge
from lab.judge.counts import SAYS
from lab.judge.wanted import inside, range_words, wanted
from lab.model.routes import Counts, Evidence, Route, Witness
from lab.model.scenario import Expect, Range
from lab.model.verdicts import Outcome
from tests.judge.test_judge import CERTIFICATE, LOG_SAYS, PACKET, one, route, scenario

ROW = Evidence(Witness.SOCKETS, "sockets.jsonl:3", "27 bytes unread")
NAMES = list(SAYS)


def counted(name: str, value: int | None, *evidence: Evidence) -> Route:
    return route(counts=replace(Counts(), **{name: value}, evidence=tuple((name, e) for e in evidence or (ROW,))))


@pytest.mark.parametrize("name", NAMES)
def test_every_count_passes_fails_and_is_never_guessed(name: str) -> None:
    assert one({name: 3}, counted(name, 3)) is Outcome.PASS
    assert one({name: 0}, counted(name, 0)) is Outcome.PASS
    assert one({name: 3}, counted(name, 4)) is Outcome.FAIL
    assert one({name: 0}, counted(name, None)) is Outcome.INCONCLUSIVE
    assert one({name: {"at_least": 0}}, counted(name, None)) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("name", NAMES)
def test_every_count_needs_evidence_that_is_cited_for_it(name: str) -> None:
    bare = route(counts=replace(Counts(), **{name: 3}))
    assert one({name: 3}, bare) is Outcome.INCONCLUSIVE
    of_another = replace(bare, counts=replace(bare.counts, evidence=(("another", ROW),)))
    assert one({name: 3}, of_another) is Outcome.INCONCLUSIVE
    assert one({name: 3}, counted(name, 3, LOG_SAYS)) is Outcome.INCONCLUSIVE


def test_the_names_are_those_of_the_scenario_and_of_the_route() -> None:
    assert set(NAMES) <= Expect.model_fields.keys()
    assert set(NAMES) == {field for field in Counts.__dataclass_fields__ if field != "evidence"}


@pytest.mark.parametrize(
    ("bounds", "words", "holds", "fails"),
    [
        ({"at_least": 1}, "at least 1", (1, 99), (0,)),
        ({"at_most": 5}, "at most 5", (0, 5), (6,)),
        ({"at_least": 2, "at_most": 5}, "2 to 5", (2, 5), (1, 6)),
        ({}, "at least 0", (0, 9), ()),
    ],
)
def test_a_range_is_told_in_words_and_has_its_bounds(
    bounds: dict[str, int], words: str, holds: tuple[int, ...], fails: tuple[int, ...]
) -> None:
    asked = Range(**bounds)
    assert range_words(asked) == wanted("unread", asked).shown == words
    assert all(inside(asked, number) for number in holds)
    assert not any(inside(asked, number) for number in fails)
    [verdict] = judge(scenario({"unread": bounds}), None, [counted("unread", 0)], {})
    assert (verdict.expected, verdict.actual) == (words, 0)
    assert words in verdict.says


def test_a_whole_number_stays_one_in_the_result() -> None:
    [verdict] = judge(scenario({"unread": 27}), None, [counted("unread", 27)], {})
    assert (verdict.expected, verdict.actual, verdict.witnesses) == (27, 27, ("sockets",))


@pytest.mark.parametrize(
    ("key", "found", "holds", "fails"),
    [
        ("answer", route(body=b'{"host": "shop.example"}'), "shop.example", "api.example"),
        ("answer", route(body=b"", status=None), "no answer", "shop"),
        ("diagnosis", route(diagnosis="stopped at established, by app"), "stopped at established", "reached dispatch"),
    ],
)
def test_text_is_looked_for(key: str, found: Route, holds: str, fails: str) -> None:
    assert one({key: holds}, found) is Outcome.PASS
    assert one({key: fails}, found) is Outcome.FAIL
    assert one({key: holds}, replace(found, evidence=(), hops=())) is Outcome.INCONCLUSIVE


def test_a_long_text_is_searched_whole_and_shown_in_part() -> None:
    long = route(body=b"x" * 5000 + b"needle", evidence=(CERTIFICATE, PACKET))
    [verdict] = judge(scenario({"answer": "needle"}), None, [long], {})
    assert verdict.outcome is Outcome.PASS
    assert len(str(verdict.actual)) < 400
    [missed] = judge(scenario({"answer": "pin"}), None, [long], {})
    assert len(missed.why) < 500


def test_every_key_that_a_scenario_may_expect_is_a_check() -> None:
    from lab.judge.findings import READERS
    from lab.judge.findings import SAYS as WORDS

    keys = Expect.model_fields.keys() - {"tally"}
    assert keys == READERS.keys() == WORDS.keys()
    json.dumps([WORDS[key].format(expected="x") for key in keys])
