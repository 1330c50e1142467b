"""A run told as it goes: how much of what passed, all of what did not, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.model.routes import Evidence, Hop, Route, Stage, TlsAtHop, TlsEnd, Witness
from lab.model.verdicts import CaseResult, Outcome, Verdict
from lab.report.telling import Detail, summary, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.text import Text

HELLO = Evidence(Witness.PACKETS, "packets/web.pcapng:12", "ClientHello, SNI shop.example")
READ = Evidence(Witness.KERNEL, "kernel.jsonl:7", "host pid 4007 read 517 bytes")
LEAF = Evidence(Witness.CERTIFICATES, "client.jsonl:1", "the client accepted leaf ab, whose key proxy holds")
ROW = Evidence(Witness.SOCKETS, "sockets.jsonl:2", "LISTEN on 0.0.0.0:8443")

HOP = Hop(
    1, "tcp", "10.0.0.2:8443", "10.0.0.3:40000", "10.0.0.2:8443", "proxy", "web", "eth0", "0.0.0.0:8443", "nginx", 7, 4007,
    protocol="tls", tls=TlsAtHop.ENDED, sni="shop.example", stage=Stage.ANSWERED, evidence=(HELLO, READ),
)  # fmt: skip
END = TlsEnd(1, "proxy", "nginx", 7, "10.0.0.2", 8443, (HELLO,))
ROUTE = Route("order", (HOP,), (END,), Stage.ANSWERED, True, "reached dispatch in nginx (pid 7) of proxy", status=200)


def verdict(check: str, outcome: Outcome = Outcome.PASS, **more: object) -> Verdict:
    values: dict[str, object] = {"expected": "proxy", "actual": "proxy", "why": ""}
    values |= {"witnesses": ("packets", "kernel"), "evidence": (HELLO, READ, LEAF, ROW)}
    return Verdict(check, outcome, f"{check} is as it should be", **(values | more))  # type: ignore[arg-type]


WRONG = verdict("order.tls_ends_at", Outcome.FAIL, expected="app", why="expected app, but found proxy")


def case(name: str, *verdicts: Verdict, **more: object) -> CaseResult:
    scenario = name.partition(".")[0].partition("~")[0]
    outcome = next((v.outcome for v in verdicts if v.outcome is not Outcome.PASS), Outcome.PASS)
    values: dict[str, object] = {"outcome": outcome, "routes": (ROUTE,), "folder": name, "error": ""}
    values |= {"title": "nginx ends TLS" + (" — broken: it passes through" if "~" in name else "")}
    made = CaseResult(name, scenario, "", (), Outcome.PASS, 1.25, verdicts or (verdict("order.route"),), ())
    return replace(made, **(values | more))  # type: ignore[arg-type]


def plain(lines: Iterable[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def lines(*results: CaseResult, detail: Detail = Detail.BRIEF, fold: bool = True) -> list[str]:
    return plain(told(results, detail, "runs/x", fold=fold)).split("\n")


def test_many_cases_take_a_line_each_under_their_scenario() -> None:
    assert lines(case("s.nginx"), case("s.nginx~t"), case("s.envoy"), case("s.envoy~t"), case("other")) == [
        "s  nginx ends TLS",
        "  ✓ PASS  nginx     proxy, TLS ends at proxy  1 check, 1.2 s",
        "  ✓ PASS  envoy     proxy, TLS ends at proxy  1 check, 1.2 s",
        "  ✓ PASS  2 twins caught: t",
        "other  nginx ends TLS",
        "  ✓ PASS  proxy, TLS ends at proxy  1 check, 1.2 s",
    ]


def test_several_probes_are_counted_by_how_far_they_got() -> None:
    refused = replace(ROUTE, probe="two", stage=Stage.REFUSED)
    held = replace(ROUTE, moment="held")
    assert "2 probes: 1 answered, 1 refused" in lines(case("s", routes=(ROUTE, held, refused)))[1]
    assert "2 probes, all answered" in lines(case("s", routes=(ROUTE, replace(ROUTE, probe="two"))))[1]
    assert "1 probe, answered" in lines(case("s", routes=(held, ROUTE)))[1]


def test_one_scenario_has_its_routes_drawn_and_the_places_of_its_evidence() -> None:
    text = "\n".join(lines(case("s"), case("s~t"), detail=Detail.ROUTES))
    assert "proxy · nginx · pid 7  TLS ends here" in text
    assert "order.route is as it should be  packets/web.pcapng:12, kernel.jsonl:7, client.jsonl:1, and 1 more" in text
    assert "ClientHello, SNI" not in text
    assert "  ✓ PASS  1 twin caught: t" in text


def test_evidence_is_quoted_on_demand_and_nothing_is_folded() -> None:
    text = "\n".join(lines(case("s"), case("s~t"), detail=Detail.EVIDENCE))
    assert text.count("packets/web.pcapng:12  ClientHello, SNI shop.example") == 2
    assert "broken: it passes through" in text
    assert "caught" not in text


def test_a_twin_asked_for_by_name_is_drawn() -> None:
    assert any("proxy · nginx" in line for line in lines(case("s~t"), detail=Detail.ROUTES, fold=False))


@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("name", ["s.nginx", "s.nginx~t"])
def test_what_does_not_hold_is_told_in_full_whatever_was_asked_for(detail: Detail, name: str) -> None:
    text = "\n".join(lines(case(name, verdict("order.route"), WRONG), detail=detail))
    head, first = text.split("\n")[1:3]
    assert head == f"  ✗ FAIL  {name}  1 of 2 checks hold, 1.2 s"
    assert first == f"    what was seen lies in runs/x/{name}"
    for words in ("expected app", "actual   proxy", "why      so say packets, kernel:", LEAF.says, "proxy · nginx · pid 7"):
        assert words in text
    assert "order.route is as" not in text
    assert f"what holds besides, with its evidence: lab judge runs/x/{name} --evidence" in text


def test_only_routes_that_a_failing_check_speaks_of_are_drawn_with_it() -> None:
    other = replace(ROUTE, probe="other")
    text = "\n".join(lines(case("s", WRONG, routes=(ROUTE, other))))
    assert "probe order" in text
    assert "probe other" not in text
    unplanned = verdict("twin.others", Outcome.FAIL)
    assert "probe other" in "\n".join(lines(case("s~t", unplanned, routes=(ROUTE, other))))


def test_an_error_of_the_lab_is_told_with_its_next_move() -> None:
    error = "container app ended with exit code 7\n    no database\nNext: mend it"
    text = lines(replace(case("s", outcome=Outcome.LAB_ERROR, routes=(), error=error), verdicts=()))
    assert text[1:6] == [
        "  ! LAB_ERROR  s  1.2 s",
        "    what was seen lies in runs/x/s",
        "    container app ended with exit code 7",
        "        no database",
        "    Next: mend it",
    ]


def test_inconclusive_says_why_and_not_who() -> None:
    unknown = verdict("order.dispatched", Outcome.INCONCLUSIVE, actual=None, expected=True, why="no witness could tell")
    text = "\n".join(lines(case("s", unknown)))
    for words in ("? INCONCLUSIVE", "expected yes", "actual   not known", "why      no witness could tell"):
        assert words in text


def test_what_a_server_cannot_do_is_a_line() -> None:
    cannot = case("s.nginx", outcome=Outcome.UNSUPPORTED, error="nginx does not route by path", routes=())
    assert "– UNSUPPORTED  nginx     nginx does not route by path" in lines(cannot, detail=Detail.ROUTES)[1]


def test_checks_that_hold_of_one_hop_are_one_line() -> None:
    hops = [verdict(f"order.hop{number}.{key}") for number in (1, 2) for key in ("process", "tls")]
    text = "\n".join(lines(case("s", *hops), detail=Detail.ROUTES))
    assert "order: hop 1 has process proxy, tls proxy  packets/web.pcapng:12" in text
    assert "order: hop 2 has process proxy, tls proxy" in text
    failed = lines(case("s", hops[0], replace(hops[1], outcome=Outcome.FAIL)), detail=Detail.ROUTES)
    assert any("order.hop1.tls is as it should be" in line for line in failed)


def test_the_summary_repeats_reasons_only_where_there_are_several_cases() -> None:
    bad = case("s", WRONG)
    assert "FAIL  s: order.tls_ends_at: expected app, but found proxy" in plain(summary([case("t"), bad], 3.0, "runs/x"))
    assert "order.tls_ends_at" not in plain(summary([bad], 3.0, "runs/x"))
    assert "the verdict again, from the evidence alone: .venv/bin/lab judge runs/x" in plain(
        summary([bad], 3.0, "runs/x", ".venv/bin/lab")
    )
