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


def known_cases(incomplete: str) -> list[str]:
    """Complete a scenario's or a case's name, from the names of files alone: a shell does not wait."""
    from lab.engine.project import find_project

    project = find_project()
    files = (*project.scenarios.glob("*.yaml"), *project.compose.glob("*.yaml"))
    return sorted({path.stem for path in files if path.stem.startswith(incomplete)})


def known_images(incomplete: str) -> list[str]:
    """Complete the name of a folder of `images/`."""
    from lab.engine.project import find_project

    folders = (path.parent.name for path in find_project().images.glob("*/Dockerfile"))
    return sorted(name for name in folders if name.startswith(incomplete))


ProgressOption = Annotated[
    Mode, typer.Option("--progress", help="How to show progress, on standard error.", envvar="LAB_PROGRESS")
]
Without = Annotated[
    str | None,
    typer.Option(
        "--without",
        help="Forbid the recorder witnesses: kernel (no tracefs), kernel,ptrace (no strace either).",
        envvar="LAB_WITHOUT",
        metavar="WITNESSES",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON on standard output, for a program.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        help="Scenarios or cases, such as sidecar or sidecar.haproxy, or scenario files; none: all.",
        metavar="NAME",
        autocompletion=known_cases,
    ),
]
