"""What recording costs the servers that are recorded: requests per second with and without it, as ratios.

One arrangement stands; the same bounded load runs from its client's namespace, in turns: recorded, not recorded, recorded,
... so that drift of the machine falls on both. The second half does the same with the kernel's timeline forbidden, where
strace takes its place. Weak spot: load, servers and recorder share the processors, so a small machine shows the worst case.

Usage: `make bench`, or `python tests/bench_recorder.py [CASE] [--rounds N] [--seconds N]`.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.engine import docker
from lab.engine.arrange import Standing, _record, stand_up
from lab.engine.catalogue import load_catalogue
from lab.engine.images import Workshop, ensure
from lab.engine.labels import object_name, run_labels
from lab.engine.project import find_project
from lab.engine.takedown import take_down
from lab.report.progress import Mode, Progress
from lab.session import chosen, started_with

if TYPE_CHECKING:
    from collections.abc import Sequence

CASE = "tls-ends-in-proxy.nginx"
CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Turn:
    """One burst of load."""

    per_second: float
    events: int = 0
    """Kernel events that were written down."""
    lost: int = 0
    packets: int = 0
    packets_lost: int = 0


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    asked = _asked(arguments)
    print(f"{asked.case}: {CONNECTIONS} connections, {asked.rounds} turns of {asked.seconds} s each")
    print(
        f"{'witness':<22} {'alone/s':>9} {'recorded/s':>11} {'ratio':>6} {'events':>9} {'lost':>6} {'packets':>9} {'lost':>6}"
    )
    for forbidden in ("", "kernel"):
        os.environ["LAB_WITHOUT"] = forbidden
        _print("strace" if forbidden else "packets and tracefs", *_measured(asked))
    return 0


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What recording costs.")
    parser.add_argument("case", nargs="?", default=CASE)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    return parser.parse_args(arguments)


def _print(name: str, alone: list[Turn], recorded: list[Turn]) -> None:
    before, after = (statistics.median(turn.per_second for turn in turns) for turns in (alone, recorded))
    sums = [sum(getattr(turn, field) for turn in recorded) for field in ("events", "lost", "packets", "packets_lost")]
    counts = f"{sums[0]:>9} {sums[1]:>6} {sums[2]:>9} {sums[3]:>6}"
    print(f"{name:<22} {before:>9.0f} {after:>11.0f} {after / before:>6.2f} {counts}", flush=True)


def _measured(asked: argparse.Namespace) -> tuple[list[Turn], list[Turn]]:
    project = find_project()
    job = chosen(project, load_catalogue(project.images), [asked.case], twins=False)[0]
    with started_with([job], Mode.QUIET) as work:
        shop = Workshop(work.bench.docker, project.images, project.cache, Progress(Mode.QUIET))
        image = ensure(shop, ["base", "load"])["load"].reference
        standing = Standing(work.bench, job.plan, job.case.scenario.id)
        try:
            stand_up(standing)
            url = job.plan.probes[0].url
            return _turns(standing, image, url, asked)
        finally:
            take_down(standing)


def _turns(standing: Standing, image: str, url: str, asked: argparse.Namespace) -> tuple[list[Turn], list[Turn]]:
    alone, recorded = [], []
    recorder, case = standing.bench.recorder, standing.plan.case
    _burst(standing, image, url, 1)
    for _ in range(asked.rounds):
        recorder.ask("look", case=case, label="load")
        per_second = _burst(standing, image, url, asked.seconds)
        seen = recorder.ask("detach", case=case, timeout=60.0)
        recorder.ask("forget", case=case)
        packets, lost = (sum(seen[key].values()) for key in ("packets", "packets_lost"))
        recorded.append(Turn(per_second, seen["kernel_events"], seen["kernel_lost"], packets, lost))
        alone.append(Turn(_burst(standing, image, url, asked.seconds)))
        _record(standing)
    return alone, recorded


def _burst(standing: Standing, image: str, url: str, seconds: int) -> float:
    """Requests per second of one bounded burst, from the client's own namespace."""
    engine, run = standing.bench.docker, standing.bench.run
    spec = docker.ContainerSpec(
        object_name(run, standing.plan.case, "load"),
        image,
        run_labels(run, "load"),
        ("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", url),
        entrypoint=(),
        network=f"container:{standing.holders['client'].id}",
    )
    made = docker.create_container(engine, spec)
    try:
        docker.start(engine, made)
        docker.wait(engine, made, seconds + 20.0)
        text = "\n".join(docker.logs(engine, made))
    finally:
        docker.remove_container(engine, made)
    found = re.search(r"Requests/sec:\s+([0-9.]+)", text)
    if found is None:
        raise RuntimeError(f"no figure in what the load printed:\n{text}")
    return float(found[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
