"""`lab images`, `engine`, `doctor`, `clean`: the machine under the lab."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from lab.cli.options import JsonOption, ProgressOption
from lab.report.progress import Mode


class EngineVerb(StrEnum):
    STATUS = "status"
    START = "start"
    STOP = "stop"
    REMOVE = "remove"


def images(
    names: Annotated[list[str] | None, typer.Argument(help="Folders of images/; none: all.", metavar="[NAME]...")] = None,
    as_json: JsonOption = False,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Build the images that are missing or whose inputs have changed, and list them.

    Example: lab images nginx
    """
    from lab.cli.screen import print_json
    from lab.engine import clean, locate
    from lab.engine import images as shop
    from lab.engine.project import find_project
    from lab.report.progress import Progress

    project = find_project()
    shown = Progress(progress)
    try:
        engine = locate.engine(shown)
        clean.sweep(engine)
        found = shop.ensure(shop.Workshop(engine, project.images, project.cache, shown), names or None)
    finally:
        shown.close()
    if as_json:
        print_json({name: image.reference for name, image in found.items()})
        return
    for name, image in found.items():
        typer.echo(f"{name:<12} {image.reference}{'  built' if image.built else ''}")


def engine(
    verb: Annotated[EngineVerb, typer.Argument(help="What to do with it.")] = EngineVerb.STATUS,
    as_json: JsonOption = False,
) -> None:
    """The lab's own engine: started by itself where none answers, on Debian and Ubuntu as root.

    Example: lab engine stop
    """
    from dataclasses import asdict

    from lab.cli.screen import print_json
    from lab.engine import own_engine
    from lab.report.progress import Progress

    if verb is EngineVerb.START:
        own_engine.start(Progress(Mode.PLAIN))
    elif verb is EngineVerb.STOP:
        own_engine.stop()
    elif verb is EngineVerb.REMOVE:
        own_engine.remove()
    state = own_engine.status()
    if as_json:
        print_json({key: value if isinstance(value, bool | int | None) else str(value) for key, value in asdict(state).items()})
        return
    running = f"runs as process {state.pid}, version {state.version}" if state.pid else "does not run"
    typer.echo(f"the lab's own engine {running}\n  address  {state.url}\n  installed  {'yes' if state.installed else 'no'}")


def doctor(as_json: JsonOption = False) -> None:
    """Show the engine, the kernel, and the witnesses that this host allows, with what would allow the rest.

    Example: lab doctor
    """
    from dataclasses import asdict

    from lab.cli.screen import print_json
    from lab.session import survey

    facts = survey()
    if as_json:
        print_json([{**asdict(fact), "state": str(fact.state)} for fact in facts])
        return
    for fact in facts:
        typer.echo(f"{fact.about:<14} {fact.value}")
        if fact.next_move:
            typer.echo(f"{'':<14} {fact.next_move}")


def clean(
    live: Annotated[bool, typer.Option("--live", help="Also what belongs to runs that are under way.")] = False,
    images: Annotated[bool, typer.Option("--images", help="Also the lab's images.")] = False,
    runs: Annotated[int | None, typer.Option("--runs", help="Also run folders, but the newest N.", metavar="N")] = None,
) -> None:
    """Remove what is the lab's on the engine: what dead runs left, and what was left running on purpose.

    Example: lab clean --runs 5
    """
    from lab.engine import clean as cleaning
    from lab.engine import locate
    from lab.engine.project import find_project
    from lab.report.progress import Progress
    from lab.session import remove_runs

    removed = cleaning.clean(locate.engine(Progress(Mode.PLAIN)), live=live, images=images)
    for kind in ("containers", "networks", "volumes", "images"):
        for name in getattr(removed, kind):
            typer.echo(f"removed {kind[:-1]} {name}")
    if runs is not None:
        typer.echo(f"removed {remove_runs(find_project(), runs)} run folders")
    if not removed:
        typer.echo("nothing of the lab's was left on the engine")


def register(app: typer.Typer) -> None:
    for command in (images, engine, doctor, clean):
        app.command()(command)
