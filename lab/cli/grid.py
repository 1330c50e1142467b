"""`lab grid`: the same probes against every server, in one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli.options import FAILED, LAB_ERROR, OK, ProgressOption
from lab.report.progress import Mode

if TYPE_CHECKING:
    from lab.model.grid import Grid

Servers = Annotated[list[str] | None, typer.Option("--server", help="Only this server; may be given again.", metavar="NAME")]
Compare = Annotated[
    Path | None, typer.Option("--compare", help="Tell what differs from an earlier grid's JSON.", metavar="OLD.json")
]
Write = Annotated[
    Path | None, typer.Option("--write", help="Write the Markdown here, and the JSON beside it.", metavar="FILE.md")
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write the document lab-grid/1 to FILE; - is standard output.", metavar="FILE")
]


def grid(
    server: Servers = None,
    compare: Compare = None,
    write: Write = None,
    json_file: JsonFile = None,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Show what every server makes of the same requests.

    Who answers what to each fault, whether a handler runs, when, what becomes of the connection. A folder of runs/ keeps the
    evidence of every cell, and the table as JSON, Markdown and HTML.

    Example: lab grid --server nginx
    """
    from lab.cli.screen import show
    from lab.report import grid as report

    earlier = _read(compare) if compare else None
    folder, made = _carried_out(server or [], progress)
    document = report.document(made)
    _write(document, folder, write, json_file)
    err = str(json_file) == "-"
    _tables(made, err=err)
    show(report.differences(made), err=err)
    if earlier is not None:
        show(_lines(report.changes(earlier, document) or [f"nothing differs from {compare}"]), err=err)
    show(_lines([report.counted(made), f"evidence in {_shown(folder)}, for a browser in its grid.html"]), err=err)
    raise typer.Exit(exit_code(made))


def _carried_out(names: list[str], progress: Mode) -> tuple[Path, Grid]:
    import time

    from lab.report.progress import Progress
    from lab.session import grid as session

    begun, told = time.monotonic(), Progress(progress)
    folder = session.begin(names)
    done = []
    try:
        for row in session.rows(names, folder, told):
            done.append(row)
            told.note(f"{row.server}: {row.error or f'{len(row.cells)} cells'}, {row.seconds:.0f} s")
    finally:
        told.close()
    return folder, session.grid(done, time.monotonic() - begun)


def _read(path: Path) -> dict[str, Any]:
    from lab.report.grid import FORMAT
    from lab.session import UsageError

    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--compare {path}: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UsageError(f"--compare {path}: a document {FORMAT} is wanted, as `lab grid --json FILE` writes it")
    return found


def _write(document: dict[str, Any], folder: Path, write: Path | None, json_file: Path | None) -> None:
    from lab.cli.screen import write_json
    from lab.report.grid_markdown import markdown
    from lab.report.grid_page import page

    write_json(document, folder / "grid.json")
    (folder / "grid.md").write_text(markdown(document), "utf-8")
    (folder / "grid.html").write_text(page(document), "utf-8")
    if json_file:
        write_json(document, json_file)
    if write:
        write.write_text(markdown(document), "utf-8")
        write_json(document, write.with_suffix(".json"))


def _tables(made: Grid, *, err: bool) -> None:
    import os

    from rich.console import Console

    from lab.report.grid import LEGEND, tables

    console = Console(stderr=err, color_system=None if os.environ.get("NO_COLOR") else "auto")
    console.print(tables(made))
    console.print(LEGEND, style="dim", highlight=False)


def _lines(lines: list[str]) -> Any:
    from rich.text import Text

    return [Text(line) for line in lines]


def _shown(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def exit_code(made: Grid) -> int:
    """3 if a server could not be asked, 1 if anything is a finding or not known, else 0."""
    from lab.model.grid import Mark

    marks = {cell.mark for row in made.rows for cell in row.cells}
    if any(row.error for row in made.rows) or Mark.NOT_RUN in marks:
        return LAB_ERROR
    return FAILED if marks & {Mark.FINDING, Mark.OPEN} else OK


def register(app: typer.Typer) -> None:
    app.command()(grid)
