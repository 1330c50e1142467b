"""`lab watch`: a scenario step by step, in the terminal."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import ProgressOption, known_cases
from lab.report.progress import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.session.jobs import Job

Case = Annotated[
    str,
    typer.Argument(
        help="A case, such as half-a-head.nginx; of a scenario its first.", metavar="NAME", autocompletion=known_cases
    ),
]
Probe = Annotated[str | None, typer.Argument(help="One of its probes; none: all.", metavar="PROBE")]

END = b"\x04"
"""Control-D."""


def watch(
    name: Case,
    probe: Probe = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for a key before each step.")] = True,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Go through a scenario step by step, and see what is seen.

    Before each step what will be done, after it what every witness saw.

    Example: lab watch half-a-head.nginx direct
    """
    from lab import session
    from lab.cli.running import exit_code
    from lab.cli.screen import show
    from lab.report import terminal
    from lab.session import watching

    job = watching.watched(name, probe)
    _introduce(job)
    with session.started_with([job], progress) as work, keys(wait) as pause:
        result = watching.watch_case(work, job, probe, show, pause)
        show(line for verdict in result.verdicts for line in terminal.check(verdict, evidence=False))
        pause("take everything down")
    typer.echo(f"evidence in {work.shown_folder}; look again with: lab judge {work.shown_folder} --timeline")
    raise typer.Exit(exit_code([result]))


def _introduce(job: Job) -> None:
    import textwrap
    from shutil import get_terminal_size

    scenario, width = job.case.scenario, min(get_terminal_size().columns, 110)
    typer.echo(f"{job.case.id}: {scenario.title}\n\n{textwrap.fill(scenario.about, width)}\n")
    typer.echo(f"While it waits, look into it from another terminal: lab ps, lab shell {job.case.id} CONTAINER")


@contextmanager
def keys(wait: bool) -> Iterator[Callable[[str], None]]:
    """What waits for a key, where somebody is there to press one. `q` waits no more."""
    if not (wait and sys.stdin.isatty()):
        yield lambda _: None
        return
    import termios
    import tty

    terminal, waiting = sys.stdin.fileno(), [True]

    def pause(what: str) -> None:
        if waiting[0]:
            sys.stderr.write(f"    [any key: {what} · q: wait no more] ")
            sys.stderr.flush()
            waiting[0] = os.read(terminal, 1) not in (b"q", b"", END)
            sys.stderr.write("\r\x1b[K")

    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSADRAIN)
    try:
        yield pause
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def register(app: typer.Typer) -> None:
    app.command()(watch)
