"""Time each case, warm, beside what plain compose needs for the same containers: the floor to measure against.

Usage: `make bench`, or `python -m tests.bench [--times N] [CASE ...]`. One line a case: seconds that the case took
within its run (brought up, probed, judged), seconds of the whole command (Python, the engine found, the recorder, the
clean-up), and seconds of `docker compose up -d` plus `down -v` of its compose file. Medians of N (3), after one run
that warms up. Weak spot: compose does not wait for anything to listen, sends nothing and records nothing, and its keys
are made anew each time by a container.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from lab.engine import locate
from tests import compose_tool
from tests.command import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIMES = 3
LIMIT = 300
"""Seconds for one command."""

LAB = str(ROOT / ".venv" / "bin" / "lab")


class Timed(NamedTuple):
    """Seconds of one case; None where a command failed."""

    within: float | None
    alone: float | None
    compose: float | None


def main(words: Sequence[str]) -> int:
    """Print one line a case, and the sums. Exit code 1 if a case or a compose file failed."""
    asked = _asked(words)
    print(f"{'case':<36} {'in its run':>10} {'lab run':>8} {'compose':>8}", flush=True)
    all_of_them = []
    for name in asked.cases or sorted(path.stem for path in (ROOT / "compose").glob("*.yaml")):
        timed = time_case(name, asked.times)
        all_of_them.append(timed)
        print(f"{name:<36} {told(timed.within):>10} {told(timed.alone):>8} {told(timed.compose):>8}", flush=True)
    sums = [sum(value or 0.0 for value in column) for column in zip(*all_of_them, strict=True)]
    print(f"{len(all_of_them)} cases{'':<29} {sums[0]:>10.1f} {sums[1]:>8.1f} {sums[2]:>8.1f}")
    return 0 if all(None not in timed for timed in all_of_them) else 1


def _asked(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench.py", description="Each case, warm, beside plain compose.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="cases to time; all, if none is named")
    parser.add_argument("--times", type=int, default=TIMES, help="timed runs of each, behind one that warms up (%(default)s)")
    return parser.parse_args(words)


def told(seconds: float | None) -> str:
    """`0.82`, or that it failed."""
    return "failed" if seconds is None else f"{seconds:.2f}"


def time_case(name: str, times: int) -> Timed:
    """Warm up once, then take the medians."""
    runs = [run_lab(name) for _ in range(times + 1)][1:]
    compose = [run_compose(ROOT / "compose" / f"{name}.yaml") for _ in range(times + 1)][1:]
    return Timed(middle([one[0] for one in runs]), middle([one[1] for one in runs]), middle(compose))


def middle(values: list[float | None]) -> float | None:
    """The median; None if any failed."""
    good = [value for value in values if value is not None]
    return median(good) if len(good) == len(values) else None


def run_lab(name: str) -> tuple[float | None, float | None]:
    """Seconds of the case within its run, and of the whole command."""
    words = [LAB, "run", name, "--no-twins", "--json", "-", "--progress", "quiet"]
    begun = time.perf_counter()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)  # noqa: S603
    whole = time.perf_counter() - begun
    if done.returncode:
        return None, None
    return sum(case["seconds"] for case in json.loads(done.stdout)["scenarios"]), whole


def run_compose(file: Path) -> float | None:
    """Seconds of compose's up and down of one file."""
    engine = locate.engine()
    words = [*compose_tool.command(engine), "--file", str(file)]
    environment = {**os.environ, "DOCKER_HOST": engine.url}
    begun = time.perf_counter()
    done = [
        subprocess.run(  # noqa: S603 - words of ours
            [*words, *more], env=environment, capture_output=True, timeout=LIMIT, check=False
        ).returncode
        for more in (("up", "--detach"), ("down", "--volumes"))
    ]
    return None if any(done) else time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
