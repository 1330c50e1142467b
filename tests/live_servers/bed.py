"""Servers of the lab in one namespace without a network, and a client in it: what a generated configuration really does."""

from __future__ import annotations

import base64
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.engine import docker as engine
from lab.engine import labels
from lab.engine.pki import Authority
from lab.model.plan import CONFIG_FOLDER
from lab.model.scenario import Case, Scenario
from lab.plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lab.engine.docker import Docker
    from lab.engine.pki import Placed
    from lab.model.catalogue import Catalogue
    from lab.model.plan import PlannedContainer

NAMESPACE = "bed"
PATIENCE = 10.0
"""Seconds for a listener to come up; Envoy needs 0.3 s."""


def planned(catalogue: Catalogue, containers: Mapping[str, Mapping[str, Any]]) -> tuple[PlannedContainer, ...]:
    """Plan containers as a scenario would have them, all in one namespace."""
    inside = {name: {**one, "namespace": NAMESPACE} for name, one in containers.items()}
    scenario = Scenario.model_validate_json(json.dumps({"id": "bed", "title": "t", "containers": inside}))
    return plan(Case("bed", scenario, None, "bed.yaml", ()), catalogue, {}).containers


@dataclass
class Bed:
    """The namespace, its client, and the servers that stand in it now."""

    docker: Docker
    run: labels.Run
    tags: Mapping[str, str]
    catalogue: Catalogue
    authority: Authority = field(default_factory=Authority)
    client: str = ""
    servers: dict[str, str] = field(default_factory=dict)

    def open(self) -> None:
        """Start the client, which owns the namespace."""
        self.client = self._made("client", self.tags["client"], ("sleep", "600"), "none", tmpfs=(("/tmp", "mode=1777"),))
        engine.start(self.docker, self.client)

    def create(self, container: PlannedContainer, command: tuple[str, ...] | None = None) -> str:
        """Create a server with its files in place; it does not run yet."""
        made = self._made(
            f"{container.name}-{len(self.servers)}-{time.monotonic_ns()}",
            self.tags[container.image],
            command or container.command,
            f"container:{self.client}",
            user=container.user,
            mounts=(engine.Mount(CONFIG_FOLDER, labels=labels.run_labels(self.run, "files")),),
            tmpfs=tuple((folder, "mode=1777,size=64m") for folder in container.writable),
            read_only=container.read_only,
        )
        placed, _ = self.authority.files(container)
        engine.put_files(self.docker, made, CONFIG_FOLDER, _files(container, placed))
        return made

    def _made(self, name: str, image: str, command: tuple[str, ...], network: str, **more: Any) -> str:
        mark = labels.run_labels(self.run, "test")
        made = labels.object_name(self.run, "", name)
        return engine.create_container(self.docker, engine.ContainerSpec(made, image, mark, command, network=network, **more))

    def check(self, container: PlannedContainer) -> tuple[int, str]:
        """Exit code and words of the server's own look at its configuration."""
        command = self.catalogue.servers[container.image].check
        made = self.create(container, command)
        try:
            engine.start(self.docker, made)
            code = engine.wait(self.docker, made, PATIENCE)
            return code, "\n".join(engine.logs(self.docker, made))
        finally:
            engine.remove_container(self.docker, made)

    def stand(self, containers: Sequence[PlannedContainer]) -> None:
        """Start servers and wait until each of their ports is listened on."""
        for container in containers:
            made = self.servers[container.name] = self.create(container)
            engine.start(self.docker, made)
        self.await_ports({one.port for container in containers for one in container.listeners})

    def await_ports(self, ports: set[int]) -> None:
        """Wait until each port is listened on."""
        if not until(lambda: ports <= {row.port for row in self.listeners()}):
            words = "\n".join(line for made in self.servers.values() for line in engine.logs(self.docker, made, tail=8))
            raise AssertionError(f"nothing listens on {ports - {row.port for row in self.listeners()}}\n{words}")

    def fall(self) -> None:
        """Remove the servers."""
        for made in self.servers.values():
            engine.remove_container(self.docker, made)
        self.servers.clear()

    def listeners(self) -> list[Row]:
        """Listening sockets of the namespace, from the kernel."""
        _, text = engine.exec_in(self.docker, self.client, ("ss", "-Hltun"))
        return [_row(line.split()) for line in text.splitlines()]

    def python(self, program: str, *words: str) -> str:
        """What a Python program in the client's container writes."""
        code, text = engine.exec_in(self.docker, self.client, ("python3", "-c", program, *words))
        assert code == 0, text
        return text

    def ask(self, port: int, data: bytes, **more: Any) -> bytes:
        """All that comes back on a connection on which exactly `data` is sent."""
        asked = {"port": port, "send": base64.b64encode(data).decode(), **more}
        return base64.b64decode(self.python(ASK, json.dumps(asked)))


@dataclass(frozen=True)
class Row:
    """One listening socket."""

    transport: str
    address: str
    port: int
    backlog: int


def _row(words: list[str]) -> Row:
    address, _, port = words[4].rpartition(":")
    return Row(words[0], address, int(port), int(words[3]))


def _files(container: PlannedContainer, placed: Iterable[Placed]) -> list[engine.ArchiveFile]:
    uid, _, gid = (container.user or "0:0").partition(":")
    own = [engine.ArchiveFile(one.path, one.content) for one in container.files]
    return own + [
        engine.ArchiveFile(one.path, one.content, 0o600 if one.secret else 0o644, int(uid), int(gid)) for one in placed
    ]


def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether it comes to hold within so long."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := holds()) and time.monotonic() < deadline:
        pause.wait(0.03)
    return found


ASK = """
import base64, json, socket, ssl, sys
asked = json.loads(sys.argv[1])
sock = socket.create_connection(("127.0.0.1", asked["port"]), timeout=asked.get("timeout", 5))
if "line" in asked:
    sock.sendall(asked["line"].encode())
got = b""
try:
    if asked.get("tls"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sock = context.wrap_socket(sock, server_hostname=asked.get("sni"))
    sock.sendall(base64.b64decode(asked["send"]))
    while piece := sock.recv(65536):
        got += piece
except TimeoutError:
    got = got or b"(nothing)"
except OSError as error:
    got += f"({type(error).__name__}: {error})".encode()
print(base64.b64encode(got).decode())
"""
