"""Probes spelled out: bytes cut where the scenario says, each step one action, and a plan that survives being written."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.engine.codec import from_json, to_json
from lab.model.plan import PlannedProbe
from lab.model.scenario import Await, Probe, Step
from lab.model.steps import PlannedConnect, PlannedHandshake, PlannedLink, PlannedSend, PlannedSignal
from lab.plan.probes import cut, planned_probe
from lab.plan.told import AWAITED, words

EVERY_STEP: list[dict[str, object]] = [
    {"connect": "web:3000"},
    {"connect": {"to": "web:3001", "await": "nothing"}},
    {"tls": {"sni": "shop.example", "alpn": ["http/1.1"], "certificate": "good", "version": "1.3", "stop_after": 9}},
    {"tls": "rest"},
    {"send": "GET / HTTP/1.1\r\n"},
    {"send": {"bytes": "Host: x\xff\r\n", "pieces": [1], "each": True, "await": "read"}},
    {
        "streams": [
            {"name": "a", "method": "POST", "headers": {"X-A": "1"}, "body": "x", "end": False},
            {"name": "b", "host": "b"},
        ]
    },
    {"data": {"stream": "a", "bytes": "more", "end": True}},
    {"reset_stream": "b"},
    {"receive": 2},
    {"do": "half-close"},
    {"freeze": "app"},
    {"thaw": {"container": "app", "process": "receiver"}},
    {"kill": {"container": "app", "process": "last"}},
    {"pause": "app"},
    {"unpause": "app"},
    {"link": {"into": "web", "port": 3000, "lose": [1, 3], "late": [2]}},
    {"link": {"into": "web", "lose": "all"}},
    {"link": {"into": "web", "hold": [2]}},
    {"link": {"into": "client", "lose": "fin", "delay": 0.05}},
    {"fill": "[::1]:3000"},
    {"await": "unread"},
    {"look": "held", "about": "nobody owns it"},
]


def probe(**parts: object) -> Probe:
    return Probe.model_validate_json(json.dumps(parts))


def test_the_connection_may_be_written_long() -> None:
    planned = planned_probe(
        "p", probe(steps=[{"connect": {"to": "web:3000", "await": "nothing"}}, {"streams": [{"name": "a"}]}])
    )
    assert planned.connect == ("web", 3000)
    assert planned.steps[1].act.streams[0].authority == "web:3000"  # type: ignore[union-attr]


def test_every_action_of_a_step_is_planned_and_told_and_survives_json() -> None:
    planned = planned_probe("p", probe(steps=EVERY_STEP, repeat=3, timeout=0.5))
    assert len(planned.steps) == len(EVERY_STEP)
    assert (planned.connect, planned.timeout, planned.repeat) == (("web", 3000), 0.5, 3)
    assert all(words(step.act) for step in planned.steps)
    assert from_json(to_json(planned, PlannedProbe), PlannedProbe) == planned
    told = "\n".join(words(step.act) for step in planned.steps)
    for part in (
        "[::1]:3000",
        "stop after 9 bytes",
        "lose segments 1, 3 and hold segment 2 back behind the next into web, port 3000",
        "let nothing through into web",
        "hold segment 2 back until the next link into web",
        "lose all segments with FIN and delay all segments by 50 ms into client",
        "connect to web:3001, and wait for nothing",
        "in 10 pieces",
        "SIGKILL",
        "a (POST /, left open), b (GET /)",
    ):
        assert part in told
    assert planned.steps[-1].about == "nobody owns it"


def test_the_list_above_has_every_action_that_a_step_can_have() -> None:
    actions = {field.alias or name for name, field in Step.model_fields.items()} - {"about", "expect"}
    assert {key for step in EVERY_STEP for key in step} - {"about"} == actions
    assert set(get_args(Await)) == AWAITED.keys()


def test_what_paces_is_not_what_is_demanded() -> None:
    sends = [step.act for step in planned_probe("p", probe(steps=EVERY_STEP)).steps if isinstance(step.act, PlannedSend)]
    assert [(act.until, act.must) for act in sends] == [("arrived", False), ("read", True)]
    assert sends[1].pieces[-3:] == (b"\xff", b"\r", b"\n")


def test_short_forms_mean_the_long_ones() -> None:
    acts = [step.act for step in planned_probe("p", probe(steps=EVERY_STEP)).steps]
    assert PlannedSignal("app", "all", "STOP") in acts
    assert PlannedHandshake(None) in acts
    assert PlannedLink("web", None, "all") in acts
    assert acts[0] == PlannedConnect(("web", 3000), wait=True)


@pytest.mark.parametrize(
    ("sizes", "each", "pieces"),
    [
        ((), False, [b"abcdef"]),
        ((2,), False, [b"ab", b"cdef"]),
        ((2, 1), False, [b"ab", b"c", b"def"]),
        ((2,), True, [b"ab", b"cd", b"ef"]),
        ((6,), False, [b"abcdef"]),
        ((9,), True, [b"abcdef"]),
    ],
)
def test_bytes_are_cut_where_they_are_to_be(sizes: tuple[int, ...], each: bool, pieces: list[bytes]) -> None:
    assert list(cut(b"abcdef", sizes, each=each)) == pieces


@given(st.binary(max_size=60), st.lists(st.integers(1, 70), max_size=6), st.booleans())
def test_cutting_loses_nothing_and_leaves_no_empty_piece(data: bytes, sizes: list[int], each: bool) -> None:
    pieces = list(cut(data, tuple(sizes), each=each))
    assert b"".join(pieces) == data
    assert all(pieces)


def test_a_probe_that_is_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither request nor exact nor steps"):
        planned_probe("p", probe())
