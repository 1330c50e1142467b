"""What recording costs the servers that are recorded: requests per second with and without it, as ratios.

One arrangement stands; the same bounded load runs from its client's namespace, in turns: recorded, not recorded, recorded,
... so that drift of the machine falls on both. The second half does the same with the kernel's timeline forbidden, where
strace takes its place. Then the same of a deployment that the lab did not make (`tests/foreign/nginx-ends-tls`), with the
recorder attached as `lab trace` attaches it. Weak spot: load, servers and recorder share the processors, so a small machine
shows the worst case.

Usage: `make bench`, or `python -m tests.bench_recorder [CASE] [--rounds N] [--seconds N]`.
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
from lab.engine.arrange import Standing, record, stand_up
from lab.engine.catalogue import load_catalogue
from lab.engine.foreign import finding, watching
from lab.engine.images import Workshop, ensure
from lab.engine.labels import object_name, run_labels
from lab.engine.project import find_project
from lab.engine.takedown import take_down
from lab.model.asked import PROBE, Asked, Scope
from lab.report.progress import Mode, Progress
from lab.session import chosen, started_with
from tests.foreign import standing as foreign
from tests.foreign.making import ready

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lab.engine.bench import Bench

CASE = "tls-ends-in-proxy.nginx"
FOREIGN, FOREIGN_URL = "nginx-ends-tls", "https://127.0.0.1:28101/orders"
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
    print(f"{FOREIGN}, which the lab did not make")
    for forbidden in ("", "kernel"):
        os.environ["LAB_WITHOUT"] = forbidden
        _print("strace" if forbidden else "packets and tracefs", *_foreign(asked))
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
        standing = Standing(work.bench, job.plan, job.case.scenario.id)
        try:
            stand_up(standing)
            network = f"container:{standing.holders['client'].id}"
            load = Load(work.bench, _image(work.bench), network, job.plan.probes[0].url, asked.seconds)
            return _turns(load, standing.plan.case, lambda: record(standing), asked.rounds)
        finally:
            take_down(standing)


def _foreign(asked: argparse.Namespace) -> tuple[list[Turn], list[Turn]]:
    """The recorder attached as `lab trace` attaches it, and nothing sent."""
    with foreign.standing(ready(), foreign.Deployment(FOREIGN)) as deployment, started_with([], Mode.QUIET) as work:
        found, _ = finding.wanted(work.bench.docker, [watch := Asked(("", 0), scope=Scope(deployment.project), watch=1.0)])

        def attach() -> None:
            watching.open_site(work.bench, (watch,), found)

        attach()
        load = Load(work.bench, _image(work.bench), "host", FOREIGN_URL, asked.seconds)
        return _turns(load, PROBE, attach, asked.rounds)


def _image(bench: Bench) -> str:
    project = find_project()
    shop = Workshop(bench.docker, project.images, project.cache, Progress(Mode.QUIET))
    return ensure(shop, ["base", "load"])["load"].reference


@dataclass(frozen=True, slots=True)
class Load:
    """Whom the load is for, and from where."""

    bench: Bench
    image: str
    network: str
    url: str
    seconds: int


def _turns(load: Load, case: str, attach: Callable[[], None], rounds: int) -> tuple[list[Turn], list[Turn]]:
    """In turns; the recorder is attached when this begins."""
    alone, recorded = [], []
    recorder = load.bench.recorder
    _burst(load, 1)
    for _ in range(rounds):
        recorder.ask("look", case=case, label="load")
        per_second = _burst(load, load.seconds)
        seen = recorder.ask("detach", case=case, timeout=60.0)
        recorder.ask("forget", case=case)
        packets, lost = (sum(seen[key].values()) for key in ("packets", "packets_lost"))
        recorded.append(Turn(per_second, seen["kernel_events"], seen["kernel_lost"], packets, lost))
        alone.append(Turn(_burst(load, load.seconds)))
        attach()
    return alone, recorded


def _burst(load: Load, seconds: int) -> float:
    """Requests per second of one bounded burst."""
    engine, run = load.bench.docker, load.bench.run
    spec = docker.ContainerSpec(
        object_name(run, "bench", "load"),
        load.image,
        run_labels(run, "load"),
        ("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", load.url),
        entrypoint=(),
        network=load.network,
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
