"""Bring the evidence home, in the layout of a case's folder, so that it can be traced again without an engine.

Rule: the inventory is what engine and kernel reported; no configuration, log or file of the deployment is read. Weak spot:
which container holds a certificate's key is not known, so the certificate is no witness here.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from lab.engine import docker
from lab.engine.agent import DRAIN_SECONDS
from lab.engine.codec import to_json
from lab.engine.secrets import put_into_captures
from lab.model.observations import Gap, Inventory, PublishedPort, SeenContainer, SeenNamespace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lab.engine.docker import ContainerFacts
    from lab.engine.foreign.watching import Site


def bring(site: Site, folder: Path) -> None:
    """Everything that was seen, into the folder; the recorder lets go of the deployment."""
    summary = _recorded(site, folder) if site.attached else {}
    (folder / "inventory.json").write_bytes(to_json(_inventory(site), Inventory))
    (folder / "gaps.json").write_bytes(to_json(tuple(_gaps(site, summary)), tuple[Gap, ...]))


def _recorded(site: Site, folder: Path) -> Mapping[str, Any]:
    bench = site.bench
    summary = bench.recorder.ask("detach", timeout=DRAIN_SECONDS, case=site.case)
    site.attached = False
    for name, content in docker.get_archive(bench.docker, bench.recorder_id, f"/evidence/{site.case}").items():
        target = folder.joinpath(*PurePosixPath(name).parts[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    put_into_captures(folder, dict.fromkeys(site.namespace(vantage) for vantage in site.vantages))
    bench.recorder.ask("forget", case=site.case)
    return summary


def _inventory(site: Site) -> Inventory:
    return Inventory(
        namespaces=TypeAdapter(tuple[SeenNamespace, ...]).validate_python(site.namespaces),
        containers=tuple(_containers(site)),
        published=tuple(_published(site)),
    )


def _containers(site: Site) -> Iterator[SeenContainer]:
    for facts in site.containers:
        yield _container(site.names[facts.id], facts, site.places.namespace_of(facts.id))
    for vantage, client in site.clients.items():
        yield _container(client.name, client.facts, site.namespace(vantage))


def _container(name: str, facts: ContainerFacts, namespace: str) -> SeenContainer:
    return SeenContainer(name, facts.name, facts.id, facts.image, facts.image_id, facts.pid, namespace, facts.labels)


def _published(site: Site) -> Iterator[PublishedPort]:
    for facts in site.containers:
        for port, _, address, host_port in facts.ports:
            yield PublishedPort(site.places.namespace_of(facts.id), port, address, host_port)


def _gaps(site: Site, summary: Mapping[str, Any]) -> Iterator[Gap]:
    for witness, state in site.bench.facts.get("witnesses", {}).items():
        if not state.get("available"):
            yield Gap(witness, "", str(state.get("why", "not available")))
    for namespace, lost in summary.get("packets_lost", {}).items():
        if lost:
            yield Gap("packets", namespace, f"{lost} packets were lost")
    if lost := summary.get("kernel_lost", 0):
        yield Gap("kernel", "", f"{lost} events were lost")
    yield from site.gaps
