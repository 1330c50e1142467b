"""`lab run`, `lab judge`, `lab annotate`: carry out and judge, judge again what was carried out, or tell it in its captures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import FAILED, LAB_ERROR, OK, Names, ProgressOption, Without
from lab.report.progress import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.text import Text

    from lab.model.verdicts import CaseResult
    from lab.report.telling import Detail
    from lab.session import Work

JsonFile = Annotated[
    Path | None,
    typer.Option("--json", help="Write the document lab-result/1 to FILE; - is standard output.", metavar="FILE"),
]
Timeline = Annotated[
    bool, typer.Option("--timeline", help="Show for each probe all that its witnesses saw, in the order of time.")
]
Brief = Annotated[bool, typer.Option("--brief", help="One line a case, also of one scenario; what did not pass in full.")]
Evidence = Annotated[bool, typer.Option("--evidence", "-v", help="Draw every route, and say what each check rests on.")]


def run(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    names: Names = None,
    json_file: JsonFile = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a case that did not pass running, and say how to look.")] = False,
    twins: Annotated[bool, typer.Option("--twins/--no-twins", help="Also run the broken twins.")] = True,
    brief: Brief = False,
    evidence: Evidence = False,
    timeline: Timeline = False,
    without: Without = None,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Carry scenarios out and prove what became of each request.

    Arrangements are brought up, probes sent, the evidence judged, everything taken down. One scenario is shown with its
    routes drawn, many with a line a case; what did not pass always in full.

    Example: lab run tls-ends-in-proxy
    """
    from lab import session
    from lab.cli.screen import own_name
    from lab.report import telling

    with session.started(names or (), progress, keep=keep, twins=twins, without=without) as work:
        cases = [job.case for job in work.jobs]
        detail = _detail(brief, evidence, timeline, {case.scenario.id for case in cases})
        fold = any(case.twin is None for case in cases)
        for line in telling.told(work.results(), detail, work.shown_folder, own_name(), fold=fold, timeline=timeline):
            work.progress.close()  # its line is rewritten again and again, and must not meet ours
            _show([line], json_file)
    _show(_kept(work), json_file)
    last = telling.summary(work.done, work.seconds, work.shown_folder, own_name())
    _finish(work.done, json_file, work.document(), last)


def judge(
    folder: Annotated[Path, typer.Argument(help="A run folder, or one case's folder in it.", metavar="RUN")] = Path(
        "runs/latest"
    ),
    json_file: JsonFile = None,
    brief: Brief = False,
    evidence: Evidence = False,
    timeline: Timeline = False,
) -> None:
    """Judge an old run again, from its evidence alone.

    No engine is asked.

    Example: lab judge runs/latest
    """
    from lab import session
    from lab.cli.screen import own_name
    from lab.report import telling
    from lab.session import tracing

    if tracing.is_trace(folder):
        from lab.cli.tracing import show

        raise typer.Exit(show(tracing.told_again(folder), json_file))
    results = session.judge_again(folder)
    detail = _detail(brief, evidence, timeline, {result.scenario for result in results})
    where = str(folder.parent if (folder / "case.json").exists() else folder)
    fold = any("~" not in result.case for result in results)
    _show(telling.told(results, detail, where, own_name(), fold=fold, timeline=timeline), json_file)
    last = telling.summary(results, 0.0, str(folder), own_name(), page=(folder / "report.html").exists())
    _finish(results, json_file, session.document_again(folder, results), last)


def annotate(
    folder: Annotated[
        Path, typer.Argument(help="A run folder, one case's folder in it, or a trace's run folder.", metavar="RUN")
    ] = Path("runs/latest"),
) -> None:
    """Tell a run's story as comments on its captured packets.

    Each capture is written once more, into `annotated/` beside it. An analyser then shows with a packet which process read
    it, what was entered, and how far the request got. The evidence itself is not touched.

    Example: lab annotate runs/latest
    """
    from lab.session.annotating import annotate as written

    done = []
    for one in written(folder):
        done.append(one)
        typer.echo(f"{one.path}  {one.packets} packets with comments")
    if not done:
        typer.echo(f"{folder}: no probe of it left a packet that could be annotated", err=True)
        raise typer.Exit(FAILED)
    fields = "-T fields -E 'aggregator=;' -e frame.number -e frame.comment"
    typer.echo(f"for example: tshark -r {done[-1].path} -Y frame.comment {fields}")


def _detail(brief: bool, evidence: bool, timeline: bool, scenarios: set[str]) -> Detail:
    from lab.report.telling import Detail

    if evidence:
        return Detail.EVIDENCE
    return Detail.BRIEF if brief or (len(scenarios) > 1 and not timeline) else Detail.ROUTES


def _kept(work: Work) -> Iterator[Text]:
    """What `--keep` left running, and how to look at it and to end it."""
    from rich.text import Text

    from lab.cli.screen import own_name
    from lab.session.standing import hints

    for standing in work.kept:
        yield Text(f"{standing.plan.case} was left running. Look at it:")
        yield from (Text(f"  {what:<20} {command}") for what, command in hints(standing, own_name()))


def _show(lines: Iterable[Text], json_file: Path | None) -> None:
    from lab.cli.screen import show

    show(lines, err=str(json_file) == "-")


def _finish(results: Sequence[CaseResult], json_file: Path | None, document: object, last: Iterable[Text]) -> None:
    from lab.cli.screen import write_json

    if json_file:
        write_json(document, json_file)
    _show(last, json_file)
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
    app.command()(annotate)
