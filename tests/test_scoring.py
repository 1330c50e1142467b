"""The scoring of foreign deployments: right, open, wrong. A score that cannot fail would prove nothing."""

from typing import Any

import pytest

from tests.foreign.scoring import OPEN, RIGHT, WRONG, score


def hop(container: str | None, **more: Any) -> dict[str, Any]:
    return {
        "container": container,
        "process": "nginx",
        "local": "10.0.1.25:8443",
        "asked": "",
        "protocol": "tls",
        "tls": "ended",
    } | more


def told(*hops: dict[str, Any], **more: Any) -> dict[str, Any]:
    ends = [{"container": each["container"]} for each in hops if each["tls"] == "ended"]
    known = {"stage": "answered", "answered_by": "web", "open": [], "stage_open": ""}
    return {"hops": list(hops), "tls_ends_at": ends} | known | more


TRUTH: dict[str, Any] = {
    "route": [{"container": "web", "process": "nginx", "port": 8443, "tls": "ended"}],
    "tls_ends_at": ["web"], "stage": "answered", "answered_by": "web",
}  # fmt: skip


def verdicts(answer: dict[str, Any], truth: dict[str, Any] = TRUTH) -> dict[str, str]:
    return {field.name: field.verdict for field in score(truth, answer) if field.verdict != RIGHT}


def test_the_truth_is_right_in_every_field() -> None:
    assert verdicts(told(hop("web"))) == {}
    assert len(score(TRUTH, told(hop("web")))) == 8


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (told(hop("app")), {"hop1.container": WRONG, "tls_ends_at": WRONG}),
        (told(hop("web", local="10.0.1.25:80")), {"hop1.port": WRONG}),
        (told(hop("web", process=None)), {"hop1.process": OPEN}),
        (told(hop("web"), answered_by=None), {"answered_by": OPEN}),
        (told(hop("web"), stage="rejected"), {"stage": WRONG}),
        (told(hop("web"), hop("app", tls="none")), {"hops": WRONG}),
        (told(), {"hops": WRONG, "tls_ends_at": WRONG}),
        (told(open=["who received hop 1"]), {"hops": OPEN, "tls_ends_at": OPEN}),
        (told(hop("app"), open=["whether it was carried on"]), {"hop1.container": WRONG, "tls_ends_at": WRONG}),
        (told(hop("web", tls=None)), {"hop1.tls": OPEN, "tls_ends_at": OPEN}),
        (told(hop("web", tls="passed through")), {"hop1.tls": WRONG, "tls_ends_at": WRONG}),
    ],
)
def test_what_is_not_the_truth_is_open_or_wrong(answer: dict[str, Any], expected: dict[str, str]) -> None:
    assert verdicts(answer) == expected


def test_open_counts_as_bad_unless_the_truth_allows_it() -> None:
    answer = told(hop("web"), answered_by=None)
    assert [field.name for field in score(TRUTH, answer) if field.bad] == ["answered_by"]
    assert not [field for field in score({**TRUTH, "open": {"answered_by": "two answer alike"}}, answer) if field.bad]


def test_wrong_is_bad_even_where_open_is_allowed() -> None:
    answer = told(hop("web"), answered_by="app")
    assert [field.bad for field in score({**TRUTH, "open": {"answered_by": "..."}}, answer) if field.name == "answered_by"] == [
        True
    ]


def test_a_stage_that_is_said_to_be_the_least_is_open_and_one_that_is_claimed_is_wrong() -> None:
    least = told(hop("web"), stage="rejected", stage_open="who made the answer is not known")
    assert verdicts(least) == {"stage": OPEN}
    assert verdicts(told(hop("web"), stage="rejected")) == {"stage": WRONG}
