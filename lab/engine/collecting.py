"""Bring the evidence of a case home: the recorder's files, the logs, the inventory, and what is known to be missing."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from lab.engine import docker
from lab.engine.agent import DRAIN_SECONDS
from lab.engine.codec import to_json
from lab.engine.secrets import put_into_captures
from lab.model.observations import Gap, Inventory, PublishedPort, SeenContainer, SeenNamespace
from lab.model.plan import CONFIG_FOLDER, HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lab.engine.arrange import Standing
    from lab.engine.docker import ContainerFacts


def collect(standing: Standing, folder: Path) -> None:
    """Everything that was seen, into the case's folder. Works on an arrangement that came up only in part."""
    summary = _recorded(standing, folder) if standing.attached else {}
    _logs(standing, folder)
    (folder / "inventory.json").write_bytes(to_json(_inventory(standing), Inventory))
    (folder / "gaps.json").write_bytes(to_json(tuple(_gaps(standing, summary)), tuple[Gap, ...]))


def so_far(standing: Standing, folder: Path) -> None:
    """What was seen by now, while the case goes on; `collect` writes over it."""
    standing.bench.recorder.ask("flush", case=standing.plan.case)
    _fetch(standing, folder)
    _logs(standing, folder)
    (folder / "inventory.json").write_bytes(to_json(_inventory(standing), Inventory))


def _recorded(standing: Standing, folder: Path) -> Mapping[str, Any]:
    bench, case = standing.bench, standing.plan.case
    summary = bench.recorder.ask("detach", timeout=DRAIN_SECONDS, case=case)
    _fetch(standing, folder)
    bench.recorder.ask("forget", case=case)
    return summary


def _fetch(standing: Standing, folder: Path) -> None:
    bench, case = standing.bench, standing.plan.case
    for name, content in docker.get_archive(bench.docker, bench.recorder_id, f"/evidence/{case}").items():
        target = folder.joinpath(*PurePosixPath(name).parts[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    put_into_captures(folder, standing.clients)


def _logs(standing: Standing, folder: Path) -> None:
    (folder / "logs").mkdir(exist_ok=True)
    for name, facts in standing.servers.items():
        lines = docker.logs(standing.bench.docker, facts.id)
        (folder / "logs" / f"{name}.log").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def write_configs(standing: Standing, folder: Path) -> None:
    """The files each server was given, keys excepted: what people look at first when a server says no."""
    for planned in standing.plan.containers:
        for file in planned.files:
            inside = PurePosixPath(file.path).relative_to(CONFIG_FOLDER if file.path.startswith(f"{CONFIG_FOLDER}/") else "/")
            target = folder.joinpath("configs", planned.name, *inside.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)


def _inventory(standing: Standing) -> Inventory:
    seen = TypeAdapter(tuple[SeenNamespace, ...]).validate_python(standing.namespaces)
    return Inventory(
        namespaces=seen,
        containers=tuple(_containers(standing)),
        certificates=tuple(standing.certificates),
        published=tuple(_published(standing)),
    )


def _containers(standing: Standing) -> Iterator[SeenContainer]:
    places = {planned.name: planned.namespace for planned in standing.plan.containers}
    for name, facts in standing.servers.items():
        yield _container(name, facts, places[name])
    for name, facts in standing.holders.items():
        if name not in standing.clients:
            yield _container(f"{name}-net", facts, name)
    for vantage, made in standing.client_ids.items():
        facts = docker.inspect(standing.bench.docker, made)
        yield _container("client" if vantage == "client" else f"client-{vantage}", facts, vantage)


def _container(name: str, facts: ContainerFacts, namespace: str) -> SeenContainer:
    return SeenContainer(
        name, facts.name, facts.id, facts.image, facts.image_id, facts.pid, namespace, facts.labels, facts.exit_code
    )


def _published(standing: Standing) -> Iterator[PublishedPort]:
    for name, facts in standing.holders.items():
        for port, _, address, host_port in facts.ports:
            yield PublishedPort(name, port, address, host_port)


def _gaps(standing: Standing, summary: Mapping[str, Any]) -> Iterator[Gap]:
    for witness, state in standing.bench.facts.get("witnesses", {}).items():
        if not state.get("available"):
            yield Gap(witness, "", str(state.get("why", "not available")))
    for namespace, lost in summary.get("packets_lost", {}).items():
        if lost:
            yield Gap("packets", namespace, f"{lost} packets were lost")
    if lost := summary.get("kernel_lost", 0):
        yield Gap("kernel", "", f"{lost} events were lost")
    for why in summary.get("kernel_gaps", ()):
        yield Gap("kernel", "", str(why))
    if not standing.attached:
        yield Gap("packets", HOST, "the arrangement failed before the recorder stood in it")
