"""The `lab` command. Each command imports what it needs when it runs, so that `lab --help` answers at once.

running    run, judge, annotate
watching   watch
tracing    trace
reading    list, plan, validate, schema, compose, claims, limits
standing   up, ps, shell, logs, down
contract   contract
grid       grid
machine    images, engine, doctor, clean
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer

app = typer.Typer(
    name="lab",
    help="Which process got my request, and where did TLS end? Proved from outside, with real containers.",
    epilog="Begin with: lab list, then lab run NAME. Exit codes: 0 holds, 1 does not or is not known, "
    "2 wrong scenario or command line, 3 the lab or the machine failed, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its boxes cost 90 ms, more than half of what `lab --help` takes
    context_settings={"help_option_names": ["-h", "--help"]},
)

from lab.cli import contract, grid, machine, reading, running, standing, tracing, watching  # noqa: E402 - they register commands on `app`

for module in (running, watching, tracing, reading, standing, contract, grid, machine):
    module.register(app)


def main() -> None:
    """Entry point: errors of known kinds become one message and an exit code, never a traceback."""
    for word in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(word) is signal.SIG_DFL:  # under nohup it stays ignored
            signal.signal(word, _end)
    try:
        app()
    except Exception as error:  # noqa: BLE001 - explain() raises again what it does not know
        from lab.cli.errors import explain

        sys.exit(explain(error))


def _end(number: int, _: FrameType | None) -> None:
    """Clean up on the way out, as after Ctrl-C; the exit code is the shell's word for a signal."""
    sys.exit(128 + number)


__all__ = ["app", "main"]
