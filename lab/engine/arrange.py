"""Bring an arrangement up: networks, holders, the recorder in their namespaces, then the servers.

Rule: capture is open in a namespace before a server exists in it; a listener is ready when the kernel's socket table has
it, and not because time has passed or a health check is green. Weak spot: a server that answers only some time after it
listens is probed early; the probe's own report says so.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lab.engine import agent as agents
from lab.engine import docker
from lab.engine.bench import READY_SECONDS
from lab.engine.errors import MachineError, UnsupportedError
from lab.engine.labels import case_labels, compose_network, compose_service, object_name, run_labels
from lab.engine.placing import put_files
from lab.engine.readiness import await_listeners
from lab.engine.subnets import Wish, make_network
from lab.model.plan import CONFIG_FOLDER, HOST, TLS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.engine.bench import Bench
    from lab.engine.docker import ContainerFacts, NetworkFacts
    from lab.model.observations import SeenCertificate
    from lab.model.plan import Plan, PlannedContainer, PlannedNamespace

CLIENT = "client"

AT_ONCE = 2
"""Engine calls at once; more gain nothing on two cores."""


@dataclass(slots=True)
class Standing:
    """An arrangement that stands, or as much of it as came up before an error: enough to take it down again."""

    bench: Bench
    plan: Plan
    scenario: str
    stays: bool = False
    """Left running for people: clients are not agents of the lab but wait to be used."""
    kept: bool = False
    """Left running after a run (`--keep`): its client, too, waits to be used."""
    networks: dict[str, NetworkFacts] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    """Ids of all containers, in the order of their making."""
    holders: dict[str, ContainerFacts] = field(default_factory=dict)
    servers: dict[str, ContainerFacts] = field(default_factory=dict)
    clients: dict[str, agents.Agent] = field(default_factory=dict)
    """Vantage -> client agent."""
    client_ids: dict[str, str] = field(default_factory=dict)
    certificates: list[SeenCertificate] = field(default_factory=list)
    namespaces: list[dict[str, Any]] = field(default_factory=list)
    """As the recorder reports them."""
    attached: bool = False
    paused: set[str] = field(default_factory=set)
    """Ids of containers that a step has paused."""

    @property
    def for_people(self) -> bool:
        """Whether clients wait to be used, instead of being agents of the lab."""
        return self.stays or self.kept

    def name(self, part: str) -> str:
        """Name of an object on the engine. What stays carries no run in its name: there is one of it, and people type it."""
        run = replace(self.bench.run, id="") if self.stays else self.bench.run
        return object_name(run, self.plan.case, part)


def stand_up(standing: Standing) -> None:
    """Bring everything up; on an error what was made stays in `standing` for the clean-up."""
    plan = standing.plan
    with ThreadPoolExecutor(AT_ONCE) as pool:
        _all(pool, lambda network: _network(standing, network), plan.networks)
        _all(pool, lambda namespace: _holder(standing, namespace), plan.namespaces)
        recording = pool.submit(record, standing)
        created = _all(pool, lambda container: create(standing, container), plan.containers)
        recording.result()
        _all(pool, lambda pair: _start(standing, *pair), list(zip(plan.containers, created, strict=True)))
        if not standing.stays:
            _all(pool, lambda vantage: _client(standing, vantage), sorted(_vantages(plan) - standing.clients.keys()))
    await_listeners(standing)


def _all(pool: ThreadPoolExecutor, do: Callable[[Any], Any], things: Iterable[Any]) -> list[Any]:
    """Do it for all, and raise the first error only when none is under way any more: nothing may appear afterwards."""
    futures = [pool.submit(do, thing) for thing in things]
    wait(futures)
    return [future.result() for future in futures]


def _vantages(plan: Plan) -> set[str]:
    return {probe.vantage for probe in plan.probes}


def _network(standing: Standing, planned: Any) -> None:
    bench, case = standing.bench, standing.plan.case
    labels = case_labels(bench.run, standing.scenario, case, "network", planned.name)
    labels |= compose_network(bench.run, case, planned.name)
    name = standing.name(planned.name)
    wish = Wish(name, labels, planned.subnet, planned.internal)
    standing.networks[planned.name] = make_network(bench.docker, wish, bench.progress)


def _holder(standing: Standing, planned: PlannedNamespace) -> None:
    """Make the container that owns a namespace; the client's namespace is owned by the client itself."""
    bench = standing.bench
    made = _made(standing, _holder_spec(standing, planned))
    for other in planned.attachments[1:]:
        network = standing.networks[other.network].id
        docker.connect_network(bench.docker, network, made, other.address, other.aliases)
    if planned.name != CLIENT:
        _start_holder(standing, planned, made)
    elif standing.for_people:
        docker.put_files(bench.docker, made, CONFIG_FOLDER, [docker.ArchiveFile(_CA, bench.authority.pem.encode())])
        docker.start(bench.docker, made)
    else:
        _start_client(standing, CLIENT, made)
    standing.holders[planned.name] = docker.inspect(bench.docker, made)


def _start_holder(standing: Standing, planned: PlannedNamespace, made: str) -> None:
    try:
        docker.start(standing.bench.docker, made, f"the namespace {planned.name}")
    except MachineError as error:
        if planned.ipv6 and "disable_ipv6" in error.text:  # the switch is missing where the kernel was started without IPv6
            raise UnsupportedError(f"{planned.name} wants IPv6, and the engine's kernel has none (ipv6.disable)") from error
        raise


def leave_to_people(standing: Standing) -> None:
    """Put a client that waits to be used in the place of the lab's own, which ends when the lab does."""
    standing.kept = True
    for client in standing.clients.values():
        client.close()
    for made in standing.client_ids.values():
        docker.remove_container(standing.bench.docker, made)
    for planned in standing.plan.namespaces:
        if planned.name == CLIENT and CLIENT in standing.holders:
            _holder(standing, planned)


