"""Containers run with the least they need, by the engine's word and by their own kernel's; keys stay where they belong."""

from __future__ import annotations

import io
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from lab.engine import docker as engine
from lab.engine import images, labels
from lab.engine.bench import RECORDER_CAPABILITIES
from lab.engine.docker import BuildSpec
from lab.engine.progress import Silent
from tests.command import ROOT, at_phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.engine.docker import Docker
    from tests.command import Project

ALL_SERVERS = """
namespaces:
  web: {names: [shop.example], publish: [{port: 8443}, {port: 8443, on: gateway}]}
containers:
  first:
    namespace: web
    server: nginx
    listen: [{on: "0.0.0.0:8443", tls: ended, names: [shop.example], routes: [{to: "127.0.0.1:8081"}]}]
  second: {namespace: web, server: haproxy, listen: [{on: "127.0.0.1:8081", routes: [{to: "127.0.0.1:8082"}]}]}
  third: {namespace: web, server: envoy, listen: [{on: "127.0.0.1:8082", routes: [{to: "127.0.0.1:3000"}]}]}
  app: {namespace: web, server: app, listen: [{on: "127.0.0.1:3000"}]}
probes:
  order:
    request: {url: "https://shop.example:8443/orders"}
    expect: {status: 200, route: [first, second, third, app]}
  by-hand:
    from: host
    via: published
    exact: {connect_to: "web:8443", send: "x", timeout: 1.0}
  waits:
    from: web
    exact: {connect_to: "127.0.0.1:3000", send: "GET / HTTP/1.1\\r\\n", timeout: 30.0}
"""
"""Its last probe waits, so that a run can be looked at."""

ROOT_MAY = {"recorder"}


@pytest.fixture
def under_way(docker: Docker, project: Project) -> Iterator[dict[str, dict[str, Any]]]:
    """Every container of a run in its probe phase, by role and name, as the engine tells it."""
    project.scenario("all", ALL_SERVERS)
    process = project.begin("run", "all")
    at_phase(process, ": probe")
    found = {}
    for thing in engine.labelled(docker, {labels.RUN: None}):
        if thing.kind == "container" and f"pid={process.pid} " in thing.labels.get(labels.OWNER, ""):
            name = thing.labels.get(labels.NAME) or thing.labels[labels.ROLE]
            found[f"{thing.labels[labels.ROLE]} {name}"] = docker.api.inspect_container(thing.id)
    yield found
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)


def test_every_container_of_a_run_has_the_least_it_needs(docker: Docker, under_way: dict[str, dict[str, Any]]) -> None:
    assert {name.split()[0] for name in under_way} == {"recorder", "holder", "client", "server"}
    assert len(under_way) == 9, "recorder, holder, three clients, four servers"
    for name, body in under_way.items():
        _by_the_engine_s_word(name, body)
        _by_the_kernel_s_word(docker, name, body)


def _by_the_engine_s_word(name: str, body: dict[str, Any]) -> None:
    host, role = body["HostConfig"], name.split(maxsplit=1)[0]
    assert host["Privileged"] is False, name
    assert host["CapDrop"] == ["ALL"], name
    assert sorted(host["CapAdd"] or ()) == (sorted(RECORDER_CAPABILITIES) if role == "recorder" else []), name
    assert "no-new-privileges" in " ".join(host["SecurityOpt"]), name
    assert host["ReadonlyRootfs"] is True, name
    assert not host["Ulimits"], name
    assert not host["Devices"], name
    assert (host["PidMode"] == "host") is (role == "recorder"), name
    assert host["IpcMode"] != "host", name
    assert (host["NetworkMode"] == "host") is (name == "client client-host"), name
    assert body["Config"]["User"].split(":")[0] not in ("", "0", "root") or role in ROOT_MAY, name
    assert {mount["Type"] for mount in body["Mounts"]} <= {"volume"}, name
    assert "docker.sock" not in str(body["Mounts"]) + str(host["Binds"]), name
    gateways = {end["Gateway"] for end in body["NetworkSettings"]["Networks"].values()}
    for bindings in (host["PortBindings"] or {}).values():
        assert {one["HostIp"] for one in bindings} <= {"127.0.0.1", *gateways}, name


