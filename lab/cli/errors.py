"""From an error to a message on standard error and an exit code. Whatever is not known here is a defect of the lab, and
keeps its traceback."""

from __future__ import annotations

from errno import EDQUOT, EFBIG, ENOSPC

import typer

from lab.cli.options import LAB_ERROR, USAGE

_NO_ROOM = (ENOSPC, EDQUOT, EFBIG)
"""No space, quota, limit on the size of a file."""


def explain(error: Exception) -> int:
    """Say what happened and what to do next; gives the exit code. Raises `error` again if it is none of the known kinds."""
    from lab.engine.errors import EngineError
    from lab.scenario import ScenarioError
    from lab.session import UsageError

    if isinstance(error, ScenarioError):
        typer.echo(error.render(), err=True)
        return USAGE
    if isinstance(error, UsageError):
        typer.echo(str(error), err=True)
        return USAGE
    if isinstance(error, EngineError):
        typer.echo(f"lab: {error}", err=True)
        return LAB_ERROR
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        typer.echo(f"lab: nothing more can be written: {error.strerror}", err=True)
        typer.echo("Next: make room where runs/ lies (lab clean --runs 5), or set LAB_RUNS to a folder that has some", err=True)
        return LAB_ERROR
    if isinstance(error, OSError) and error.filename:
        typer.echo(f"lab: {error.filename}: {error.strerror}", err=True)
        return LAB_ERROR
    raise error
