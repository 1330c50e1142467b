"""Arrangements that are left running on purpose, to be looked at, and what there is to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.engine import bench as benches
from lab.engine import clean, docker, locate
from lab.engine.arrange import CLIENT, Standing, stand_up
from lab.engine.catalogue import load_catalogue
from lab.engine.guard import guard
from lab.engine.labels import CASE, NAME, ROLE, RUN, new_run
from lab.engine.project import find_project
from lab.session.images import provide_images
from lab.session.jobs import UsageError, arranged, chosen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.engine.docker import ContainerFacts, Docker
    from lab.model.plan import Plan
    from lab.report.progress import Progress
    from lab.session.jobs import Job


@dataclass(frozen=True, slots=True)
class Row:
    """One container of the lab that is there."""

    run: str
    case: str
    role: str
    name: str
    object_name: str
    state: str
    kept: bool
    ports: tuple[str, ...]


def bring_up(name: str, progress: Progress) -> Standing:
    """Bring one case up and leave it. Raises EngineError after having removed what it made."""
    project = find_project()
    catalogue = load_catalogue(project.images)
    job = chosen(project, catalogue, [name])[0]
    plan = arranged(job, f"lab run {job.case.id} holds them against it")
    engine = locate.engine(progress)
    clean.sweep(engine)
    _refuse_second(engine, job.case.id)
    tags = provide_images(project, engine, [job], progress)
    run = new_run(datetime.now(UTC).strftime("%Y%m%d-%H%M%S"))
    with guard(engine, run):
        clean.keep(engine, run)  # first of all: a sweep elsewhere must never see the containers without it
        try:
            return _stand(benches.open_bench(engine, run, tags, progress), job, plan)
        except BaseException:
            clean.remove_run(engine, run.id)
            raise


def _stand(bench: benches.Bench, job: Job, plan: Plan) -> Standing:
    try:
        standing = Standing(bench, plan, job.case.scenario.id, stays=True)
        with bench.progress.phase(f"{job.case.id}: start"):
            stand_up(standing)
        return standing
    finally:
        benches.close_bench(bench)


def _refuse_second(engine: Docker, case: str) -> None:
    if any(row.case == case and row.kept for row in rows(engine)):
        raise UsageError(f"{case} stands already; lab down {case} takes it down")


def rows(engine: Docker) -> list[Row]:
    """All containers of the lab, by run and case."""
    kept = {run.id for run in clean.runs(engine) if run.kept}
    found = docker.containers(engine, {RUN: None})
    return sorted((_row(facts, kept) for facts in found), key=lambda row: (row.run, row.case, row.role, row.name))


def _row(facts: ContainerFacts, kept: set[str]) -> Row:
    labels = dict(facts.labels)
    run = labels.get(RUN, "")
    ports = tuple(f"{address}:{host}→{port}" for port, _, address, host in facts.ports)
    case, role, name = (labels.get(key, "") for key in (CASE, ROLE, NAME))
    return Row(run, case, role, name, facts.name, facts.state, run in kept, ports)


def take_down(engine: Docker, names: Sequence[str]) -> list[str]:
    """Take kept arrangements down, by case, scenario or run; none named: all that are kept. Gives their cases."""
    gone = []
    for run in (run for run in clean.runs(engine) if run.kept):
        cases = {thing.labels[CASE] for thing in run.objects if CASE in thing.labels}
        known = {run.id, *cases, *(case.partition(".")[0] for case in cases)}
        if not names or known & set(names):
            clean.remove_run(engine, run.id)
            gone += sorted(cases) or [run.id]
    if names and not gone:
        raise UsageError(f"{', '.join(names)} does not stand; lab ps shows what does")
    return gone


def hints(standing: Standing, lab: str = "lab") -> Iterator[tuple[str, str]]:
    """What to look at, and the command for it; `lab`: our own command as it is typed here."""
    case = standing.plan.case
    cli = command_of(standing.bench.docker)
    tool = standing.bench.tags["client"]
    yield "containers", f"{cli} ps --filter label={CASE}={case}"
    for name, facts in standing.holders.items():
        if name == CLIENT:
            yield "request", f"{cli} exec {facts.name} {_curl(standing)}"
            continue
        inside = f"{cli} run --rm -it --network container:{facts.name} --cap-drop ALL"
        yield f"sockets of {name}", f"{inside} {tool} ss -ltn"
        yield f"capture in {name}", f"{inside} --cap-add NET_RAW --user 0 {tool} tcpdump -ni any"
    where = "" if standing.bench.docker.local else ", on the engine's machine"
    for port in _published(standing):
        yield "published", port + where
    for server in standing.servers:
        yield f"shell in {server}", f"{lab} shell {case} {server}"
    yield "logs", f"{lab} logs {case}"
    yield "take it down", f"{lab} down {case}"


def _published(standing: Standing) -> Iterator[str]:
    for name, facts in standing.holders.items():
        for port, _, address, host in facts.ports:
            yield f"{address}:{host} leads to port {port} of {name}"


def _curl(standing: Standing) -> str:
    first = next((probe for probe in standing.plan.probes if probe.url and probe.vantage == CLIENT), None)
    return f"curl -sS --cacert /etc/lab/tls/ca.crt {first.url if first else 'http://...'}"


def command_of(engine: Docker) -> str:
    """`docker`, with the engine's address where it is not the usual one."""
    usual = engine.url in ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
    return "docker" if usual else " ".join(("docker", *reached_by(engine)))


def reached_by(engine: Docker) -> list[str]:
    """Words that lead the docker command to this engine, whatever the environment says."""
    tls = ["--tlsverify", f"--tlscacert={engine.tls}/ca.pem"] if engine.tls else []
    if engine.tls and (engine.tls / "cert.pem").exists():
        tls += [f"--tlscert={engine.tls}/cert.pem", f"--tlskey={engine.tls}/key.pem"]
    return ["-H", engine.url, *tls]


def find_container(engine: Docker, case: str, name: str | None) -> Row:
    """The container meant; without a name the first server of the case."""
    found = [row for row in rows(engine) if case in (row.case, row.case.partition(".")[0], row.run)]
    if not found:
        raise UsageError(f"{case} does not stand; lab ps shows what does, lab up {case} brings it up")
    servers = [row for row in found if row.role == "server"] if name is None else [r for r in found if r.name == name]
    if not servers:
        raise UsageError(f"{case} has no container {name}; it has {', '.join(row.name for row in found)}")
    return servers[0]


__all__ = ["Row", "bring_up", "command_of", "find_container", "hints", "reached_by", "rows", "take_down"]
