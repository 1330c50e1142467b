"""Trace all foreign deployments (or those named) and print the table: python -m tests.foreign.table [--write] [NAME]...

`--write` puts the table of all into README.md beside this file. Needs an engine on this machine, compose, and the images of
`tests/foreign/images`, which are built if they are missing.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.foreign.making import ready
from tests.foreign.scoring import OPEN, RIGHT, WRONG
from tests.foreign.standing import Deployment, deployments, standing
from tests.foreign.tracing import trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.foreign.standing import Compose
    from tests.foreign.tracing import Scored


README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- table: python -m tests.foreign.table --write -->\n", "<!-- end of the table -->\n"


def main(words: list[str]) -> int:
    names = [word for word in words if word != "--write"]
    compose = ready()
    bad = 0
    done: list[Scored] = []
    print(f"{'deployment':<26} {'trace':<28} {'right':>5} {'open':>5} {'wrong':>5} {'seconds':>8}")
    for deployment in [Deployment(name) for name in names] or deployments():
        try:
            for scored in traces(compose, deployment):
                bad += _show(scored)
                done.append(scored)
        except RuntimeError as error:
            bad += 1
            print(f"{deployment.name}: {error}", flush=True)
    print(_sum(done))
    if "--write" in words and not names:
        _write(done)
    return min(bad, 1)


def _sum(done: list[Scored]) -> str:
    counts = ", ".join(f"{sum(each.count(verdict) for each in done)} {verdict}" for verdict in (RIGHT, OPEN, WRONG))
    middle = statistics.median(each.seconds for each in done) if done else 0.0
    return f"{len({each.deployment for each in done})} deployments, {len(done)} traces: {counts}; {middle:.1f} s at the median"


def _write(done: list[Scored]) -> None:
    head = "| deployment | trace | right | open | wrong | seconds |\n|---|---|---|---|---|---|\n"
    rows = "".join(_row(each) for each in done)
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}{_sum(done)}.\n\n{head}{rows}{END}{after}", "utf-8")


def _row(each: Scored) -> str:
    counts = " | ".join(str(each.count(verdict)) for verdict in (RIGHT, OPEN, WRONG))
    return f"| {each.deployment} | {each.trace} | {counts} | {each.seconds:.1f} |\n"


def traces(compose: Compose, deployment: Deployment) -> Iterator[Scored]:
    with standing(compose, deployment):
        for name in deployment.truth()["traces"]:
            yield trace(compose, deployment, name)


def _show(scored: Scored) -> bool:
    """Print a trace's line, and what is not right; whether it is bad."""
    print(_line(scored), flush=True)
    for field in (each for each in scored.fields if each.verdict != RIGHT):
        allowed = ", which the truth allows" if field.verdict == OPEN and field.allowed else ""
        print(f"    {field.verdict}{allowed}: {field.name}: expected {field.expected!r}, told {field.actual!r}")
    bad = any(field.bad for field in scored.fields)
    if bad:
        print(scored.said)
    return bad


def _line(scored: Scored) -> str:
    counts = [scored.count(each) for each in (RIGHT, OPEN, WRONG)]
    return f"{scored.deployment:<26} {scored.trace:<28} {counts[0]:>5} {counts[1]:>5} {counts[2]:>5} {scored.seconds:>8.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
