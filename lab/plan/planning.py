"""The plan of a case: defaults filled in, names resolved, files rendered, probes spelled out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.arrangement import aliases, all_namespaces, attachments, inside, network_names, split
from lab.model.plan import (
    Plan,
    PlannedAttachment,
    PlannedNamespace,
    PlannedNetwork,
    PlannedPublish,
)
from lab.plan import running
from lab.plan.probes import planned_probe
from lab.plan.servers import planned_container

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.model.catalogue import Catalogue
    from lab.model.scenario import Case, Namespace, Scenario


def plan(case: Case, catalogue: Catalogue, siblings: Mapping[str, bytes]) -> Plan:
    """The plan of a case. Raises `Unsupported` when a server cannot do what is asked of it."""
    scenario = case.scenario
    if scenario.target:
        return Plan(case.id, (), (), (), (), running.asked(scenario))
    namespaces = all_namespaces(scenario)
    return Plan(
        case=case.id,
        networks=_networks(scenario, namespaces),
        namespaces=tuple(_namespace(scenario, name, one) for name, one in namespaces.items()),
        containers=tuple(planned_container(name, scenario, catalogue, siblings) for name in scenario.containers),
        probes=tuple(planned_probe(name, probe) for name, probe in scenario.probes.items()),
    )


def _networks(scenario: Scenario, namespaces: Mapping[str, Namespace]) -> tuple[PlannedNetwork, ...]:
    published = {
        network for namespace in namespaces.values() if namespace.publish for network in attachments(scenario, namespace)
    }
    subnets = {name: network.subnet for name, network in scenario.networks.items()}
    return tuple(PlannedNetwork(name, subnets.get(name), internal=name not in published) for name in network_names(scenario))


def _namespace(scenario: Scenario, name: str, namespace: Namespace) -> PlannedNamespace:
    found_as = aliases(scenario, name, namespace)
    return PlannedNamespace(
        name=name,
        attachments=tuple(
            PlannedAttachment(network, one.address, found_as) for network, one in attachments(scenario, namespace).items()
        ),
        publish=tuple(PlannedPublish(one.port, one.host_port, one.on) for one in namespace.publish),
        ipv6=any(":" in host for host in _addresses(scenario, name)),
    )


def _addresses(scenario: Scenario, namespace: str) -> Iterator[str]:
    """Every address that somebody in this namespace listens on, or sends to."""
    for name in inside(scenario, namespace):
        for listen in scenario.containers[name].listen:
            yield split(listen.on)[0]
            yield from (split(rule.to)[0] for rule in listen.routes)
    for name, probe in scenario.probes.items():
        if probe.from_ == namespace:
            yield planned_probe(name, probe).connect[0]
