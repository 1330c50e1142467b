"""The grid told: for people on a terminal, and as the document `lab-grid/1` for programs.

Rule: every cell shows its words and its mark, and names where its evidence lies. A mark has a sign beside the words, so it can
be read without colour: nothing for what is due or free, `q` for a quirk, `!` for a finding, `?` for what is not known.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lab.model.grid import ASKS, BY_ID, TOPICS, Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from lab.model.grid import Ask, Cell, Grid, Row

FORMAT = "lab-grid/1"
SIGNS = {Mark.QUIRK: "q", Mark.FINDING: "!", Mark.OPEN: "?", Mark.NOT_RUN: "–"}
STYLES = {Mark.QUIRK: "blue", Mark.FINDING: "red", Mark.OPEN: "yellow", Mark.UNSUPPORTED: "dim", Mark.NOT_RUN: "red"}
MEANING = {
    Mark.QUIRK: "declared by the server's row, with its source",
    Mark.FINDING: "neither due nor declared",
    Mark.OPEN: "no witness could tell",
    Mark.NOT_RUN: "or not asked",
}
LEGEND = " · ".join(f"{SIGNS[mark]}: {mark}, {words}" for mark, words in MEANING.items())
FEW = 2
"""Places of evidence shown beside a cell; all of them stand in the document."""


def document(grid: Grid) -> dict[str, Any]:
    """The whole grid, ready for JSON."""
    return {
        "format": FORMAT,
        "kernel": grid.kernel,
        "engine": grid.engine,
        "seconds": round(grid.seconds, 1),
        "asks": [asdict(ask) for ask in ASKS],
        "servers": [_row(row) for row in grid.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    told = asdict(row)
    told["seconds"] = round(row.seconds, 1)
    told["peak_mb"] = {name: round(size, 1) for name, size in row.peak_mb}
    told["cells"] = {cell["ask"]: _cell(cell) for cell in told["cells"]}
    return told


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    evidence = [{"witness": str(one["witness"]), "where": one["where"], "says": one["says"]} for one in cell["evidence"]]
    return {**{key: value for key, value in cell.items() if key != "ask"}, "mark": str(cell["mark"]), "evidence": evidence}


def by_topic() -> Iterator[tuple[str, list[Ask]]]:
    """The asks in their order, topic by topic."""
    for topic in TOPICS:
        yield topic, [ask for ask in ASKS if ask.topic == topic]


def tables(grid: Grid) -> Group:
    """For a terminal: for each topic a table of probes, what came of each, and which servers it was that way with."""
    parts: list[RenderableType] = []
    for topic, asks in by_topic():
        parts += [_table(grid.rows, topic, asks), Text()]
    return Group(*parts)


def _table(rows: Sequence[Row], topic: str, asks: Sequence[Ask]) -> Table:
    table = Table(title=topic, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("probe", style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("what came of it")
    table.add_column("servers")
    for ask in asks:
        table.add_section()
        for number, (cell, servers) in enumerate(_alike(rows, ask)):
            style = STYLES.get(cell.mark, "")
            said = Text(cell.words, style=style), Text(", ".join(servers), style=style)
            table.add_row("" if number else ask.title, Text(SIGNS.get(cell.mark, ""), style=style), *said)
    return table


def _alike(rows: Sequence[Row], ask: Ask) -> Iterator[tuple[Cell, list[str]]]:
    """Each cell that differs from the others in words or mark, and the servers that have it; the most common first."""
    found: dict[tuple[str, Mark], tuple[Cell, list[str]]] = {}
    for row in rows:
        for cell in (one for one in row.cells if one.ask == ask.id):
            found.setdefault((cell.words, cell.mark), (cell, []))[1].append(row.server)
    yield from sorted(found.values(), key=lambda each: -len(each[1]))


def differences(grid: Grid) -> Iterator[Text]:
    """Findings and what is not known, each with where it can be looked up."""
    for row in grid.rows:
        if row.error:
            yield Text(f"{row.server}: {row.error}", style="red")
        for cell in row.cells:
            if cell.mark in (Mark.FINDING, Mark.OPEN):
                yield _difference(row, cell)


def _difference(row: Row, cell: Cell) -> Text:
    where = f"   {cell.folder}: {', '.join(places(cell))}"
    style = STYLES[cell.mark]
    title = BY_ID[cell.ask].title
    return Text.assemble(
        (f"{cell.mark}: ", style), (row.server, "bold"), f", {title}: {cell.words} ({cell.why})", (where, "dim")
    )


def places(cell: Cell) -> list[str]:
    """The first places of a cell's evidence."""
    return list(dict.fromkeys(one.where for one in cell.evidence))[:FEW]


def counted(grid: Grid) -> str:
    """The last line."""
    marks = [cell.mark for row in grid.rows for cell in row.cells]
    told = ", ".join(f"{marks.count(mark)} {mark}" for mark in Mark if mark in marks)
    servers = f"{len(grid.rows)} server{'' if len(grid.rows) == 1 else 's'}"
    return f"{servers}, {len(marks)} cells: {told}; {grid.seconds:.0f} s"


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two documents, one line a cell; servers that only one of them has are told."""
    old, new = ({row["server"]: row for row in each["servers"]} for each in (before, now))
    lines = [f"{name}: only in the {'earlier' if name in old else 'later'} one" for name in sorted(old.keys() ^ new.keys())]
    for name in sorted(old.keys() & new.keys()):
        if old[name]["version"] != new[name]["version"]:
            lines.append(f"{name}: version {old[name]['version']} → {new[name]['version']}")
        lines += _changed(name, old[name]["cells"], new[name]["cells"])
    return lines


def _changed(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for ask in [*new, *(each for each in old if each not in new)]:
        was, is_now = (_told(each.get(ask)) for each in (old, new))
        if was != is_now:
            yield f"{name}, {ask}: {was} → {is_now}"


def _told(cell: Mapping[str, Any] | None) -> str:
    return "not asked" if cell is None else f"{cell['words']} ({cell['mark']})"
