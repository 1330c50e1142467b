"""A request with several receivers: drawn as branches, told in brackets, a row each on the page."""

from __future__ import annotations

from dataclasses import replace

from lab.model.routes import Route, Stage
from lab.report import page, result, telling, terminal
from tests.report.made import case, hop, plain

MIRROR = Route(
    "order", (hop(1, "edge"), hop(2, "shadow", parent=1), hop(3, "cache", parent=1), hop(4, "app", parent=3)), (),
    Stage.ANSWERED, None, "answered",
)  # fmt: skip


def test_a_request_with_two_receivers_is_drawn_as_branches_and_one_after_the_other_as_a_line() -> None:
    lines = [line.plain for line in terminal.draw(MIRROR)]
    at = {name: line.index(name) for line in lines for name in ("edge ·", "shadow ·", "cache ·", "app ·") if name in line}
    assert at == {"edge ·": 4, "shadow ·": 8, "cache ·": 8, "app ·": 8}
    assert [line for line in lines if "├───┐  1 of 2: TLS" in line or "└───┐  2 of 2: TLS" in line] == [lines[5], lines[8]]
    assert lines[6].startswith("      │   ▼  web")
    assert lines[9].startswith("          ▼  web")
    line = replace(MIRROR, hops=tuple(replace(each, parent=each.number - 1 or None) for each in MIRROR.hops))
    assert "of 2" not in plain(terminal.draw(line))
    assert telling.in_short([MIRROR]) == "edge → (shadow, cache → app)"
    assert telling.in_short([line]) == "edge → shadow → cache → app"


def test_the_document_says_behind_which_hop_each_stands() -> None:
    assert [each["parent"] for each in result.probe(MIRROR)["hops"]] == [None, 1, 1, 3]  # type: ignore[attr-defined]


def test_the_page_has_a_row_for_each_branch() -> None:
    text = page.page([replace(case(), routes=(MIRROR,))], "run", {}, {})
    assert text.count('<ol class="route"') == 3
    assert "1 of 2 from hop 1" in text
    assert "2 of 2 from hop 1" in text
    assert page.page([case()], "run", {}, {}).count('<ol class="route"') == 1
