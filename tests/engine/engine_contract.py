"""What the adapter promises, for the engine in memory and for a real one alike."""

from __future__ import annotations

import pytest

from lab.engine import docker as engine
from lab.engine import labels
from lab.engine.docker import ContainerSpec, Docker, NetworkSpec
from lab.engine.docker.connection import ConflictError, NotFoundError
from lab.engine.errors import MachineError

SUBNET, GATEWAY = "10.214.7.0/28", "10.214.7.1"


def holds(docker: Docker, image: str, run: labels.Run) -> None:
    """Walk through the life of a run's objects; every refusal is the adapter's own."""
    mark = labels.run_labels(run, "test")
    assert all((engine.facts(docker).version, engine.facts(docker).kernel, engine.facts(docker).root))
    name = labels.object_name(run, "contract", "one")
    network = engine.create_network(docker, NetworkSpec(name, mark, SUBNET, GATEWAY, internal=True))
    assert (network.name, network.subnets, network.gateway, network.internal) == (name, (SUBNET,), GATEWAY, True)
    with pytest.raises(ConflictError):
        engine.create_network(docker, NetworkSpec(f"{name}-2", mark, SUBNET, GATEWAY, internal=True))

    container = engine.create_container(docker, ContainerSpec(name, image, mark, network=name))
    with pytest.raises(ConflictError):
        engine.create_container(docker, ContainerSpec(name, image, mark))
    with pytest.raises(NotFoundError):
        engine.create_container(docker, ContainerSpec(f"{name}-2", "lab/no-such-image:0", mark))
    with pytest.raises(ConflictError):
        engine.kill(docker, container)
    engine.start(docker, container)
    facts = engine.inspect(docker, container)
    assert (facts.state, facts.exit_code, facts.name) == ("running", None, name)
    assert facts.pid > 0
    with pytest.raises(MachineError, match="active endpoints"):
        engine.remove_network(docker, network.id)

    with pytest.raises(MachineError):
        engine.unpause(docker, container)
    engine.pause(docker, container)
    with pytest.raises(ConflictError):
        engine.pause(docker, container)
    assert engine.inspect(docker, container).state == "paused"
    engine.unpause(docker, container)
    assert engine.inspect(docker, container).state == "running"
    engine.pause(docker, container)  # and so it is removed below

    engine.create_volume(docker, name, mark)
    assert engine.create_volume(docker, name, mark) == name
    found = engine.labelled(docker, {labels.RUN: run.id})
    assert sorted((one.kind, one.name) for one in found) == [("container", name), ("network", name), ("volume", name)]
    assert engine.labelled(docker, {labels.RUN: "another"}) == ()

    for one in (*found, *found):  # what is gone already is no error
        engine.remove_labelled(docker, one)
    assert engine.labelled(docker, {labels.RUN: run.id}) == ()
    with pytest.raises(NotFoundError):
        engine.inspect(docker, container)
