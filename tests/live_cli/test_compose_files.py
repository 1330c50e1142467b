"""The checked-in compose files, by plain compose: the same containers come up, answer a request, and go without a trace."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from lab.engine import images
from lab.engine.progress import Silent
from tests import compose_tool
from tests.command import ROOT

if TYPE_CHECKING:
    from lab.engine.docker import Docker


AT_ONCE = 4


def test_every_compose_file_is_one_that_compose_accepts(docker: Docker) -> None:
    files = sorted((ROOT / "compose").glob("*.yaml"))
    assert files
    compose_tool.command(docker)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(lambda file: compose_tool.run(docker, "-f", str(file), "config", "-q"), files)
        refused = {file.name: each.stderr for file, each in zip(files, done, strict=True) if each.returncode}
    assert refused == {}


CASES = {
    "tls-ends-in-proxy.nginx": '"target": "/orders"',
    "passthrough-by-sni.haproxy": '"target": "/orders"',
    "any-image.nginx": "ok",
}


@pytest.mark.parametrize("case", CASES)
def test_a_compose_file_comes_up_answers_and_goes(docker: Docker, case: str) -> None:
    images.ensure(images.Workshop(docker, ROOT / "images", ROOT / ".lab", Silent()))
    path = ROOT / "compose" / f"{case}.yaml"
    [request] = re.findall(r"exec client (curl .*)", path.read_text("utf-8"))
    file = ("--file", str(path))
    try:
        up = compose_tool.run(docker, *file, "up", "--detach")
        assert up.returncode == 0, up.stderr
        # Plain compose waits for nothing to listen: a proxy that is up before its upstream ends the connection under TLS.
        until_up = ("--retry-all-errors", "--retry", "9")
        answer = compose_tool.run(docker, *file, "exec", "-T", "client", *request.split(), *until_up)
        assert CASES[case] in answer.stdout, answer.stderr
    finally:
        down = compose_tool.run(docker, *file, "down", "--volumes")
    assert down.returncode == 0, down.stderr
    project = f"lab-{case.replace('.', '-')}"
    filters = {"label": [f"com.docker.compose.project={project}"]}
    assert docker.api.containers(all=True, filters=filters) == []
    assert docker.api.networks(filters=filters) == []
    assert docker.api.volumes(filters=filters)["Volumes"] in (None, [])
