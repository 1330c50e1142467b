"""`lab trace --save`: the file says what was asked and what was found, and its own loader takes it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lab.model.asked import Asked, Scope
from lab.model.routes import Contradiction
from lab.plan import running
from lab.scenario import load
from lab.session import UsageError, saving
from tests.judge.test_certain import ROUTE, SEEN, STATUS
from tests.scenario.shop import CATALOGUE

ASKED = Asked(("localhost", 8443), url="https://localhost:8443/orders?a=1&b=#x", scope=Scope("shop"), verify=False)
NOTHING: dict[str, Path | None] = {}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "scenarios").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_asks_the_same_and_expects_what_was_found(here: Path) -> None:
    saved = saving.save(saving.prepare("shop-orders", ASKED, NOTHING), replace(ROUTE, open_questions=("who\nknows",)))
    path = here / "scenarios/shop-orders.yaml"
    assert (saved.shown, saved.name, saved.checks) == ("scenarios/shop-orders.yaml", "shop-orders", 14)
    text = path.read_text("utf-8")
    assert "# left open: dispatched: who knows\n" in text
    [case] = load(text, "scenarios/shop-orders.yaml", CATALOGUE, {})
    assert running.asked(case.scenario) == (replace(ASKED, probe="request"),)
    assert case.scenario.title == "GET https://localhost:8443/orders?a=1&b=#x: proxy → app, TLS ends at proxy"
    assert {check for check, _ in case.check_lines} >= {"request.route", "request.tls_ends_at", "request.hop1.process"}


def test_a_path_is_taken_as_it_is_and_files_are_named_from_there(here: Path) -> None:
    (here / "checks").mkdir()
    files: dict[str, Path | None] = {"ca": Path("tls/ca.pem"), "certificate": None}
    saved = saving.save(saving.prepare("checks/orders.yaml", ASKED, files), ROUTE)
    assert saved.name == "checks/orders.yaml"
    [case] = load((here / "checks/orders.yaml").read_text("utf-8"), "checks/orders.yaml", CATALOGUE, {})
    request = case.scenario.probes["request"].request
    assert request is not None
    assert request.ca == os.path.join("..", "tls", "ca.pem")  # noqa: PTH118 - as it is written


def test_exact_bytes_survive() -> None:
    asked = Asked(("127.0.0.1", 80), send=bytes(range(256)), marked=False)
    saved = saving.save(saving.prepare("raw", asked, NOTHING), ROUTE)
    [case] = load(Path(saved.shown).read_text("utf-8"), saved.shown, CATALOGUE, {})
    assert running.asked(case.scenario)[0].send == bytes(range(256))


@pytest.mark.parametrize(
    ("name", "asked", "why"),
    [
        ("Shop Orders", ASKED, "lower case letters"),
        ("there", ASKED, "is there already"),
        ("nowhere/x.yaml", ASKED, "there is no folder"),
        ("x", replace(ASKED, headers=(("A", "b"), ("A", "c"))), "a header stands twice"),
        ("x", replace(ASKED, url="https://a@localhost:8443/"), "more than a host and a port"),
    ],
)
def test_what_cannot_be_saved_is_told_before_anything_is_sent(here: Path, name: str, asked: Asked, why: str) -> None:
    (here / "scenarios/there.yaml").touch()
    with pytest.raises(UsageError, match=why):
        saving.prepare(name, asked, NOTHING)


def test_where_nothing_is_certain_nothing_is_written(here: Path) -> None:
    where = saving.prepare("x", ASKED, NOTHING)
    with pytest.raises(UsageError, match="nothing was saved"):
        saving.save(where, replace(ROUTE, contradictions=(Contradiction("who", SEEN[0], STATUS),)))
    assert not (here / "scenarios/x.yaml").exists()


def test_a_header_that_may_be_a_secret_is_named() -> None:
    assert saving.secret_headers(replace(ASKED, headers=(("Accept", "x"), ("Authorization", "Bearer y")))) == ("Authorization",)
