"""`lab up`, `ps`, `shell`, `logs`, `down`: arrangements that are left running, to be looked into."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import JsonOption, ProgressOption, known_cases
from lab.report.progress import Mode

if TYPE_CHECKING:
    from lab.engine.docker import Docker

Case = Annotated[
    str, typer.Argument(help="A case, such as tls-ends-in-proxy.nginx.", metavar="CASE", autocompletion=known_cases)
]
InContainer = Annotated[str | None, typer.Argument(help="A container of it; none: its first server.", metavar="CONTAINER")]


def up(case: Case, as_json: JsonOption = False, progress: ProgressOption = Mode.AUTO) -> None:
    """Bring a case up and leave it running, to be looked into.

    Prints what to look at, and how: sockets, a capture, a shell, a request.

    Example: lab up tls-ends-in-proxy.nginx
    """
    from lab.cli.screen import own_name, print_json
    from lab.report.progress import Progress
    from lab.session import standing

    shown = Progress(progress)
    try:
        stands = standing.bring_up(case, shown)
    finally:
        shown.close()
    hints = list(standing.hints(stands, own_name()))
    if as_json:
        look = [{"what": what, "how": how} for what, how in hints]
        print_json({"case": stands.plan.case, "run": stands.bench.run.id, "look": look})
        return
    typer.echo(f"{stands.plan.case} stands. Look at it:")
    for what, command in hints:
        typer.echo(f"  {what:<20} {command}")


def ps(as_json: JsonOption = False) -> None:
    """List the lab's containers.

    Those of arrangements that stand, and of runs under way.

    Example: lab ps
    """
    from dataclasses import asdict

    from lab.cli.screen import print_json
    from lab.session import standing

    rows = standing.rows(_engine())
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    for row in rows:
        ports = " ".join(row.ports)
        kept = "stands" if row.kept else "run under way"
        typer.echo(f"{row.case or row.run:<36} {row.role:<9} {row.name:<16} {row.state:<8} {kept}  {row.object_name}  {ports}")
    if not rows:
        typer.echo("nothing stands; lab up CASE brings a case up", err=True)


def shell(
    case: Case,
    container: InContainer = None,
    command: Annotated[list[str] | None, typer.Argument(help="A command in place of a shell.", metavar="COMMAND")] = None,
) -> None:
    """Open a shell in a container that stands, or run a command.

    Example: lab shell tls-ends-in-proxy.nginx proxy
    """
    from lab.engine.errors import MachineError
    from lab.session import standing

    engine = _engine()
    row = standing.find_container(engine, case, container)
    program = shutil.which("docker")
    if program is None:
        raise MachineError("no docker command on this machine", "install it, or use another tool on the engine")
    interactive = ["-it"] if os.isatty(0) else ["-i"]
    words = ["docker", *standing.reached_by(engine), "exec", *interactive, row.object_name, *(command or ["sh"])]
    os.execv(program, words)  # noqa: S606 - the program found above, no shell


def logs(case: Case, container: InContainer = None) -> None:
    """Print what a container has written, with time stamps.

    Example: lab logs tls-ends-in-proxy.nginx proxy
    """
    from lab.engine import docker
    from lab.session import standing

    engine = _engine()
    row = standing.find_container(engine, case, container)
    for line in docker.logs(engine, row.object_name):
        typer.echo(line)


def down(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Cases or runs; none: all that stand.", metavar="CASE", autocompletion=known_cases),
    ] = None,
) -> None:
    """Take down what was left running.

    Example: lab down tls-ends-in-proxy.nginx
    """
    from lab.session import standing

    gone = standing.take_down(_engine(), names or [])
    for case in gone:
        typer.echo(f"took down {case}")
    if not gone:
        typer.echo("nothing stands; lab up CASE brings an arrangement up", err=True)


def _engine() -> Docker:
    """The engine that answers; none is started only to find that nothing stands on it."""
    from lab.engine import clean, locate
    from lab.engine.errors import MachineError
    from lab.report.progress import Progress

    found = locate.running(Progress(Mode.PLAIN))
    if found is None:
        raise MachineError("no container engine answers, so nothing of the lab's stands", "lab doctor shows what was tried")
    clean.sweep(found)
    return found


def register(app: typer.Typer) -> None:
    for command in (up, ps, shell, logs, down):
        app.command()(command)
