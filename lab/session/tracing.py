"""`lab trace`: one request to a deployment that the lab did not make, followed, and told from the evidence alone.

Rule: the route comes from the run folder's `trace/`, read back, exactly as a case's does; so an old trace can be told again
without an engine. Weak spot: one request a trace.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.engine import bench as benches
from lab.engine import clean, docker, locate, nearness
from lab.engine.codec import from_json, to_json
from lab.engine.folder import read_observations
from lab.engine.foreign import bringing, finding, watching
from lab.engine.guard import guard
from lab.engine.labels import new_run
from lab.engine.nearby import read_near
from lab.engine.project import find_project, point_latest
from lab.model.asked import PROBE, Asked, Secrets
from lab.model.routes import Stage
from lab.report import result as documents
from lab.report.progress import Mode, Progress
from lab.session.images import provide
from lab.session.jobs import UsageError, forbidden_witnesses
from lab.session.moves import moves
from lab.session.unseen import unseen
from lab.trace import trace
from lab.trace.watched import watched

if TYPE_CHECKING:
    from pathlib import Path

    from lab.engine.docker import ContainerFacts, Docker
    from lab.model.routes import Route

AGENTS = ("base", "recorder", "client")
"""Images that are needed."""


@dataclass(frozen=True, slots=True)
class Traced:
    """What was found out."""

    routes: tuple[Route, ...]
    folder: Path
    seconds: float
    """From the command to the answer, images excepted."""
    document: dict[str, object]
    """`lab-result/1`, with `probes` and no scenario."""
    more: int = 0
    """Requests that passed and are not told."""
    unseen: tuple[str, ...] = ()
    """What could not be seen, in words."""
    moves: tuple[str, ...] = ()
    """What to try next, where the request did not get in."""

    @property
    def shown_folder(self) -> str:
        """As a person would type it."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def arrived(self) -> bool:
        """Whether every request was answered by a component that is known, and nothing contradicts it."""
        return bool(self.routes) and all(_arrived(route) for route in self.routes)


def _arrived(route: Route) -> bool:
    return route.stage is Stage.ANSWERED and route.answered_by is not None and not route.contradictions


def send_and_follow(asked: Asked, secrets: Secrets, mode: Mode, without: str | None = None) -> Traced:
    """Send the request and follow it. Raises UsageError for names that mean nothing, EngineError.

    `without`: witnesses to do without, with commas between; None: those that the environment names.
    """
    forbidden = forbidden_witnesses(without)
    project, progress = find_project(), Progress(mode)
    with ExitStack() as stack:
        stack.callback(progress.close)
        engine = locate.engine(progress)
        clean.sweep(engine)
        tags = provide(project, engine, AGENTS, progress)
        begun = time.monotonic()
        found = containers(engine, asked)
        run = new_run(datetime.now(UTC).strftime("%Y%m%d-%H%M%S"))
        stack.enter_context(guard(engine, run))
        with progress.phase("recorder"):
            bench = benches.open_bench(engine, run, tags, progress, forbidden)
        stack.callback(benches.close_bench, bench)
        folder = project.runs / run.id
        _carry_out(bench, asked, secrets, found, folder)
        return _told(bench, folder, begun)


def containers(engine: Docker, asked: Asked) -> tuple[ContainerFacts, ...]:
    """The containers in scope, and the one that the request is to come from. Raises UsageError."""
    found, wrong = finding.wanted(engine, [asked])
    if wrong:
        raise UsageError(wrong)
    return found


def _carry_out(bench: benches.Bench, asked: Asked, secrets: Secrets, found: tuple[ContainerFacts, ...], folder: Path) -> None:
    evidence = folder / PROBE
    evidence.mkdir(parents=True)
    (evidence / "asked.json").write_bytes(to_json(asked, Asked))
    with ExitStack() as stack:
        with bench.progress.phase(f"{PROBE}: {len(found)} containers"):
            site = watching.open_site(bench, (asked,), found)
        stack.callback(watching.close_site, site)
        what = f"watch for {asked.watch:g} s" if asked.watch else "send and follow"
        with bench.progress.phase(f"{PROBE}: {what}"):
            if asked.watch:
                watching.wait(site, asked.watch)
            else:
                watching.send(site, asked, secrets, evidence)
            bringing.bring(site, evidence)


def _told(bench: benches.Bench, folder: Path, begun: float) -> Traced:
    routes, more = _routes(folder)
    seconds = time.monotonic() - begun
    facts = docker.facts(bench.docker)
    host = {"kernel": bench.facts.get("kernel"), "machine": bench.facts.get("machine")}
    place = nearness.where(bench.docker, bench.facts)
    engine: dict[str, object] = {
        "product": facts.product,
        "version": facts.version,
        "api": facts.api_version,
        "system": facts.system,
        "local": place is nearness.Where.HERE,
        "where": str(place),
        "rootless": facts.rootless,
    }
    witnesses = dict(bench.facts.get("witnesses", {}))
    blind = unseen(folder / PROBE, witnesses, engine)
    document = _document(routes, host, engine, witnesses, seconds) | {"unseen": list(blind)}
    (folder / "result.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    point_latest(folder.parent, folder)
    return Traced(routes, folder, seconds, document, more, blind, _moves(folder))


def _routes(folder: Path) -> tuple[tuple[Route, ...], int]:
    """From the evidence alone: the route of what was sent, or the routes of what passed and how much more did."""
    asked = from_json((folder / PROBE / "asked.json").read_bytes(), Asked)
    if not asked.watch:
        return trace(read_near(folder / PROBE)), 0
    found = watched(read_observations(folder / PROBE))
    return found.routes, found.more


def _moves(folder: Path) -> tuple[str, ...]:
    return moves(from_json((folder / PROBE / "asked.json").read_bytes(), Asked), folder / PROBE)


def _document(
    routes: tuple[Route, ...], host: dict[str, object], engine: dict[str, object], witnesses: dict[str, object], seconds: float
) -> dict[str, object]:
    document = documents.document((), host, engine, witnesses)
    del document["scenarios"]
    return {**document, "seconds": round(seconds, 3), "probes": [documents.probe(route) for route in routes]}


def is_trace(folder: Path) -> bool:
    """Whether a run folder is one of `lab trace`."""
    return (folder / PROBE / "asked.json").exists()


def told_again(folder: Path) -> Traced:
    """Tell an old trace again, from its evidence alone."""
    routes, more = _routes(folder)
    before = json.loads((folder / "result.json").read_text("utf-8")) if (folder / "result.json").exists() else {}
    host, engine, witnesses = (dict(before.get(key) or {}) for key in ("host", "engine", "witnesses"))
    seconds = float(before.get("seconds", 0.0))
    blind = unseen(folder / PROBE, witnesses, engine)
    document = _document(routes, host, engine, witnesses, seconds) | {"unseen": list(blind)}
    return Traced(routes, folder, seconds, document, more, blind, _moves(folder))
