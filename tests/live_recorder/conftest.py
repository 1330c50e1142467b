"""A recorder and containers for it to watch, on a real engine. Everything carries one label and is removed by it."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.engine import agent as agents
from lab.engine import docker, forbidding, images, locate
from lab.engine.bench import RECORDER_CAPABILITIES
from lab.engine.progress import Silent

ROOT = Path(__file__).parents[2]
LABEL = "lab.test.recorder"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "docker: needs a container engine and its host's kernel")


@dataclass
class Place:
    """An engine, the images, and a name that nobody else has."""

    engine: docker.Docker
    tags: dict[str, str]
    name: str = field(default_factory=lambda: f"rec-{secrets.token_hex(3)}")
    networks: list[str] = field(default_factory=list)

    def run(self, name: str, network: str, *command: str, **more: object) -> docker.ContainerFacts:
        """Start a container."""
        spec = docker.ContainerSpec(
            name=f"{self.name}-{name}",
            image=self.tags["client"],
            labels={LABEL: self.name},
            command=command or ("sleep", "120"),
            network=network,
            **more,  # type: ignore[arg-type]
        )
        made = docker.create_container(self.engine, spec)
        docker.start(self.engine, made)
        return docker.inspect(self.engine, made)

    def python(self, name: str, network: str, program: str, **more: object) -> docker.ContainerFacts:
        return self.run(name, network, "python3", "-c", program, **more)

    def network(self, octet: int, *, internal: bool = True) -> docker.NetworkFacts:
        spec = docker.NetworkSpec(
            name=f"{self.name}-{octet}",
            labels={LABEL: self.name},
            subnet=f"10.213.{octet}.0/28",
            gateway=f"10.213.{octet}.1",
            internal=internal,
        )
        made = docker.create_network(self.engine, spec)
        self.networks.append(made.id)
        return made

    @contextmanager
    def recorder(
        self, capabilities: tuple[str, ...] = RECORDER_CAPABILITIES, without: tuple[str, ...] = (), *, told: bool = True
    ) -> Iterator[tuple[agents.Agent, str]]:
        """A recorder with these capabilities, forbidden these witnesses and perhaps told so, and its container's id."""
        spec = docker.ContainerSpec(
            name=f"{self.name}-recorder-{secrets.token_hex(2)}",
            image=self.tags["recorder"],
            labels={LABEL: self.name},
            cap_add=capabilities,
            security_opt=("no-new-privileges", "apparmor=unconfined", *forbidding.security(without)),
            environment=forbidding.environment(without) if told else (),
            tmpfs=(("/tmp", "mode=1777,size=16m"),),
            pid_mode="host",
            cgroupns="host",
            mounts=(docker.Mount("/evidence"),),
            stdin_open=True,
        )
        made = docker.create_container(self.engine, spec)
        agent = agents.over(docker.attach(self.engine, made), "the recorder")
        docker.start(self.engine, made)
        try:
            yield agent, made
        finally:
            agent.close()
            docker.wait(self.engine, made, 10)
            docker.remove_container(self.engine, made)

    def clear(self) -> None:
        for each in docker.containers(self.engine, {LABEL: self.name}):
            docker.remove_container(self.engine, each.id)
        for network in self.networks:
            docker.remove_network(self.engine, network)


@pytest.fixture(scope="session")
def built() -> tuple[docker.Docker, dict[str, str]]:
    engine = locate.engine()
    shop = images.Workshop(engine, ROOT / "images", ROOT / ".lab", Silent(), os.environ.get("LAB_TEST_REPOSITORY", "lab"))
    made = images.ensure(shop, ["recorder", "client"])
    return engine, {name: image.reference for name, image in made.items()}


@pytest.fixture
def place(built: tuple[docker.Docker, dict[str, str]]) -> Iterator[Place]:
    made = Place(*built)
    yield made
    made.clear()


@pytest.fixture
def evidence(place: Place, tmp_path: Path) -> Callable[[str, str], Path]:
    """Fetch a case's folder from the recorder, as the engine does."""

    def fetch(recorder: str, case: str) -> Path:
        for name, content in docker.get_archive(place.engine, recorder, f"/evidence/{case}").items():
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return tmp_path / case

    return fetch
