"""What the contract holds against a server: each check beside the fault that it must find."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.judge.contract import of_life, of_refusals, of_reports
from lab.model.catalogue import Quirk, Server
from lab.model.contract import Asked, Checked, Life
from lab.model.observations import AppEvent, ClientReport, Inventory, Observations
from lab.model.verdicts import Outcome, Verdict

TOKEN, OTHER = "5f3a9c01", "ff"
SENT = b"POST /orders?a=b HTTP/1.1\r\nHost: shop.example\r\n\r\n7 bytes"
BODY = b'{"app": "thing", "method": "POST", "target": "/orders?a=b", "body_bytes": 7}'
CLIENT = ClientReport(
    1, "post", TOKEN, "client", ("web", 80), 1000, 9000, None, None, SENT, None, 200, "1.1", (), BODY, None
)  # fmt: skip
EVENT = AppEvent(
    "logs/server.log", 3, 5000, "server", "dispatched", None, None, TOKEN, "POST", "/orders?a=b", "", 1
)  # fmt: skip
LIFE = Life("10001:10001", True, "thing 1", 0.1, Checked(0, ()), Checked(1, ("no",)), 50.0, 9.0, 100.0)
ROW = Server(name="thing", title="Thing", role="application")


def failed(verdicts: tuple[Verdict, ...]) -> set[str]:
    return {verdict.id for verdict in verdicts if verdict.outcome is not Outcome.PASS}


def reported(*events: AppEvent, **client: Any) -> set[str]:
    seen = Observations(Inventory((), ()), clients=(replace(CLIENT, **client),), application=events)
    return failed(of_reports("case", seen))


def test_one_true_report_is_what_is_wanted() -> None:
    assert reported(EVENT) == set()


@pytest.mark.parametrize(
    ("events", "faults"),
    [
        ((), {"case.post.reports", "case.post.in-time"}),
        ((EVENT, EVENT), {"case.post.reports", "case.post.in-time"}),
        ((replace(EVENT, token=OTHER),), {"case.post.reports", "case.post.in-time"}),
        ((replace(EVENT, event="parsed"),), {"case.post.reports", "case.post.in-time"}),
        ((replace(EVENT, method="GET"),), {"case.post.reports"}),
        ((replace(EVENT, target="/orders"),), {"case.post.reports"}),
        ((replace(EVENT, time_ns=999),), {"case.post.in-time"}),
        ((replace(EVENT, time_ns=9001),), {"case.post.in-time"}),
    ],
)
def test_a_false_report_is_found_out(events: tuple[AppEvent, ...], faults: set[str]) -> None:
    assert reported(*events) == faults


@pytest.mark.parametrize("body", [b"hello", b"[]", b'{"app": "x"}', BODY.replace(b"7", b"6"), BODY.replace(b"POST", b"GET")])
def test_an_answer_that_is_not_as_agreed_is_found_out(body: bytes) -> None:
    assert reported(EVENT, body=body) == {"case.post.body"}


def test_a_probe_that_could_not_be_sent_fails_and_is_no_error() -> None:
    assert reported(sent=b"", body=b"") == {"case.post.reports", "case.post.in-time", "case.post.body"}


def test_a_good_life_passes() -> None:
    assert failed(of_life(ROW, LIFE)) == set()
    assert failed(of_life(ROW, replace(LIFE, good=None, broken=None))) == set()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"user": "0:0"}, "user"),
        ({"user": ""}, "user"),
        ({"read_only": False}, "read-only"),
        ({"version": "unknown"}, "version"),
        ({"version": ""}, "version"),
        ({"end_seconds": None}, "end"),
        ({"start_ms": None}, "return"),
        ({"good": Checked(1, ("why",))}, "check-good"),
        ({"broken": Checked(0, ())}, "check-broken"),
    ],
)
def test_each_fault_of_a_life_is_found(change: dict[str, Any], fault: str) -> None:
    assert failed(of_life(ROW, replace(LIFE, **change))) == {fault}


def test_a_root_that_is_not_read_only_needs_a_reason() -> None:
    row = ROW.model_copy(update={"quirks": (Quirk(says="It is not read-only, because it writes.", source="measured"),)})
    assert failed(of_life(row, replace(LIFE, read_only=False))) == set()


def test_what_is_not_refused_is_found() -> None:
    assert of_refusals([Asked("routes", "sends nothing on")]).outcome is Outcome.PASS
    verdict = of_refusals([Asked("routes", "sends nothing on"), Asked("tls: ended", None)])
    assert (verdict.outcome, verdict.actual) == (Outcome.FAIL, ["tls: ended"])
