"""Each error that a user meets: the exit code, the words, the next move, and nothing left behind."""

from __future__ import annotations

import json
import resource
import shutil
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from lab.engine import docker as engine
from lab.engine import labels
from tests.command import ROOT, SLOW, Done, at_phase, interrupt, left_by

if TYPE_CHECKING:
    from pathlib import Path

    from lab.engine.docker import Docker
    from tests.command import Project

PROBE = """
probes:
  one:
    request: {url: "http://app:8080/"}
    expect: {status: 200}
"""


def foreign(command: str) -> str:
    listen = 'listen: [{on: "0.0.0.0:8080"}]'
    return f"containers:\n  app: {{image: lab/base:trixie, command: {command}, {listen}}}\n{PROBE}"


def own_config(server: str) -> str:
    rest = 'listen: [{on: "0.0.0.0:8080", routes: [{to: "127.0.0.1:3000"}]}]'
    return f"containers:\n  app: {{server: {server}, config: files/mine.conf, {rest}}}\n{PROBE}"


def ends(docker: Docker, done: Done, code: int, *words: str) -> None:
    """It ended so, said so, without a traceback, and left nothing."""
    assert done.code == code, done.all
    assert [word for word in words if word not in done.all] == [], done.all
    assert "Traceback" not in done.all
    assert left_by(docker, done.pid) == []


def test_an_image_that_dies_at_start(docker: Docker, project: Project) -> None:
    project.scenario("dies", foreign('[perl, -e, "print STDERR qq(no database at db:5432\\\\n); exit 7"]'))
    ends(docker, project.lab("run", "dies"), 3, "app", "exit code 7", "no database at db:5432", "Next: ")


def test_a_program_that_is_not_in_the_image(docker: Docker, project: Project) -> None:
    project.scenario("absent", foreign("[no-such-program]"))
    done = project.lab("run", "absent")
    ends(docker, done, 3, "starting app", '"no-such-program"', "not found", "Next: mend the container's `command`")


def test_an_image_that_nobody_has(docker: Docker, project: Project) -> None:
    project.scenario("nobody", foreign("[sleep, infinity]").replace("lab/base:trixie", "registry.invalid/nobody/has:1"))
    ends(docker, project.lab("run", "nobody"), 3, "registry.invalid/nobody/has:1", "cannot be pulled", "Next: ")


def test_two_containers_on_one_address(docker: Docker, project: Project) -> None:
    """One of them listens; that the address is open must not be taken for both being ready. Where the scenario says it of both,
    it is told before anything is started; a configuration of one's own can hide it."""
    one = '{namespace: app, server: app, listen: [{on: "0.0.0.0:8080"}]}'
    two = '{namespace: app, server: app, config: files/mine.conf, listen: [{on: "0.0.0.0:8081"}]}'
    text = f"namespaces: {{app: {{}}}}\ncontainers:\n  one: {one}\n  two: {two}\n{PROBE}"
    project.file("files/mine.conf", json.dumps({"listeners": [{"address": "0.0.0.0", "port": 8080, "tls": "none"}]}))
    project.scenario("inuse", text)
    ends(docker, project.lab("run", "inuse"), 3, "Address already in use", "before it listened", "Next: ")
    project.scenario("inuse", text.replace("8081", "8080"))
    ends(docker, project.lab("run", "inuse"), 2, "tcp port 8080 of this namespace is held by `one`")


