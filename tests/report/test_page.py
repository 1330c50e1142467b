"""The page of a run: it loads nothing, says what the terminal says, and leads to the evidence."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from lab.model.routes import Contradiction, Counts, Stage, StreamTold
from lab.model.verdicts import Outcome
from lab.report import page
from tests.report.made import KERNEL, PACKET, case, hop

if TYPE_CHECKING:
    from lab.model.verdicts import CaseResult


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


def shown(*results: CaseResult) -> str:
    return page.page(results, "run", {}, {})


def with_route(**more: object) -> CaseResult:
    return replace(case(), routes=(replace(case().routes[0], **more),))  # type: ignore[arg-type]


def test_evidence_is_a_link_into_the_folder_of_its_case() -> None:
    link = '<a href="s.nginx/packets/web.pcapng">packets/web.pcapng:12</a>'
    assert link in shown(replace(case(), folder="s.nginx"))
    assert "<a href" not in shown(case())


def test_a_receiver_that_is_not_known_is_not_said_to_be_nobody() -> None:
    html = shown(with_route(hops=(hop(1, None, received=None),)))
    assert "not known by whom" in html
    assert "nobody" not in html.partition("<main>")[2]
    assert "<b>nobody</b>" in shown(with_route(hops=(hop(1, None, received=False),)))


def test_streams_counts_and_contradictions_are_told() -> None:
    stream = StreamTold("held", 3, Stage.PARSED, False)
    html = shown(
        with_route(
            moment="now",
            streams=(stream,),
            counts=Counts(requests=2),
            contradictions=(Contradiction("dispatch", PACKET, KERNEL),),
        )
    )
    for words in (
        "stream 3 <b>held</b>",
        "2 requests",
        "witnesses contradict each other about dispatch: packets/web.pcapng:12 (",
        "order at now",
    ):
        assert words in html


def test_what_did_not_pass_is_named_at_the_head_and_stands_first_in_its_case() -> None:
    failed = replace(case(Outcome.FAIL).verdicts[0], id="order.stage", says="it gets far")
    wrong = replace(case(Outcome.FAIL), case="s.envoy", verdicts=(*case().verdicts, failed))
    html = shown(case(), wrong)
    nav = html.partition("<nav")[2].partition("</nav>")[0]
    assert '<a href="#s.envoy">' in nav
    assert "s.nginx" not in nav
    assert html.rindex("it gets far") < html.rindex("it travels")
    assert "<nav" not in shown(case(), replace(case(), case="s.envoy"))


def test_the_style_is_not_escaped() -> None:
    assert "section > details" in shown(case())
