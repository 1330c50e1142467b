"""A case whose target runs already: its probes are sent as `lab trace` sends one, and the evidence is a case's.

Rule: what is not there is an error of the machine's, never a verdict: of a deployment that does not run nothing is known.
Weak spot: the probes share one recording, so what an earlier one left in a cache or a pool is there for the next.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from lab.engine.errors import MachineError
from lab.engine.foreign import bringing, finding, trust, watching
from lab.model.asked import Secrets

if TYPE_CHECKING:
    from lab.engine.bench import Bench
    from lab.engine.docker import ContainerFacts
    from lab.model.asked import Asked
    from lab.model.scenario import Request
    from lab.session.jobs import Job


def carry_out(bench: Bench, job: Job, asks: tuple[Asked, ...], folder: Path) -> None:
    """Send the probes to what runs, and bring the evidence into the case's folder. Raises EngineError."""
    shown = {name: secrets(probe.request, _beside(job)) for name, probe in job.case.scenario.probes.items()}
    found = containers(bench, job, asks)
    with ExitStack() as stack:
        site = watching.open_site(bench, asks, found, job.case.id)
        stack.callback(watching.close_site, site)
        for asked in asks:
            watching.send(site, asked, shown[asked.probe], folder)
        bringing.bring(site, folder)


def containers(bench: Bench, job: Job, asks: tuple[Asked, ...]) -> tuple[ContainerFacts, ...]:
    """What is to be looked into. Raises MachineError if it does not run."""
    found, wrong = finding.wanted(bench.docker, asks)
    if wrong:
        raise MachineError(f"this scenario looks into containers that run already, and {wrong}", _move(job, asks[0]))
    return found


def _move(job: Job, asked: Asked) -> str:
    project = asked.scope.project
    start = f"bring it up, as with `docker compose -p {project} up -d`" if project else "start it"
    return f"{start}, or correct `scope` in {job.case.file}"


def _beside(job: Job) -> Path:
    return job.path.parent if job.path else Path()


def secrets(request: Request | None, folder: Path) -> Secrets:
    """What a probe trusts and shows, from the files that it names. Raises MachineError."""
    if request is None:
        return Secrets()
    pairs = (("key", request.key), ("certificate", request.certificate))
    return Secrets(
        ca=f"{trust.system()}\n{trust.file(folder / request.ca, 'ca') if request.ca else ''}",
        certificate="\n".join(trust.file(folder / path, name) for name, path in pairs if path),
    )