def test_a_host_port_that_is_taken(docker: Docker, project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        project.scenario(
            "taken",
            f"namespaces: {{app: {{publish: [{{port: 8080, host_port: {port}}}]}}}}\n"
            f'containers: {{app: {{server: app, listen: [{{on: "0.0.0.0:8080"}}]}}}}\n{PROBE}',
        )
        done = project.lab("run", "taken")
    ends(docker, done, 3, f"127.0.0.1:{port}", "address already in use", "namespace app", "Next: choose another host port")


def test_a_server_that_listens_elsewhere(docker: Docker, project: Project) -> None:
    """What it does listen on is the first thing that one wants to know."""
    project.file("files/mine.conf", json.dumps({"listeners": [{"address": "127.0.0.1", "port": 8081, "tls": "none"}]}))
    project.scenario(
        "elsewhere",
        f'containers:\n  app: {{server: app, config: files/mine.conf, listen: [{{on: "0.0.0.0:8080"}}]}}\n{PROBE}',
    )
    done = project.lab("run", "elsewhere")
    ends(docker, done, 3, "app does not listen on 0.0.0.0:8080", "these are open: 127.0.0.1:8081", "Next: ")


WRONG = {
    "nginx": ("events {}\nhttp {\n  server {\n    listen 8080\n  }\n}\n", "/etc/lab/nginx.conf:5"),
    "haproxy": ("frontend a\n  bindd :8080\n", "haproxy.cfg:2] : unknown keyword 'bindd'"),
    "envoy": ('{"static_resources": {"listenrs": []}}', "listenrs"),
}


@pytest.mark.parametrize("server", WRONG)
def test_a_configuration_of_ones_own_with_a_mistake(docker: Docker, project: Project, server: str) -> None:
    """The server's own words, their place, and which file of the user's that is."""
    text, words = WRONG[server]
    project.file("files/mine.conf", text)
    project.scenario("mistake", own_config(server))
    done = project.lab("run", "mistake")
    ends(docker, done, 3, words, "is files/mine.conf beside the scenario")
    assert "may write" not in done.all, "its last words do not complain of that"


UNWRITABLE = "events {}\nhttp { access_log /srv/mine.log; server { listen 8080; } }\n"


def test_a_configuration_that_writes_where_it_may_not_is_told_where_it_may(docker: Docker, project: Project) -> None:
    project.file("files/mine.conf", UNWRITABLE)
    project.scenario("unwritable", own_config("nginx"))
    ends(docker, project.lab("run", "unwritable"), 3, '"/srv/mine.log" failed', "/var/log/nginx, /dev/stdout")


def test_up_leaves_nothing_of_what_did_not_come_up(docker: Docker, project: Project) -> None:
    project.scenario("dies", foreign("[perl, -e, 'exit 7']"))
    ends(docker, project.lab("up", "dies"), 3, "exit code 7", "(it wrote nothing)")


def test_a_build_that_fails_names_the_step_and_leaves_no_layer(docker: Docker, project: Project) -> None:
    shutil.copytree(ROOT / "images", project.folder / "images")
    with (project.folder / "images" / "app" / "Dockerfile").open("a") as file:
        file.write("RUN echo about to fail && cat /no/such/file\n")
    project.scenario("plain", f'containers: {{app: {{server: app, listen: [{{on: "0.0.0.0:8080"}}]}}}}\n{PROBE}')
    before = _layers(docker)
    done = project.lab("run", "plain")
    ends(docker, done, 3, "RUN echo about to fail", "about to fail", "cat: /no/such/file: No such file or directory")
    assert "COPY" not in done.all, "steps that did not fail are not told"
    assert _layers(docker) <= before


def test_ctrl_c_breaks_a_build_off_at_once(docker: Docker, project: Project) -> None:
    shutil.copytree(ROOT / "images", project.folder / "images")
    with (project.folder / "images" / "app" / "Dockerfile").open("a") as file:
        file.write("RUN sleep 60\n")
    project.scenario("slow", SLOW)
    before = _layers(docker)
    process = project.begin("run", "slow")
    at_phase(process, "image app")
    threading.Event().wait(1.5)  # into the step that sleeps; earlier is as good
    begun = time.monotonic()
    done = interrupt(process)
    assert done.code == 130, done.all
    assert time.monotonic() - begun < 10
    assert left_by(docker, done.pid) == []
    assert _layers(docker) <= before


def _layers(docker: Docker) -> set[str]:
    return {image.id for image in engine.images(docker, {labels.IMAGE: None}, dangling=True)}


def test_no_engine_at_all(docker: Docker, project: Project) -> None:
    project.scenario("plain", foreign("[sleep, infinity]"))
    ends(docker, project.lab("run", LAB_ENGINE="none"), 3, "LAB_ENGINE=none", "Next: unset LAB_ENGINE")
    done = project.lab("run", LAB_ENGINE="unix:///nowhere/docker.sock")
    ends(docker, done, 3, "no answer from the engine at unix:///nowhere/docker.sock", "Next: ")
    ends(docker, project.lab("run", LAB_ENGINE="podman"), 3, "LAB_ENGINE=podman", "auto, own, none")


def test_a_folder_of_runs_that_cannot_be_written(docker: Docker, project: Project, tmp_path: Path) -> None:
    project.scenario("plain", foreign("[sleep, infinity]"))
    (tmp_path / "file").touch()
    done = project.lab("run", LAB_RUNS=str(tmp_path / "file" / "runs"))
    ends(docker, done, 3, "the folder of runs", "cannot be written", "Next: make it writable, or set LAB_RUNS")


def test_a_disk_that_fills_up_while_results_are_written(docker: Docker, project: Project, tmp_path: Path) -> None:
    """Stood in for by a limit on the size of a file, which the kernel refuses in the same way."""
    project.scenario("plain", f'containers: {{app: {{server: app, listen: [{{on: "0.0.0.0:8080"}}]}}}}\n{PROBE}')
    process = project.begin("run", "plain", LAB_RUNS=str(tmp_path / "runs"))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (8000, 8000))
    out, err = process.communicate(timeout=120)
    ends(docker, Done(process.returncode, out, err, process.pid), 3, "Next: make room", "LAB_RUNS")
    for path in (tmp_path / "runs").rglob("*result.json*"):
        assert json.loads(path.read_bytes()), "none is half written"


def test_names_that_mean_nothing(docker: Docker, project: Project) -> None:
    project.scenario("plain", foreign("[sleep, infinity]"))
    ends(docker, project.lab("run", "plian"), 2, "plian", "did you mean plain")
    ends(docker, project.lab("up", "nothing-like-it"), 2, "nothing-like-it", "lab list")
    ends(docker, project.lab("down", "plain"), 2, "plain does not stand", "lab ps")
    ends(docker, project.lab("logs", "plain"), 2, "plain does not stand", "lab up plain")
    ends(docker, project.lab("run", "--no-such-option"), 2, "--no-such-option")
