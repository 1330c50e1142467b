"""What people and programs read: the drawing, the document, the page, the progress lines."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lab.model.routes import Evidence, Hop, Route, Stage, TlsAtHop, TlsEnd, Witness
from lab.model.verdicts import CaseResult, Outcome, Verdict
from lab.report import ci, page, result, telling, terminal
from lab.report.progress import Mode, Progress

PACKET = Evidence(Witness.PACKETS, "packets/web.pcapng:12", "ClientHello, SNI shop.example")
KERNEL = Evidence(Witness.KERNEL, "kernel.jsonl:7", "nginx read 517 bytes")


def hop(number: int, container: str | None, **more: object) -> Hop:
    values: dict[str, object] = {
        "number": number,
        "transport": "tcp",
        "local": "10.0.0.2:8443",
        "peer": "10.0.0.3:40000",
        "asked": "10.0.0.2:8443",
        "container": container,
        "namespace": "web",
        "interface": "eth0",
        "listener": "0.0.0.0:8443",
        "process": "nginx",
        "pid": 7,
        "host_pid": 4007,
        "protocol": "tls",
        "tls": TlsAtHop.ENDED,
        "sni": "shop.example",
        "evidence": (PACKET, KERNEL),
    }
    return Hop(**{**values, **more})  # type: ignore[arg-type]


def case(outcome: Outcome = Outcome.PASS, title: str = "nginx ends TLS") -> CaseResult:
    refused = hop(2, None, local=None, listener=None, process=None, pid=None, protocol=None, tls=None, sni=None, received=False)
    end = TlsEnd(1, "proxy", "nginx", 7, "10.0.0.2", 8443, (PACKET,))
    route = Route("order", (hop(1, "proxy"), refused), (end,), Stage.REFUSED, False, "stopped at refused", status=502)
    verdict = Verdict("order.route", outcome, "it travels", "proxy → app", "proxy → nobody", ("packets",), (PACKET,), "why")
    return CaseResult(
        "s.nginx", "s", title, ("C16",), outcome, 1.25, (verdict,), (route,), "scenarios/s.yaml", (("order.route", 9),)
    )


def plain(lines: object) -> str:
    return "\n".join(line.plain for line in lines)  # type: ignore[attr-defined]


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


class References(HTMLParser):
    """Everything that would make a browser load or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        elsewhere = tag == "a" and any(mark in (given.get("href") or "") for mark in (":", "//", ".."))
        loads = tag in ("script", "img", "link", "iframe") or given.keys() & {"src", "onclick", "onload", "style"}
        if loads or elsewhere or ("href" in given and tag != "a"):
            self.found.append(tag)


def test_the_page_escapes_loads_nothing_and_is_the_same_twice() -> None:
    hostile = case(title='<script>alert(1)</script>" onload="x')
    html = page.page([hostile], "run", {"kernel": "6"}, {})
    seen = References()
    seen.feed(html)
    assert seen.found == []
    assert "&lt;script&gt;" in html
    assert html == page.page([hostile], "run", {"kernel": "6"}, {})
    seen.feed("<img src=x><a href='https://a'>")
    assert seen.found == ["img", "a"]


def test_the_page_says_what_was_readable_of_each_hop() -> None:
    html = page.page([case()], "run", {}, {})
    assert "encrypted" in html
    assert "in clear" not in html
    clear = replace(case(), routes=(replace(case().routes[0], hops=(hop(1, "app", protocol="http/1.1", clear=True),)),))
    assert "in clear" in page.page([clear], "run", {}, {})


def test_the_page_heads_a_scenario_once_and_opens_what_did_not_pass() -> None:
    twin = replace(case(), case="s.nginx~t", title="nginx ends TLS — broken: it passes through")
    html = page.page([case(), twin, replace(case(Outcome.FAIL), case="s.envoy")], "run", {}, {})
    assert html.count("<h2") == 1
    assert "twin: it passes through" in html
    assert html.count("<details open") == 1
    assert 'aria-labelledby="scenario-s"' in html


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
