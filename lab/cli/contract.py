"""`lab contract`: servers of the catalogue held against what every server must do."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.options import FAILED, LAB_ERROR, OK, JsonOption, ProgressOption
from lab.report.progress import Mode


def contract(
    names: Annotated[list[str] | None, typer.Argument(help="Servers of images/; none: all.", metavar="NAME")] = None,
    as_json: JsonOption = False,
    brief: Annotated[bool, typer.Option("--brief", help="One line a server, and what does not hold.")] = False,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Test servers against the contract of all servers.

    Build, start, dispatch, TLS, end, refusal.

    Example: lab contract nginx
    """
    from lab.cli.screen import print_json, show
    from lab.report import contract as report
    from lab.session.contract import contracts

    done = []
    for one in contracts(names or [], progress):
        done.append(one)
        if not as_json:
            show(report.lines(one, brief=brief))
    if as_json:
        print_json(report.document(done))
    raise typer.Exit(exit_code({str(report.outcome(one)) for one in done}))


def exit_code(outcomes: set[str]) -> int:
    """3 if the lab failed anywhere, else 1 if anything does not hold, else 0."""
    if "LAB_ERROR" in outcomes:
        return LAB_ERROR
    return OK if outcomes == {"PASS"} else FAILED


def register(app: typer.Typer) -> None:
    app.command()(contract)
