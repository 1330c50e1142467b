"""Options that several commands share, and the one place where outcomes become exit codes.

0 all holds · 1 something does not, or is not known · 2 the scenario or the command line is wrong · 3 the lab itself or
the machine failed · 130 interrupted.
"""

from __future__ import annotations

from typing import Annotated

import typer

from lab.report.progress import Mode

OK, FAILED, USAGE, LAB_ERROR = 0, 1, 2, 3
"""130 is typer's own."""

ProgressOption = Annotated[
    Mode, typer.Option("--progress", help="How to show progress, on standard error.", envvar="LAB_PROGRESS")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON on standard output, for a program.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(help="Scenario or case names, such as sidecar or sidecar.haproxy; none: all.", metavar="[NAME]..."),
]