_CA = f"{TLS_FOLDER}/ca.crt"


def _holder_spec(standing: Standing, planned: PlannedNamespace) -> docker.ContainerSpec:
    bench = standing.bench
    client = planned.name == CLIENT
    agent = client and not standing.for_people
    first = planned.attachments[0]
    return docker.ContainerSpec(
        name=standing.name(CLIENT if client else f"{planned.name}-net"),
        image=bench.tags["client" if client else "base"],
        labels=_labels(standing, "client" if client else "holder", planned.name, repr(planned)),
        command=None if agent else ("sleep", "infinity"),
        user="10001:10001",
        network=standing.networks[first.network].name,
        address=first.address,
        aliases=first.aliases,
        ports=tuple(_port(standing, planned, publish) for publish in planned.publish),
        hostname=planned.name,
        sysctls=(("net.ipv6.conf.all.disable_ipv6", "0"),) if planned.ipv6 else (),
        mounts=(_volume(standing),) if client else (),
        tmpfs=_tmpfs(("/tmp",)) if client else (),  # noqa: S108 - inside the container
        stdin_open=agent,
        stop_signal="SIGKILL",
    )


def _labels(standing: Standing, role: str, name: str, config: str) -> dict[str, str]:
    run, case = standing.bench.run, standing.plan.case
    service = f"{name}-net" if role == "holder" else name
    labels = case_labels(run, standing.scenario, case, role, name)
    return labels | compose_service(run, case, service, config)


def _port(standing: Standing, planned: PlannedNamespace, publish: Any) -> docker.PortSpec:
    if publish.on == "gateway":
        gateway = standing.networks[planned.attachments[0].network].gateway
        return docker.PortSpec(publish.port, gateway or "127.0.0.1", publish.host_port)
    return docker.PortSpec(publish.port, "127.0.0.1", publish.host_port)


def _made(standing: Standing, spec: docker.ContainerSpec) -> str:
    made = docker.create_container(standing.bench.docker, spec)
    standing.made.append(made)
    return made


def record(standing: Standing) -> None:
    """Open the capture in every namespace, and in the engine's own where a probe or a published port is concerned."""
    bench, case = standing.bench, standing.plan.case
    namespaces = [{"name": name, "pid": facts.pid} for name, facts in standing.holders.items()]
    answer = bench.recorder.ask("attach", case=case, namespaces=namespaces, host=_host(standing))
    standing.attached = True
    standing.namespaces = answer["namespaces"]


def _host(standing: Standing) -> dict[str, object] | None:
    published = [(ns.name, port) for ns in standing.plan.namespaces for port in ns.publish]
    if not published and HOST not in _vantages(standing.plan):
        return None
    bridges = [f"br-{network.id[:12]}" for network in standing.networks.values()]
    ports = {port for facts in standing.holders.values() for _, _, _, port in facts.ports}
    ports |= {publish.port for _, publish in published}
    ports |= {probe.connect[1] for probe in standing.plan.probes if probe.vantage == HOST}
    return {"interfaces": ["lo", *bridges], "ports": sorted(ports)}


def create(standing: Standing, planned: PlannedContainer) -> str:
    """Create a server in its namespace and put its files in place; it does not run yet."""
    bench = standing.bench
    spec = docker.ContainerSpec(
        name=standing.name(planned.name),
        image=planned.image if planned.foreign else bench.tags[planned.image],
        labels=_labels(standing, "server", planned.name, repr(planned.command)),
        command=planned.command or None,
        environment=planned.environment,
        user=planned.user,
        network=f"container:{standing.holders[planned.namespace].id}",
        mounts=(_volume(standing),),
        tmpfs=_tmpfs(planned.writable),
        read_only=planned.read_only,
    )
    made = _made(standing, spec)
    placed, certificates = bench.authority.files(planned)
    standing.certificates += certificates
    put_files(bench.docker, made, planned, placed)
    return made


def _volume(standing: Standing) -> docker.Mount:
    """Where configurations and keys go; labelled, for whoever removes the container may forget it."""
    return docker.Mount(CONFIG_FOLDER, labels=run_labels(standing.bench.run, "files"))


def _tmpfs(folders: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((folder, "mode=1777,size=64m,nosuid,nodev") for folder in folders)


def _start(standing: Standing, planned: PlannedContainer, made: str) -> None:
    docker.start(standing.bench.docker, made, f"{planned.name} ({planned.image})")
    standing.servers[planned.name] = docker.inspect(standing.bench.docker, made)


def _client(standing: Standing, vantage: str) -> None:
    """Start a client inside the namespace that a probe is to come from."""
    bench = standing.bench
    network = "host" if vantage == HOST else f"container:{standing.holders[vantage].id}"
    spec = docker.ContainerSpec(
        name=standing.name(f"client-{vantage}"),
        image=bench.tags["client"],
        labels=_labels(standing, "client", f"client-{vantage}", vantage),
        user="10001:10001",
        network=network,
        tmpfs=_tmpfs(("/tmp",)),  # noqa: S108 - inside the container
        stdin_open=True,
    )
    _start_client(standing, vantage, _made(standing, spec))


def _start_client(standing: Standing, vantage: str, made: str) -> None:
    bench = standing.bench
    client = agents.over(docker.attach(bench.docker, made), f"the client in {vantage}")
    standing.clients[vantage], standing.client_ids[vantage] = client, made
    docker.start(bench.docker, made)
    client.ready(READY_SECONDS)
    client.ask("trust", ca=bench.authority.pem)
