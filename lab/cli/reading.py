"""`lab list`, `plan`, `validate`, `schema`, `compose`, `claims`, `limits`: what there is, and would happen. Asks no engine."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import FAILED, USAGE, JsonOption, Names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.asked import Asked
    from lab.model.plan import PlannedProbe
    from lab.session.jobs import Job


def list_(as_json: JsonOption = False) -> None:
    """List the scenarios, their cases and the claims they prove.

    Example: lab list
    """
    from lab.cli.screen import print_json, say

    jobs = _jobs([])
    if as_json:
        print_json([_listed(job) for job in jobs])
        return
    for _, group in itertools.groupby(jobs, lambda job: job.case.scenario.id):
        say(_scenario(list(group)))


def _scenario(jobs: list[Job]) -> Iterator[str]:
    scenario = jobs[0].case.scenario
    cases = [job.case.id for job in jobs if job.case.twin is None]
    twins = dict.fromkeys(f"~{job.case.twin}" for job in jobs if job.case.twin)
    yield scenario.id
    yield f"    {scenario.title}"
    if cases != [scenario.id]:
        yield f"    cases   {', '.join(cases)}"
    if scenario.target:
        yield "    target  containers that run already"
    yield f"    twins   {', '.join(twins) or 'none'}"
    yield f"    proves  {', '.join(scenario.claims) or 'no claim'}"
    yield from (f"    {job.case.id} is unsupported: {job.unsupported}" for job in jobs if job.unsupported)


def _listed(job: Job) -> dict[str, object]:
    case = job.case
    return {
        "case": case.id,
        "scenario": case.scenario.id,
        "title": case.scenario.title,
        "claims": list(case.scenario.claims),
        "twin": case.twin,
        "target": case.scenario.target,
        "file": case.file,
        "unsupported": job.unsupported,
    }


def plan(names: Names = None, as_json: JsonOption = False) -> None:
    """Show what would be done, to the last file, without doing it.

    Twins are left out unless they are named, as in sidecar.nginx~balancer-ends-it.

    Example: lab plan tls-ends-in-proxy.nginx
    """
    import json

    from lab.cli.screen import print_json, say
    from lab.engine.codec import to_json
    from lab.model.plan import Plan

    jobs = _jobs(names or [], twins=False)
    if as_json:
        print_json([json.loads(to_json(job.plan, Plan)) for job in jobs if job.plan])
        return
    for job in jobs:
        say(_told(job.plan) if job.plan else (job.case.id, f"  unsupported: {job.unsupported}"))


def _told(plan: object) -> list[str]:
    from lab.model.plan import Plan

    assert isinstance(plan, Plan)  # noqa: S101 - for the reader and the type checker
    lines = [plan.case]
    for network in plan.networks:
        way = "internal" if network.internal else "with a way out, for a published port"
        lines.append(f"  network    {network.name}: {network.subnet or 'a free small subnet'}, {way}")
    for namespace in plan.namespaces:
        places = ", ".join(
            f"{a.network}{f' ({a.address})' if a.address else ''} as {', '.join(a.aliases)}" for a in namespace.attachments
        )
        published = "".join(f"; port {p.port} published on {p.on}" for p in namespace.publish)
        lines.append(f"  namespace  {namespace.name}: on {places}{published}")
    for container in plan.containers:
        listeners = ", ".join(f"{one.address}:{one.port}" for one in container.listeners) or "any listener"
        lines.append(f"  container  {container.name}: {container.image} in {container.namespace}, waits for {listeners}")
        lines += [f"             {file.path} ({len(file.content)} bytes)" for file in container.files]
        lines += [f"             certificate {leaf.id} for {', '.join(leaf.names)}" for leaf in container.leaves]
    for probe in plan.probes:
        lines += _told_probe(probe)
    return [*lines, *_told_running(plan.running)]


def _told_running(asks: tuple[Asked, ...]) -> Iterator[str]:
    from lab.plan.told import asked

    for one in asks:
        named = [f"compose project {one.scope.project}"] if one.scope.project else []
        named += [f"container {name}" for name in one.scope.containers]
        yield f"  running    {one.probe}: from {one.vantage}, {asked(one)}; looks into {', '.join(named) or 'all containers'}"


def _told_probe(probe: PlannedProbe) -> list[str]:
    from lab.plan.told import sent, words

    again = f", {probe.repeat} times" if probe.repeat > 1 else ""
    if probe.steps:
        told = [f"{number:>15}. {words(step.act)}" for number, step in enumerate(probe.steps, start=1)]
        return [f"  probe      {probe.id}: from {probe.vantage}, {len(probe.steps)} steps{again}", *told]
    return [f"  probe      {probe.id}: from {probe.vantage}, {sent(probe)}{again}"]


def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Scenario files; none: all of the project.", metavar="FILE")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check scenario files: every mistake with its place.

    Exit code 2 if there is any.

    Example: lab validate scenarios/sidecar.yaml
    """
    from dataclasses import asdict

    from lab.cli.screen import print_json
    from lab.scenario import ScenarioError

    try:
        jobs = _jobs([str(file) for file in files or []])
    except ScenarioError as error:
        if not as_json:
            raise
        print_json([asdict(problem) for problem in error.problems])
        raise typer.Exit(USAGE) from None
    if as_json:
        print_json([])
        return
    scenarios, cases = len({job.case.scenario.id for job in jobs}), len(jobs)
    typer.echo(f"{scenarios} scenario{'s' * (scenarios != 1)}, {cases} case{'s' * (cases != 1)}: no mistakes")


