"""The grid in the documents is whole, made of its own JSON, and what the catalogue declares is what it shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.engine.catalogue import load_catalogue
from lab.engine.project import find_project
from lab.model.grid import ASKS, Mark
from lab.report.grid_markdown import markdown
from lab.session.grid import servers

PROJECT = find_project(Path(__file__))
CATALOGUE = load_catalogue(PROJECT.images)
DOCUMENT = json.loads((PROJECT.root / "docs" / "grid.json").read_text("utf-8"))
ROWS = {row["server"]: row for row in DOCUMENT["servers"]}


def test_every_server_and_every_probe_is_in_it() -> None:
    assert list(ROWS) == [row.name for row in servers(CATALOGUE, ())]
    assert all(list(row["cells"]) == [ask.id for ask in ASKS] for row in ROWS.values())
    assert [ask["id"] for ask in DOCUMENT["asks"]] == [ask.id for ask in ASKS]


def test_the_page_is_made_of_the_document_beside_it() -> None:
    assert (PROJECT.root / "docs" / "grid.md").read_text("utf-8") == markdown(DOCUMENT)


def test_no_cell_says_only_error_and_each_that_was_asked_has_evidence() -> None:
    for name, row in ROWS.items():
        assert row["version"] not in ("", "unknown"), name
        for ask, cell in row["cells"].items():
            assert cell["mark"] not in (Mark.NOT_RUN, Mark.OPEN), f"{name} {ask}"
            assert "error" not in cell["words"], f"{name} {ask}"
            assert cell["evidence"] or cell["mark"] == Mark.UNSUPPORTED, f"{name} {ask}"
            assert cell["why"] or cell["mark"] != Mark.UNSUPPORTED, f"{name} {ask}"


@pytest.mark.parametrize("name", ROWS)
def test_what_a_row_declares_is_what_the_document_shows(name: str) -> None:
    declared = {ask: words for quirk in CATALOGUE.servers[name].quirks for ask, words in quirk.grid.items()}
    shown = {ask: cell["words"] for ask, cell in ROWS[name]["cells"].items()}
    assert {ask: words for ask, words in declared.items() if words not in shown[ask]} == {}
    marked = {ask for ask, cell in ROWS[name]["cells"].items() if cell["mark"] == Mark.QUIRK}
    assert marked == declared.keys()