def _by_the_kernel_s_word(docker: Docker, name: str, body: dict[str, Any]) -> None:
    """What its first process has, read from inside; the recorder sees the host's processes and is left out."""
    if name.startswith("recorder"):
        return
    code, said = engine.exec_in(docker, body["Id"], ("cat", "/proc/1/status"))
    assert code == 0, said
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, name
    assert status["NoNewPrivs"] == "1", name
    assert "0" not in status["Uid"].split(), name
    code, said = engine.exec_in(docker, body["Id"], ("touch", "/written"))
    assert code != 0, name
    assert "Read-only file system" in said or "Permission denied" in said, said


def test_control_a_container_without_these_settings_would_be_found_out(docker: Docker) -> None:
    spec = engine.ContainerSpec("lab-test-loose", "lab/base:trixie", {}, ("sleep", "60"), cap_drop=(), security_opt=())
    made = engine.create_container(docker, spec)
    try:
        with pytest.raises(AssertionError):
            _by_the_engine_s_word("server loose", docker.api.inspect_container(made))
        engine.start(docker, made)
        with pytest.raises(AssertionError):
            _by_the_kernel_s_word(docker, "server loose", docker.api.inspect_container(made))
    finally:
        engine.remove_container(docker, made)


def test_a_key_is_its_server_s_alone_and_leaves_no_trace(docker: Docker, project: Project) -> None:
    project.scenario("all", ALL_SERVERS.partition("  waits:")[0])
    done = project.lab("up", "all")
    try:
        assert done.code == 0, done.all
        server = "lab-all-first"
        code, said = engine.exec_in(docker, server, ("stat", "-c", "%a %u:%g %n", *(f"/etc/lab/tls/8443.{x}" for x in KINDS)))
        assert code == 0, said
        assert said.split("\n")[:3] == [
            "600 10001:10001 /etc/lab/tls/8443.key",
            "600 10001:10001 /etc/lab/tls/8443.pem",
            "644 0:0 /etc/lab/tls/8443.crt",
        ]
        code, said = engine.exec_in(docker, "lab-all-app", ("ls", "/etc/lab/tls/8443.key"))
        assert code != 0, "a neighbour in the same network namespace has not got it"
        assert "PRIVATE KEY" not in str([docker.api.inspect_container(f"lab-all-{one}") for one in ("first", "app", "client")])
        assert not [line for line in engine.logs(docker, server) if "PRIVATE KEY" in line]
    finally:
        project.lab("down", "all")
    assert project.lab("run", "all", "--json", "out.json", "-v").code in (0, 1)
    held = [path for path in project.folder.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert held == []
    assert list(project.folder.rglob("configs/first/nginx.conf")), "configurations are there, keys are not"


KINDS = ("key", "pem", "crt")

OWN = """
namespaces: {{web: {{names: [shop.example]}}}}
containers:
  app:
    namespace: web
    image: {image}
    command: [python3, /etc/lab/serve.py]
    files: {{/etc/lab/serve.py: {{source: serve.py}}}}
    listen: [{{on: "0.0.0.0:8443", tls: ended, names: [shop.example]}}]
probes:
  order:
    request: {{url: "https://shop.example:8443/"}}
    expect: {{status: 200, route: [{{to: app, tls: ended}}], tls_ends_at: [app], certificate: app}}
"""
SERVE = """
import http.server, ssl
server = http.server.HTTPServer(("0.0.0.0", 8443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/lab/tls/8443.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@pytest.mark.parametrize("user", ["10001:10001", "lab"])
def test_an_image_of_one_s_own_can_read_its_key_whoever_it_runs_as(docker: Docker, project: Project, user: str) -> None:
    shop = images.Workshop(docker, ROOT / "images", ROOT / ".lab", Silent())
    base = images.ensure(shop, ["client"])["client"].reference
    reference = f"lab-test/own-{user.partition(':')[0]}:1"
    dockerfile = f"ARG BASE\nFROM ${{BASE}}\nUSER {user}\n".encode()
    context = io.BytesIO(images.context({"Dockerfile": (dockerfile, False)}))
    engine.build_image(docker, BuildSpec(reference, {}, {"BASE": base}), context, lambda _: None)
    project.file("serve.py", SERVE)
    project.scenario("own", OWN.format(image=reference))
    try:
        done = project.lab("run", "own")
    finally:
        engine.remove_image(docker, reference)
    assert done.code == 0, done.all
