"""`lab run` and `lab judge`: carry out and judge, or judge again what was carried out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import FAILED, LAB_ERROR, OK, Names, ProgressOption
from lab.report.progress import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.text import Text

    from lab.model.verdicts import CaseResult

JsonFile = Annotated[
    Path | None,
    typer.Option("--json", help="Write the document lab-result/1 to FILE; - is standard output.", metavar="FILE"),
]
Timeline = Annotated[
    bool, typer.Option("--timeline", help="Show for each probe all that its witnesses saw, in the order of time.")
]
Quiet = Annotated[bool, typer.Option("--brief", help="One line a case; routes and evidence only for what did not pass.")]


def run(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    names: Names = None,
    json_file: JsonFile = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a case that did not pass running, and say how to look.")] = False,
    twins: Annotated[bool, typer.Option("--twins/--no-twins", help="Also run the broken twins.")] = True,
    brief: Quiet = False,
    timeline: Timeline = False,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Bring scenarios up, send their probes, prove what became of them, and take everything down.

    Example: lab run tls-ends-in-proxy
    """
    from lab import session
    from lab.report import terminal

    with session.started(names or (), progress, keep=keep, twins=twins) as work:
        for result in work.results():
            _show(_told(result, brief, timeline), json_file)
    _finish(work.done, json_file, work.document(), lambda: terminal.summary(work.done, work.seconds, work.shown_folder))


def judge(
    folder: Annotated[Path, typer.Argument(help="A run folder, or one case's folder in it.", metavar="RUN")] = Path(
        "runs/latest"
    ),
    json_file: JsonFile = None,
    brief: Quiet = False,
    timeline: Timeline = False,
) -> None:
    """Judge an old run again, from its evidence alone: no engine is asked.

    Example: lab judge runs/latest
    """
    from lab import session
    from lab.report import terminal
    from lab.session import tracing

    if tracing.is_trace(folder):
        from lab.cli.tracing import show

        raise typer.Exit(show(tracing.told_again(folder), json_file))
    results = session.judge_again(folder)
    for result in results:
        _show(_told(result, brief, timeline), json_file)
    _finish(results, json_file, session.document_again(folder, results), lambda: terminal.summary(results, 0.0, str(folder)))


def _told(result: CaseResult, brief: bool, timeline: bool) -> Iterable[Text]:
    from lab.report import terminal

    if brief and not timeline and str(result.outcome) in ("PASS", "UNSUPPORTED"):
        return [terminal.headline(result)]
    return terminal.case(result, timeline=timeline)


def _show(lines: Iterable[Text], json_file: Path | None) -> None:
    from lab.cli.screen import show

    show(lines, err=str(json_file) == "-")


def _finish(
    results: Sequence[CaseResult], json_file: Path | None, document: object, last: Callable[[], Iterable[Text]]
) -> None:
    from lab.cli.screen import write_json

    if json_file:
        write_json(document, json_file)
    _show(last(), json_file)
    _tell_ci(results, json_file)
    raise typer.Exit(exit_code(results))


def _tell_ci(results: Sequence[CaseResult], json_file: Path | None) -> None:
    """Annotations and a step summary, where a CI service says that it reads them."""
    from lab.report import ci

    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in ci.commands(results):
            typer.echo(line, err=str(json_file) == "-")
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(ci.summary(results))


def exit_code(results: Sequence[CaseResult]) -> int:
    """3 if the lab failed anywhere, else 1 if anything does not hold or is not known, else 0."""
    outcomes = {str(result.outcome) for result in results}
    if "LAB_ERROR" in outcomes:
        return LAB_ERROR
    return OK if outcomes <= {"PASS", "UNSUPPORTED"} and results else FAILED


def register(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(judge)
