"""The recorder in all namespaces of a deployment, a client where a request is to come from, the request itself.

Rule: the recorder stands everywhere before a request is sent, and a snapshot is taken while the client's connection is
still open. A container that ends meanwhile takes nothing down: it is left out, and said so. Weak spot: what the deployment
does by itself before the recorder came (connections in a pool) is known from the socket table alone.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.engine import agent as agents
from lab.engine import docker
from lab.engine.bench import READY_SECONDS
from lab.engine.errors import AgentError, MachineError
from lab.engine.foreign import finding, places
from lab.engine.journal import keep
from lab.engine.labels import case_labels, object_name
from lab.engine.wire import base64, veiled
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


@dataclass(frozen=True, slots=True)
class Client:
    """Who sends from one vantage."""

    name: str
    """As the inventory has it."""
    facts: ContainerFacts
    agent: agents.Agent


@dataclass(slots=True)
class Site:
    """A deployment that is being looked at."""

    bench: Bench
    asks: tuple[Asked, ...]
    """What is sent, one after the other; of a watch the one that says so."""
    case: str
    """The recorder's word for it."""
    containers: tuple[ContainerFacts, ...] = ()
    """Those in scope."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Container id -> short name."""
    places: places.Places = places.NONE
    namespaces: list[dict[str, Any]] = field(default_factory=list)
    """As the recorder reports them."""
    attached: bool = False
    clients: dict[str, Client] = field(default_factory=dict)
    """By vantage."""
    made: list[str] = field(default_factory=list)
    """Ids of containers that we made."""
    gaps: list[Gap] = field(default_factory=list)

    @property
    def vantages(self) -> tuple[str, ...]:
        """From where something is sent."""
        return tuple(dict.fromkeys(asked.vantage for asked in self.asks if not asked.watch))

    def namespace(self, vantage: str) -> str:
        """Name of the namespace that a request comes from."""
        if vantage in (HOST, CLIENT):
            return vantage
        return self.places.namespace_of(self.container(vantage).id)

    def container(self, called: str) -> ContainerFacts:
        """The container that a request comes from. Raises MachineError if it is gone."""
        found = next((facts for facts in self.containers if finding.called(facts, called)), None)
        if found is None:
            raise MachineError(f"container {called}, which the request was to come from, has ended", "send it from elsewhere")
        return found


def open_site(bench: Bench, asks: tuple[Asked, ...], found: tuple[ContainerFacts, ...], case: str = PROBE) -> Site:
    """Stand in all namespaces of these containers and of the host, and where the requests are to come from."""
    site = Site(bench, asks, case, found)
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
    site.places = places.read(answer, site.containers, site.names, [asked.connect[1] for asked in site.asks])
    if CLIENT in site.vantages:
        _client(site, CLIENT)
    inside = [{"name": place.name, "pid": place.pid} for place in site.places.inside]
    if client := site.clients.get(CLIENT):
        inside.append({"name": CLIENT, "pid": client.facts.pid})
    site.namespaces = recorder.ask("attach", case=site.case, namespaces=inside, host=_host(site))["namespaces"]
    site.attached = True
    for vantage in site.vantages:
        _client(site, vantage)


def _host(site: Site) -> dict[str, object] | None:
    if not site.places.interfaces:
        why = "no process of the host's namespace can be seen: what passes there (forwarders, rewritten ports) is unknown"
        site.gaps.append(Gap("packets", HOST, why))
        return None
    if site.places.left_out:
        site.gaps.append(Gap("packets", HOST, f"{site.places.left_out} ports were too many to be watched on the host"))
    found = site.places
    return {"interfaces": list(found.interfaces), "ports": list(found.ports), "whole": list(found.whole)}


def _client(site: Site, vantage: str) -> None:
    """Start a client where requests are to come from: nothing is put into the deployment's own containers."""
    if vantage in site.clients:
        return
    bench, networks = site.bench, _networks(site, vantage)
    name = CLIENT if len(site.vantages) == 1 or vantage == CLIENT else f"{CLIENT}-{vantage}"
    spec = docker.ContainerSpec(
        name=object_name(bench.run, site.case, name),
        image=bench.tags["client"],
        labels=case_labels(bench.run, site.case, site.case, CLIENT, name),
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
    agent = agents.over(docker.attach(bench.docker, made), "the client")
    docker.start(bench.docker, made)
    agent.ready(READY_SECONDS)
    site.clients[vantage] = Client(name, docker.inspect(bench.docker, made), agent)


def _networks(site: Site, vantage: str) -> list[str]:
    """What a client's container joins: the host's network, a container's, or all networks of the deployment."""
    if vantage == HOST:
        return ["host"]
    if vantage != CLIENT:
        return [f"container:{site.container(vantage).id}"]
    named = dict.fromkeys(name for facts in site.containers for name, _ in facts.addresses)
    if not named:
        move = "use --from host, or --from with a container's name"
        raise MachineError("the containers looked into are on no network that a client could join", move)
    return list(named)


def send(site: Site, asked: Asked, secrets_: Secrets, folder: Path) -> None:
    """Send one request; its report becomes a line of `client.jsonl`. The client's connection stays open, until the next one
    is sent or the site is left: what a server does when its client is gone is not what became of the request."""
    agent = site.clients[asked.vantage].agent
    agent.ask("release")
    agent.ask("trust", ca=secrets_.ca)
    timeout = 3 * asked.timeout + MARGIN_SECONDS
    token = secrets.token_hex(16) if asked.url and asked.marked else ""
    report = agent.ask("probe", timeout=timeout, probe=_probe(asked, secrets_) | {"token": veiled(token)})
    recorder = site.bench.recorder
    recorder.wait(recorder.send("settle", case=site.case, timeout=SETTLE_SECONDS), "settle", SETTLE_SECONDS + MARGIN_SECONDS)
    _look(site, asked.probe)
    keep(folder, {**report, "token": token, "namespace": site.namespace(asked.vantage)})


def wait(site: Site, seconds: float) -> None:
    """Send nothing, and let pass what passes."""
    threading.Event().wait(seconds)
    _look(site, "end")


def _look(site: Site, label: str) -> None:
    site.bench.recorder.ask("look", case=site.case, label=label)


def _probe(asked: Asked, secrets_: Secrets) -> dict[str, Any]:
    return {
        "probe": asked.probe,
        "connect": list(asked.connect),
        "url": asked.url,
        "http": asked.http,
        "method": asked.method,
        "headers": [list(header) for header in asked.headers],
        "body": base64(asked.body),
        "send": base64(asked.send),
        "proxy": list(asked.proxy) if asked.proxy else None,
        "tls": _tls(asked, secrets_),
        "timeout": asked.timeout,
    }


def _tls(asked: Asked, secrets_: Secrets) -> dict[str, Any] | None:
    if asked.url is None or not asked.url.startswith("https:"):
        return None
    return {"verify": asked.verify, "certificate": secrets_.certificate}


def close_site(site: Site) -> None:
    """Remove what was made. Idempotent; the recorder is the bench's."""
    for client in site.clients.values():
        client.agent.close()
    while site.made:
        docker.remove_container(site.bench.docker, site.made.pop())
