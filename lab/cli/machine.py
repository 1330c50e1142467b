"""`lab images`, `engine`, `doctor`, `clean`: the machine under the lab."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from lab.cli.options import LAB_ERROR, JsonOption, ProgressOption, known_images
from lab.report.progress import Mode


class EngineVerb(StrEnum):
    STATUS = "status"
    START = "start"
    STOP = "stop"
    REMOVE = "remove"


def images(
    names: Annotated[
        list[str] | None, typer.Argument(help="Folders of images/; none: all.", metavar="NAME", autocompletion=known_images)
    ] = None,
    as_json: JsonOption = False,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Build the images that are missing, and list all.

    An image is built again when its inputs have changed.

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
        typer.echo(f"{name:<16} {image.reference}{'  built' if image.built else ''}")


def engine(
    verb: Annotated[EngineVerb, typer.Argument(help="What to do with it.")] = EngineVerb.STATUS,
    as_json: JsonOption = False,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Show, start, stop or remove the lab's own engine.

    It is started by itself where no other answers, on Debian and Ubuntu as root.

    Example: lab engine stop
    """
    from dataclasses import asdict

    from lab.cli.screen import print_json
    from lab.engine import own_engine
    from lab.report.progress import Progress

    if verb is EngineVerb.START:
        own_engine.start(Progress(progress))
    elif verb is EngineVerb.STOP:
        own_engine.stop()
    elif verb is EngineVerb.REMOVE:
        own_engine.remove()
    state = own_engine.status()
    if as_json:
        print_json({key: value if isinstance(value, bool | int | None) else str(value) for key, value in asdict(state).items()})
        return
    running = f"runs as process {state.pid}, version {state.version}" if state.pid else "does not run"
    typer.echo(f"the lab's own engine {running}\n  address    {state.url}\n  installed  {'yes' if state.installed else 'no'}")


def doctor(as_json: JsonOption = False, progress: ProgressOption = Mode.AUTO) -> None:
    """Show what this machine allows, and what would allow more.

    The engine, the kernel, the base image, the witnesses. Exit code 3 if the lab cannot run here.

    Example: lab doctor
    """
    from dataclasses import asdict

    from lab.cli.screen import print_json, say
    from lab.session import survey

    facts = survey(progress)
    if as_json:
        print_json([{**asdict(fact), "state": str(fact.state)} for fact in facts])
    else:
        for fact in facts:
            mark = "" if str(fact.state) == "good" else f"{fact.state}: "
            say([f"{fact.about:<18} {mark}{fact.value}"], hang=19)
            if fact.next_move:
                say([f"{'':<18} Next: {fact.next_move}"])
    if any(str(fact.state) == "bad" for fact in facts):
        raise typer.Exit(LAB_ERROR)


def clean(
    live: Annotated[bool, typer.Option("--live", help="Also what belongs to runs that are under way.")] = False,
    images: Annotated[bool, typer.Option("--images", help="Also the lab's images.")] = False,
    runs: Annotated[int | None, typer.Option("--runs", help="Also run folders, but the newest N.", metavar="N", min=0)] = None,
    as_json: JsonOption = False,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Remove what the lab left on the engine.

    What dead runs left, and what was left running on purpose. Runs under way and what is not the lab's stay.

    Example: lab clean --runs 5
    """
    from dataclasses import asdict

    from lab.cli.screen import print_json
    from lab.engine import clean as cleaning
    from lab.engine import locate
    from lab.engine.project import find_project
    from lab.report.progress import Progress
    from lab.session import remove_runs

    engine = locate.running(Progress(progress))
    removed = cleaning.clean(engine, live=live, images=images) if engine else cleaning.Removed()
    folders = remove_runs(find_project(), runs) if runs is not None else 0
    if as_json:
        print_json({**asdict(removed), "runs": folders})
        return
    for kind in ("containers", "networks", "volumes", "images"):
        for name in getattr(removed, kind):
            typer.echo(f"removed {kind[:-1]} {name}")
    if folders:
        typer.echo(f"removed {folders} run folders")
    if engine is None:
        typer.echo("no container engine answers, so nothing of the lab's can be on one", err=True)
    elif not removed:
        typer.echo("nothing of the lab's was left on the engine", err=True)


def register(app: typer.Typer) -> None:
    for command in (images, engine, doctor, clean):
        app.command()(command)
