"""The grid told: nothing of a cell is lost on the way to the document, the pages and a comparison; what is shown is escaped."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from rich.console import Console

from lab.cli.grid import exit_code
from lab.model.grid import ASKS, Cell, Grid, Mark, Row
from lab.model.routes import Evidence, Witness
from lab.report.grid import changes, counted, differences, document, tables
from lab.report.grid_markdown import markdown
from lab.report.grid_page import page

PROOF = Evidence(Witness.PACKETS, "packets/web.pcapng:12", "an answer, <400>")
DUE = Cell("no-host", "400, no handler, closed", Mark.DUE, "refused", "RFC", (PROOF,), "run/grid-thing")
CELLS = tuple(replace(DUE, ask=ask.id) for ask in ASKS)
THING = Row("thing", "Thing 1", "proxy", "thing 1.0", "alone", CELLS, (("front", 12.34),), 20.0, "run/grid-thing")
OTHER = replace(THING, server="other")


def grid(*rows: Row) -> Grid:
    return Grid(rows, "6.18", "26.1", 42.0)


def with_cell(row: Row, ask: str, **more: Any) -> Row:
    return replace(row, cells=tuple(replace(cell, **more) if cell.ask == ask else cell for cell in row.cells))


QUIRKY = with_cell(OTHER, "no-host", words="200 | by <app>", mark=Mark.QUIRK, why="it asks for none", source="manual")
FOUND = with_cell(OTHER, "nul", words="200, handler ran, kept", mark=Mark.FINDING, why="due: 400")


def test_every_cell_with_its_evidence_stands_in_the_document_and_it_is_plain_json() -> None:
    told = json.loads(json.dumps(document(grid(THING, QUIRKY))))
    assert told["format"] == "lab-grid/1"
    assert [ask["id"] for ask in told["asks"]] == [ask.id for ask in ASKS]
    first, second = told["servers"]
    assert first["cells"].keys() == {ask.id for ask in ASKS}
    assert first["cells"]["no-host"]["evidence"] == [{"witness": "packets", "where": PROOF.where, "says": PROOF.says}]
    assert (second["cells"]["no-host"]["mark"], first["peak_mb"]) == ("quirk", {"front": 12.3})


def test_the_terminal_puts_servers_together_that_did_the_same_and_marks_who_did_not() -> None:
    console = Console(width=120, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as captured:
        console.print(tables(grid(THING, QUIRKY, replace(FOUND, server="third"))))
    lines = [line for line in captured.get().splitlines() if "no Host" in line or "200 | by <app>" in line]
    assert "thing, third" in lines[0]
    assert "q" in lines[1].split()
    assert "other" in lines[1]


def test_a_finding_is_told_in_full_with_its_place_and_a_quirk_is_not_a_finding() -> None:
    [line] = (text.plain for text in differences(grid(THING, QUIRKY, FOUND)))
    assert line.startswith("finding: other")
    assert PROOF.where in line


def test_markdown_has_a_line_for_each_server_the_ground_of_each_probe_and_no_open_cell() -> None:
    text = markdown(document(grid(THING, QUIRKY)))
    assert "200 \\| by &lt;app>" in text
    assert "no Host, other: quirk. it asks for none (manual)" in text
    assert all(ask.title in text and ask.source in text for ask in ASKS)
    rows = [line for line in text.splitlines() if line.startswith("| other |")]
    assert len(rows) == 1 + len({ask.topic for ask in ASKS})


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if name == "href" and tag == "a"]


def test_the_page_opens_the_evidence_and_escapes_what_it_shows() -> None:
    html = page(document(grid(THING, QUIRKY)))
    links = Links()
    links.feed(html)
    assert set(links.targets) == {"run/grid-thing/packets/web.pcapng"}
    assert "an answer, &lt;400&gt;" in html
    assert "<app>" not in html
    assert "<script" not in html


def test_a_comparison_tells_what_changed_and_nothing_else() -> None:
    before, now = document(grid(THING, OTHER)), document(grid(THING, QUIRKY))
    assert changes(before, before) == []
    assert changes(before, now) == ["other, no-host: 400, no handler, closed (as due) → 200 | by <app> (quirk)"]
    assert changes(document(grid(THING)), now) == ["other: only in the later one"]
    newer = document(grid(replace(THING, version="thing 2.0"), OTHER))
    assert changes(before, newer) == ["thing: version thing 1.0 → thing 2.0"]


def test_the_exit_code_is_that_of_the_worst_cell() -> None:
    assert exit_code(grid(THING, QUIRKY)) == 0
    assert exit_code(grid(THING, FOUND)) == 1
    assert exit_code(grid(with_cell(THING, "nul", mark=Mark.OPEN))) == 1
    assert exit_code(grid(with_cell(THING, "nul", mark=Mark.NOT_RUN), FOUND)) == 3
    assert exit_code(grid(replace(THING, error="it does not start", cells=()))) == 3


def test_the_last_line_counts_every_mark() -> None:
    assert counted(grid(THING, FOUND)).startswith(f"2 servers, {2 * len(ASKS)} cells: {2 * len(ASKS) - 1} as due, 1 finding")
