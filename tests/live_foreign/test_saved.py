"""What `lab trace --save` wrote: it holds while the deployment is as it was, fails when it is not, and is an error, no verdict,
when it is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lab.engine import locate
from tests.command import ROOT, Done, Project, left_by
from tests.foreign import keys
from tests.foreign.making import ready
from tests.foreign.standing import Deployment, standing, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.foreign.standing import Compose

URL = "https://localhost:28131/orders"
COMPOSE = """
services:
  proxy:
    image: foreign/servers
    command: nginx -g "daemon off;"
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro", "{tls}:/tls:ro"]
    ports: ["127.0.0.1:28131:8443"]
  orders:
    image: foreign/apps
    command: python3 /apps/serve.py 0.0.0.0 3000 orders
    volumes: ["{apps}:/apps:ro"]
  elsewhere:
    image: foreign/apps
    command: python3 /apps/serve.py 0.0.0.0 3000 elsewhere
    volumes: ["{apps}:/apps:ro"]
"""
NGINX = """
events {}
http {
    server {
        listen 8443 ssl;
        ssl_certificate /tls/shop.crt;
        ssl_certificate_key /tls/shop.key;
        location / { proxy_pass http://orders:3000; }
    }
}
"""


READY = "ready: {proxy: [8443], orders: [3000], elsewhere: [3000]}\n"


@pytest.fixture(scope="module")
def compose() -> Compose:
    return ready()


@pytest.fixture(scope="module")
def shop(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    place = tmp_path_factory.mktemp("shop")
    (place / "compose.yaml").write_text(COMPOSE.format(tls=keys.ensure(), apps=ROOT / "tests/foreign/apps"))
    (place / "nginx.conf").write_text(NGINX)
    (place / "truth.yaml").write_text(READY)
    with standing(compose, Deployment("saved", place)) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def project(shop: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With the truth of today saved."""
    made = Project(tmp_path_factory.mktemp("checks"))
    (made.folder / "scenarios").mkdir()
    saved = trace(made, "--project", shop.project, "--save", "orders")
    assert saved.code == 0, saved.all
    assert "saved scenarios/orders.yaml" in saved.err
    return made


def restart(compose: Compose, shop: Deployment, service: str) -> None:
    compose.run(shop, "restart", "--timeout", "1", service)
    wait_ready(compose, shop)


def trace(project: Project, *words: str) -> Done:
    return project.lab("trace", URL, "--cacert", str(keys.ensure() / "ca.pem"), *words)


def checked(project: Project, name: str = "orders") -> tuple[Done, dict[str, Any]]:
    done = project.lab("run", name, "--json", "result.json")
    [case] = json.loads((project.folder / "result.json").read_text())["scenarios"]
    return done, case


def outcomes(case: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["outcome"] for check in case["checks"]}


def test_todays_truth_holds_and_the_lab_leaves_nothing(project: Project) -> None:
    done, case = checked(project)
    assert done.code == 0, done.all
    assert outcomes(case)["request.route"] == outcomes(case)["request.tls_ends_at"] == "PASS"
    assert set(outcomes(case).values()) == {"PASS"}
    assert left_by(locate.engine(), done.pid) == []
    assert project.lab("judge", "runs/latest").code == 0, "the verdict again, from the evidence alone"


def test_the_file_is_a_scenario_like_others(project: Project) -> None:
    assert "no mistakes" in project.lab("validate").out
    assert "containers that run already" in project.lab("list").out
    assert f"send GET {URL}" in project.lab("plan", "orders").out
    for word in ("up", "watch"):
        refused = project.lab(word, "orders")
        assert refused.code == 2
        assert "brings nothing up" in refused.err


def test_its_checks_are_pytest_items(project: Project) -> None:
    (project.folder / "conftest.py").write_text('pytest_plugins = ("lab.pytest_plugin",)\n')
    (project.folder / "checks").mkdir()
    (project.folder / "checks/orders.yaml").write_text((project.folder / "scenarios/orders.yaml").read_text())
    for file in ("scenarios/orders.yaml", "checks/orders.yaml"):
        done = pytest_in(project, "-v", file)
        assert done.returncode == 0, done.stdout
        assert "request.tls_ends_at PASSED" in done.stdout


def test_the_fixture_gives_a_route_and_draws_it_where_a_test_fails(project: Project, shop: Deployment) -> None:
    (project.folder / "conftest.py").write_text('pytest_plugins = ("lab.pytest_plugin",)\n')
    ask = f'lab_trace("{URL}", project="{shop.project}", insecure=True)'
    (project.folder / "test_shop.py").write_text(
        f"def test_ends(lab_trace):\n    route = {ask}\n    assert [e.container for e in route.tls_ends_at] == ['proxy']\n"
        f"def test_wrong(lab_trace):\n    route = {ask}\n    assert route.answered_by == 'elsewhere'\n"
    )
    done = pytest_in(project, "test_shop.py")
    assert "1 failed, 1 passed" in done.stdout
    assert "orders · python3.13" in done.stdout, "the route is drawn"


def pytest_in(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - pytest itself
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        cwd=project.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        timeout=180,
    )  # fmt: skip


def test_a_proxy_that_goes_elsewhere_now_is_a_failure(compose: Compose, project: Project, shop: Deployment) -> None:
    conf = shop.folder / "nginx.conf"
    conf.write_text(NGINX.replace("orders:3000", "elsewhere:3000"))
    try:
        restart(compose, shop, "proxy")
        done, case = checked(project)
    finally:
        conf.write_text(NGINX)
        restart(compose, shop, "proxy")
    assert done.code == 1, done.all
    failed = {check for check, outcome in outcomes(case).items() if outcome != "PASS"}
    assert failed == {"request.route", "request.answered_by"}
    assert "expected host → proxy → orders" in done.all
    assert "host → proxy → elsewhere" in done.all


def test_an_application_that_is_down_is_a_failure_and_told_where(compose: Compose, project: Project, shop: Deployment) -> None:
    compose.run(shop, "stop", "--timeout", "0", "orders")
    try:
        done, case = checked(project)
    finally:
        restart(compose, shop, "orders")
    assert done.code == 1, done.all
    assert outcomes(case)["request.status"] == "FAIL"
    assert "PASS" not in {outcomes(case)["request.route"], outcomes(case)["request.answered_by"]}


def test_a_deployment_that_is_not_there_is_an_error_with_the_next_move(project: Project) -> None:
    text = (project.folder / "scenarios/orders.yaml").read_text()
    (project.folder / "gone.yaml").write_text(text.replace("foreign-saved", "foreign-gone"))
    done, case = checked(project, "gone.yaml")
    assert (done.code, case["outcome"], case["checks"]) == (3, "LAB_ERROR", [])
    assert "no container of a compose project 'foreign-gone' runs" in case["error"]
    assert "docker compose -p foreign-gone up -d" in done.all
