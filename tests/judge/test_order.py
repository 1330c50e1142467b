"""The order of a route's story, each rule beside a story that breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.judge.order import broken
from lab.model.routes import Evidence, Hop, Moment, Route, Stage, Witness

PROCESS = "app (pid 1) of app"
STORY = (
    ("SYN", None, Witness.PACKETS),
    ("SYN-ACK", None, Witness.PACKETS),
    ("ACK: handshake done", None, Witness.PACKETS),
    ("head GET /", 40, Witness.PACKETS),
    ("read", 40, Witness.KERNEL),
    ("reports dispatched", None, Witness.APPLICATION),
    ("answer 200", 60, Witness.PACKETS),
    ("wrote", 60, Witness.KERNEL),
)
MS = 10**6


def line(number: int, event: str, size: int | None, witness: Witness, hop: int = 1) -> Moment:
    who = PROCESS if witness is Witness.KERNEL else "kernel"
    return Moment(number * 5 * MS, number * 5 * MS, hop, "web", who, event, size, Evidence(witness, f"x:{number}", event))


def route(*lines: Moment, hops: int = 1, stage: Stage = Stage.ANSWERED) -> Route:
    each = Hop(1, "tcp", None, None, "", "app", "web", "eth0", None, "app", 1, 4001, stage=stage)
    found = tuple(replace(each, number=number, parent=number - 1 or None) for number in range(1, hops + 1))
    return Route("one", found, (), Stage.ANSWERED, True, "", timeline=lines)


def story(*left_out: str) -> list[Moment]:
    return [line(number, *each) for number, each in enumerate(STORY) if each[0] not in left_out]


def test_a_whole_story_in_its_order_holds() -> None:
    assert broken(route(*story())) == ()


@pytest.mark.parametrize("event", [each[0] for each in STORY if not each[0].startswith("answer")])
def test_none_may_be_missing(event: str) -> None:
    assert broken(route(*story(event)))


def test_control_of_an_open_timeline_none_is_missed() -> None:
    assert broken(replace(route(*story("read")), timeline_open="kernel: was not there")) == ()


def test_a_handler_before_the_read_is_noticed() -> None:
    early = replace(line(0, *STORY[5]), time_ns=17 * MS)
    assert broken(route(*story("reports dispatched"), early)) == (
        "hop 1: “a handler was entered” came 3000000 ns before “the receiver read”",
    )


def test_control_an_applications_clock_may_be_a_moment_off() -> None:
    assert broken(route(*story("reports dispatched"), replace(line(0, *STORY[5]), time_ns=20 * MS - 1000))) == ()


def test_a_handler_without_any_read_is_noticed() -> None:
    assert "hop 1: “a handler was entered” without any “the receiver read”" in broken(route(*story("read")))


def test_control_a_thread_that_was_gone_when_it_was_noted_has_read_all_the_same() -> None:
    gone = replace(line(4, *STORY[4]), process="kernel")
    assert broken(route(*story("read"), gone)) == ()


def test_control_what_another_process_read_is_not_the_receivers() -> None:
    other = replace(line(4, *STORY[4]), process="envoy (pid 1) of sidecar")
    assert broken(route(*story("read"), other))


def test_bytes_on_the_next_hop_before_the_read_on_this_one_are_noticed() -> None:
    inner = [replace(line(number, *each, hop=2), time_ns=number * MS) for number, each in enumerate(STORY)]
    assert any(each.startswith("hop 2: “bytes came”") for each in broken(route(*story(), *inner, hops=2)))


def test_a_hop_that_got_no_further_on_an_answered_route_is_noticed() -> None:
    told = broken(route(*story(), stage=Stage.READ))
    assert told == ("hop 1: it got no further than read, and the probe was answered",)
