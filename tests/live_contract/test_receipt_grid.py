"""The grid on a real engine: its cells are those of the real servers and open their evidence; a row that lies is found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.engine.catalogue import load_catalogue
from lab.engine.folder import read_observations
from lab.engine.project import find_project
from lab.judge.grid import Carried, cells
from lab.model.catalogue import Quirk
from lab.model.grid import ASKS, Mark
from lab.report.progress import Mode, Progress
from lab.session import grid as session
from lab.trace import trace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.model.grid import Cell, Row


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, Row]]:
    folder = tmp_path_factory.mktemp("grid")
    done = session.rows(["app", "haproxy"], folder, Progress(Mode.QUIET))
    return folder, {row.server: row for row in done}


def _cells(row: Row) -> Mapping[str, Cell]:
    return {cell.ask: cell for cell in row.cells}


def test_every_cell_has_words_and_evidence_that_is_there(found: tuple[Path, Mapping[str, Row]]) -> None:
    folder, rows = found
    for row in rows.values():
        assert row.error == ""
        assert [cell.ask for cell in row.cells] == [ask.id for ask in ASKS]
        for cell in row.cells:
            if cell.mark is Mark.UNSUPPORTED:
                continue
            assert cell.mark is not Mark.NOT_RUN
            assert cell.evidence, f"{row.server} {cell.ask}"
            for one in cell.evidence:
                file, _, number = one.where.rpartition(":")
                assert (folder / cell.folder / file).is_file(), one.where
                assert int(number) > 0


def test_what_the_servers_are_known_to_do_is_seen(found: tuple[Path, Mapping[str, Row]]) -> None:
    app, haproxy = (_cells(found[1][name]) for name in ("app", "haproxy"))
    assert app["no-host"].words == "400, no handler, closed"
    assert app["slow-head"].words.startswith("408 after 1 s, no handler")
    assert app["slow-body"].words.startswith("408 after 1 s, handler ran")
    assert app["head-then-body"].words == "after the head"
    assert app["pipelined"].words == "2 answers, 2 handlers"
    assert haproxy["no-host"].words.startswith("400 by the application")
    assert haproxy["tls"].words.startswith("200 by the application, handler ran")


def test_memory_was_measured(found: tuple[Path, Mapping[str, Row]]) -> None:
    for row in found[1].values():
        assert {name for name, _ in row.peak_mb} >= {"front", "secure", "strict"}
        assert all(1 < size < 2000 for _, size in row.peak_mb)


def test_a_row_that_declares_what_is_not_so_is_found_out(found: tuple[Path, Mapping[str, Row]]) -> None:
    folder, rows = found
    row = load_catalogue(find_project().images).servers["app"]
    lie = Quirk(says="it asks for no Host", source="nowhere", grid={"no-host": "200"})
    case = folder / rows["app"].folder
    seen = read_observations(case)
    carried = Carried(trace(seen), seen, (), rows["app"].folder)
    lying = cells(row.model_copy(update={"quirks": (lie,)}), carried, lambda _: "")
    assert _cells(rows["app"])["no-host"].mark is Mark.DUE
    assert next(cell for cell in lying if cell.ask == "no-host").mark is Mark.FINDING