def schema(
    write: Annotated[bool, typer.Option("--write", help="Write it into scenarios/scenario.schema.json.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if that file is not fresh.")] = False,
) -> None:
    """Print the JSON Schema of scenario files, for editors.

    Example: lab schema > scenario.schema.json
    """
    from lab.session import generated

    if not write and not check:
        typer.echo(generated.schema_text(), nl=False)
        return
    _tell(generated.schema_file(check=check), check=check)


def compose(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file is not fresh.")] = False,
) -> None:
    """Write the files for plain docker compose into compose/.

    One for every case, twins excepted.

    Example: lab compose && docker compose -f compose/tls-ends-in-app.yaml up
    """
    from lab.session import generated

    _tell(generated.compose_files(check=check), check=check)


def claims(
    write: Annotated[bool, typer.Option("--write", help="Write the table into scenarios/README.md.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if that file is not fresh.")] = False,
) -> None:
    """Show each claim, and the scenarios that prove it.

    Example: lab claims
    """
    from lab.session import generated

    if not write and not check:
        typer.echo(generated.claims_page()[1])
        return
    _tell(generated.claims_file(check=check), check=check)


def limits(
    write: Annotated[bool, typer.Option("--write", help="Write it into docs/limits.md.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if that file is not fresh.")] = False,
) -> None:
    """Show what each server cannot do, and the source that says so.

    Example: lab limits
    """
    from lab.session import generated

    if not write and not check:
        typer.echo(generated.limits_page()[1], nl=False)
        return
    _tell(generated.limits_file(check=check), check=check)


def _tell(stale: list[Path], *, check: bool) -> None:
    """Say what was written, or what is not fresh: then the exit code is 1."""
    for path in stale:
        typer.echo(f"{'not fresh' if check else 'wrote'}: {path}")
    if check and stale:
        raise typer.Exit(FAILED)


def _jobs(names: list[str], *, twins: bool = True) -> list[Job]:
    from lab.engine.catalogue import load_catalogue
    from lab.engine.project import find_project
    from lab.session import chosen

    project = find_project()
    return chosen(project, load_catalogue(project.images), names, twins=twins)


def register(app: typer.Typer) -> None:
    app.command(name="list")(list_)
    for command in (plan, validate, schema, compose, claims, limits):
        app.command()(command)
