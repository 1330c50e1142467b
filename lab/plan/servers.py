"""One container of a scenario, planned: what it runs, its files, its leaf certificates, the listeners to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.arrangement import leaf_names, namespace_of, split
from lab.model.plan import CONFIG_FOLDER, PlannedContainer, PlannedFile, PlannedLeaf, PlannedListener
from lab.model.scenario import Database, Tls
from lab.plan.abilities import supported
from lab.plan.render import render
from lab.plan.shapes import RenderDatabase, RenderListener, RenderRule, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.model.catalogue import Catalogue, Server
    from lab.model.scenario import Container, Listen, Rule, Scenario

LOOPBACK = "127.0.0.1"


def planned_container(name: str, scenario: Scenario, catalogue: Catalogue, siblings: Mapping[str, bytes]) -> PlannedContainer:
    """Plan one container. Raises `Unsupported` for what its server cannot do."""
    container = scenario.containers[name]
    leaves = _leaves(name, scenario, container)
    if container.image is not None:
        return _foreign(name, container, leaves, siblings)
    row = catalogue.servers[str(container.server)]
    files = (*_config(name, scenario, row, catalogue, siblings, leaves), *_files(container, siblings))
    return PlannedContainer(
        name=name,
        namespace=namespace_of(name, container),
        image=row.folder,
        foreign=False,
        command=container.command or row.command,
        environment=tuple(sorted(container.environment.items())),
        files=files,
        leaves=tuple(leaves.values()),
        needs_ca=_verifies(container),
        listeners=_listeners(container),
        user=row.user,
        read_only=row.read_only and all(file.path.startswith(f"{CONFIG_FOLDER}/") for file in files),
        writable=row.writable,
        polls=row.speaks == "runtime",
        listens_early=row.listens_early,
    )


def _foreign(
    name: str, container: Container, leaves: Mapping[str, PlannedLeaf], siblings: Mapping[str, bytes]
) -> PlannedContainer:
    return PlannedContainer(
        name=name,
        namespace=namespace_of(name, container),
        image=container.image or "",
        foreign=True,
        command=container.command,
        environment=tuple(sorted(container.environment.items())),
        files=_files(container, siblings),
        leaves=tuple(leaves.values()),
        needs_ca=_verifies(container),
        listeners=_listeners(container),
        user=None,
        read_only=False,
        writable=(),
    )


def _listeners(container: Container) -> tuple[PlannedListener, ...]:
    over_quic = [listen for listen in container.listen if listen.quic]
    waited = [(listen.transport, listen) for listen in container.listen] + [("udp", listen) for listen in over_quic]
    return tuple(PlannedListener(transport, *split(listen.on)) for transport, listen in waited)


def _files(container: Container, siblings: Mapping[str, bytes]) -> tuple[PlannedFile, ...]:
    return tuple(
        PlannedFile(path, siblings[file.source] if file.source else (file.content or "").encode(), file.source or "")
        for path, file in container.files.items()
    )


def _leaves(name: str, scenario: Scenario, container: Container) -> dict[str, PlannedLeaf]:
    """Listener's address -> its leaf, for each listener that ends TLS for some name."""
    ending = [listen for listen in container.listen if _ends(listen)]
    ports = [split(listen.on)[1] for listen in ending]
    leaves = {}
    for listen in ending:
        address, port = split(listen.on)
        stem = str(port) if ports.count(port) == 1 else f"{_file_stem(address)}-{port}"
        leaves[listen.on] = PlannedLeaf(stem, name, leaf_names(scenario, name, listen))
    return leaves


def _file_stem(address: str) -> str:
    return ("ip6" if ":" in address else "") + address.lower().replace(":", "-").replace(".", "-")


def _verifies(container: Container) -> bool:
    asked = any(listen.client_certificate for listen in container.listen)
    return asked or any(rule.upstream_tls for listen in container.listen for rule in listen.routes)


def _ends(listen: Listen) -> bool:
    return listen.tls is Tls.ENDED or any(rule.tls is Tls.ENDED for rule in listen.routes)


def _config(  # noqa: PLR0913, PLR0917 - all of it is needed to render one file
    name: str,
    scenario: Scenario,
    row: Server,
    catalogue: Catalogue,
    siblings: Mapping[str, bytes],
    leaves: Mapping[str, PlannedLeaf],
) -> tuple[PlannedFile, ...]:
    container = scenario.containers[name]
    if row.config is None:
        if row.role == "application":
            supported(row, tuple(_listener(name, scenario, listen, leaves) for listen in container.listen), Settings())
        return ()
    path = f"{CONFIG_FOLDER}/{row.config}"
    if container.config is not None:
        return (PlannedFile(path, siblings[container.config], container.config),)
    listeners = tuple(_listener(name, scenario, listen, leaves) for listen in container.listen)
    settings = _settings(name, scenario, container)
    keys = {path: row.name} | {f"{CONFIG_FOLDER}/{file}": f"{row.name}/{file}" for file in row.more}
    return tuple(
        PlannedFile(file, render(row, catalogue.templates[key], listeners, settings).encode()) for file, key in keys.items()
    )


def _settings(name: str, scenario: Scenario, container: Container) -> Settings:
    return Settings(container.workers, container.limits, _database(name, scenario, container))


def _database(name: str, scenario: Scenario, container: Container) -> RenderDatabase | None:
    if container.database is None:
        return None
    wanted = container.database if isinstance(container.database, Database) else Database(address=container.database)
    host, port = split(wanted.address)
    return RenderDatabase(_reach(name, scenario, host), port, wanted.pool == "eager")


def _listener(name: str, scenario: Scenario, listen: Listen, leaves: Mapping[str, PlannedLeaf]) -> RenderListener:
    address, port = split(listen.on)
    leaf = leaves.get(listen.on)
    return RenderListener(
        address=address,
        port=port,
        tls=listen.tls,
        leaf=leaf.id if leaf else None,
        names=leaf.names if leaf else (),
        rules=tuple(_rule(name, scenario, listen, rule) for rule in listen.routes),
        ipv6=":" in address,
        transport=listen.transport,
        quic=listen.quic,
        backlog=listen.backlog,
        defer_accept=listen.defer_accept,
        reuse_port=listen.reuse_port,
        tls_version=listen.tls_version,
        early_data=listen.early_data,
        client_certificate=listen.client_certificate,
        proxy_protocol=listen.proxy_protocol,
        only_known_names=listen.only_known_names,
        deny=listen.deny,
        rate=listen.rate,
        alpn=listen.alpn,
        h2c=listen.h2c,
    )


def _rule(name: str, scenario: Scenario, listen: Listen, rule: Rule) -> RenderRule:
    host, port = split(rule.to)
    return RenderRule(
        host=_reach(name, scenario, host),
        port=port,
        sni=rule.sni,
        http_host=rule.host,
        path=rule.path,
        tls=rule.tls or listen.tls,
        upstream_tls=rule.upstream_tls.name if rule.upstream_tls else None,
        send_proxy=rule.send_proxy,
        fastcgi=rule.fastcgi,
        h2=rule.http is not None,
    )


def _reach(name: str, scenario: Scenario, host: str) -> str:
    """How `host` is reached from container `name`: by loopback in one's own namespace, else by its DNS name."""
    if host not in scenario.containers or host in scenario.namespaces:
        return host
    theirs = namespace_of(host, scenario.containers[host])
    return LOOPBACK if theirs == namespace_of(name, scenario.containers[name]) else theirs
