"""Probes of containers that run already: what a file says is what `lab trace` would be asked, there and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.model.asked import Asked, Scope
from lab.model.scenario import Case, Scenario
from lab.plan import plan, running
from tests.scenario.shop import CATALOGUE

SHOP = Scope("shop", ("web-1",))
ASKED = [
    Asked(("localhost", 8443), url="https://localhost:8443/orders", scope=SHOP),
    Asked(("10.0.1.25", 443), url="https://shop.example/", vantage="web-1", scope=SHOP, verify=False, marked=False, http="2"),
    Asked(
        ("fd00::1", 80), url="http://shop.example/", vantage="client", method="POST", headers=(("A", "b"),), body=b"x",
        http="1.1", proxy=("127.0.0.1", 3128), timeout=1.5,
    ),
    Asked(("localhost", 443), url="https://localhost/", vantage="edge", http="3"),
    Asked(("127.0.0.1", 80), send=b"GET / HTTP/1.1\r\n\x00\xff\r\n", marked=False, timeout=2.0),
]  # fmt: skip


def scenario(probe: dict[str, object], scope: dict[str, object]) -> Scenario:
    whole: dict[str, Any] = {"id": "x", "title": "x", "target": "running", "scope": scope, "probes": {"trace": probe}}
    return Scenario.model_validate_json(json.dumps(whole))


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.vantage)
def test_what_was_asked_is_asked_again(asked: Asked) -> None:
    assert running.asked(scenario(running.said(asked, {}), running.scope(asked))) == (asked,)


def test_what_goes_without_saying_is_not_said() -> None:
    assert running.said(ASKED[0], {"ca": "ca.pem"}) == {
        "from": "host",
        "request": {"url": "https://localhost:8443/orders", "ca": "ca.pem"},
    }
    assert running.scope(Asked(("a", 80))) == {}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Asked(("a", 80), url="http://a/", body=b"\xff"), "no text"),
        (Asked(("a", 80), url="http://a/", headers=(("A", "b"), ("A", "c"))), "stands twice"),
    ],
)
def test_what_a_file_has_no_words_for_is_told(asked: Asked, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        running.said(asked, {})


def test_the_plan_of_what_runs_already_starts_nothing() -> None:
    case = Case("x", scenario(running.said(ASKED[0], {}), running.scope(ASKED[0])), None, "x.yaml", ())
    made = plan(case, CATALOGUE, {})
    assert (made.networks, made.namespaces, made.containers, made.probes) == ((), (), (), ())
    assert made.running == (ASKED[0],)
