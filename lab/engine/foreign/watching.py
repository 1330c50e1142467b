"""The recorder in all namespaces of a deployment, a client where the request is to come from, the request itself.

Rule: the recorder stands everywhere before the request is sent, and a snapshot is taken while the client's connection is
still open. A container that ends meanwhile takes nothing down: it is left out, and said so. Weak spot: what the deployment
does by itself before the recorder came (connections in a pool) is known from the socket table alone.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.engine import agent as agents
from lab.engine import docker
from lab.engine.bench import READY_SECONDS
from lab.engine.errors import AgentError, MachineError
from lab.engine.foreign import finding, places
from lab.engine.labels import case_labels, object_name
from lab.model.asked import CLIENT, HOST, PROBE
from lab.model.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.engine.bench import Bench
    from lab.engine.docker import ContainerFacts
    from lab.model.asked import Asked, Secrets

TRIES = 3
"""Looks for the deployment, when a container or a bridge of the host goes between the look and the visit."""

SETTLE_SECONDS = 0.25
"""For what goes on behind an answer (a mirror's copy); a busy deployment is never still, and is not waited for longer."""

MARGIN_SECONDS = 15.0
"""Beyond a probe's own time-outs (connect, TLS, each read) before its client is given up."""


@dataclass(slots=True)
class Site:
    """A deployment that is being looked at."""

    bench: Bench
    asked: Asked
    containers: tuple[ContainerFacts, ...] = ()
    """Those in scope."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Container id -> short name."""
    places: places.Places = places.NONE
    namespaces: list[dict[str, Any]] = field(default_factory=list)
    """As the recorder reports them."""
    attached: bool = False
    client: ContainerFacts | None = None
    agent: agents.Agent | None = None
    made: list[str] = field(default_factory=list)
    """Ids of containers that we made."""
    gaps: list[Gap] = field(default_factory=list)

    @property
    def vantage(self) -> str:
        """Name of the namespace that the request comes from."""
        if self.asked.vantage in (HOST, CLIENT):
            return self.asked.vantage
        return self.places.namespace_of(self.from_container.id)

    @property
    def from_container(self) -> ContainerFacts:
        """The container that the request comes from."""
        return next(facts for facts in self.containers if finding.called(facts, self.asked.vantage))


def open_site(bench: Bench, asked: Asked, found: tuple[ContainerFacts, ...]) -> Site:
    """Stand in all namespaces of these containers and of the host, and where the request is to come from."""
    site = Site(bench, asked, found)
    for left in range(TRIES, 0, -1):
        try:
            _stand_in(site)
            break
        except AgentError as error:
            if error.kind not in ("gone", "system") or left == 1:
                raise
            site.containers = _still_running(site)
    _look(site, "ready")
    return site


def _still_running(site: Site) -> tuple[ContainerFacts, ...]:
    there = {facts.id for facts in finding.running(site.bench.docker)}
    for facts in site.containers:
        if facts.id not in there:
            site.gaps.append(Gap("packets", "", f"container {facts.name} ended while it was being looked for"))
    return tuple(facts for facts in site.containers if facts.id in there)


def _stand_in(site: Site) -> None:
    recorder = site.bench.recorder
    site.names = finding.names(site.containers)
    answer = recorder.ask("places", pids=[facts.pid for facts in site.containers])
    site.places = places.read(answer, site.containers, site.names, site.asked.connect[1])
    if site.agent is None and site.asked.vantage == CLIENT:
        _client(site)
    inside = [{"name": place.name, "pid": place.pid} for place in site.places.inside]
    if site.client and site.asked.vantage == CLIENT:
        inside.append({"name": CLIENT, "pid": site.client.pid})
    site.namespaces = recorder.ask("attach", case=PROBE, namespaces=inside, host=_host(site))["namespaces"]
    site.attached = True
    if site.agent is None and not site.asked.watch:
        _client(site)


def _host(site: Site) -> dict[str, object] | None:
    if not site.places.interfaces:
        why = "no process of the host's namespace can be seen: what passes there (forwarders, rewritten ports) is unknown"
        site.gaps.append(Gap("packets", HOST, why))
        return None
    if site.places.left_out:
        site.gaps.append(Gap("packets", HOST, f"{site.places.left_out} ports were too many to be watched on the host"))
    found = site.places
    return {"interfaces": list(found.interfaces), "ports": list(found.ports), "whole": list(found.whole)}


def _client(site: Site) -> None:
    """Start the client where the request is to come from: nothing is put into the deployment's own containers."""
    bench, networks = site.bench, _networks(site)
    spec = docker.ContainerSpec(
        name=object_name(bench.run, PROBE, CLIENT),
        image=bench.tags["client"],
        labels=case_labels(bench.run, PROBE, PROBE, CLIENT, CLIENT),
        user="10001:10001",
        network=networks[0],
        tmpfs=(("/tmp", "mode=1777,size=64m,nosuid,nodev"),),  # noqa: S108 - inside the container
        stdin_open=True,
        stop_signal="SIGKILL",
    )
    made = docker.create_container(bench.docker, spec)
    site.made.append(made)
    for network in networks[1:]:
        docker.connect_network(bench.docker, network, made)
    site.agent = agents.over(docker.attach(bench.docker, made), "the client")
    docker.start(bench.docker, made)
    site.agent.ready(READY_SECONDS)
    site.client = docker.inspect(bench.docker, made)


def _networks(site: Site) -> list[str]:
    """What the client's container joins: the host's network, a container's, or all networks of the deployment."""
    vantage = site.asked.vantage
    if vantage == HOST:
        return ["host"]
    if vantage != CLIENT:
        return [f"container:{site.from_container.id}"]
    named = dict.fromkeys(name for facts in site.containers for name, _ in facts.addresses)
    if not named:
        move = "use --from host, or --from with a container's name"
        raise MachineError("the containers looked into are on no network that a client could join", move)
    return list(named)


def send(site: Site, secrets_: Secrets, folder: Path) -> None:
    """Send the one request; its report becomes the line of `client.jsonl`. The client's connection stays open: what a server
    does when its client is gone is not what became of the request."""
    assert site.agent is not None  # noqa: S101 - `open_site` made it
    site.agent.ask("trust", ca=secrets_.ca)
    timeout = 3 * site.asked.timeout + MARGIN_SECONDS
    report = site.agent.ask("probe", timeout=timeout, probe=_probe(site.asked, secrets_))
    recorder = site.bench.recorder
    recorder.wait(recorder.send("settle", case=PROBE, timeout=SETTLE_SECONDS), "settle", SETTLE_SECONDS + MARGIN_SECONDS)
    _look(site, PROBE)
    line = json.dumps({**report, "namespace": site.vantage})
    (folder / "client.jsonl").write_text(line + "\n", "utf-8")


def wait(site: Site) -> None:
    """Send nothing, and let pass what passes."""
    threading.Event().wait(site.asked.watch)
    _look(site, "end")


def _look(site: Site, label: str) -> None:
    site.bench.recorder.ask("look", case=PROBE, label=label)


def _probe(asked: Asked, secrets_: Secrets) -> dict[str, Any]:
    return {
        "probe": PROBE,
        "token": secrets.token_hex(16) if asked.url and asked.marked else "",
        "connect": list(asked.connect),
        "url": asked.url,
        "http": asked.http,
        "method": asked.method,
        "headers": [list(header) for header in asked.headers],
        "body": _base64(asked.body),
        "send": _base64(asked.send),
        "proxy": list(asked.proxy) if asked.proxy else None,
        "tls": _tls(asked, secrets_),
        "timeout": asked.timeout,
    }


def _tls(asked: Asked, secrets_: Secrets) -> dict[str, Any] | None:
    if asked.url is None or not asked.url.startswith("https:"):
        return None
    return {"verify": asked.verify, "certificate": secrets_.certificate}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii")


def close_site(site: Site) -> None:
    """Remove what was made. Idempotent; the recorder is the bench's."""
    if site.agent is not None:
        site.agent.close()
    while site.made:
        docker.remove_container(site.bench.docker, site.made.pop())
