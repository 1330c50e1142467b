"""Foreign deployments: what is looked into, what it is called, which namespaces there are. From values, no engine."""

from typing import Any

import pytest

from lab.engine.docker import ContainerFacts
from lab.engine.foreign import finding, places
from lab.model.asked import Scope

IDS = {name: f"{number:064x}" for number, name in enumerate(("proxy", "app", "other", "edge"), start=1)}


def container(name: str, pid: int, service: str = "", project: str = "shop", **more: Any) -> ContainerFacts:
    labels = ((finding.PROJECT, project), (finding.SERVICE, service)) if service else ()
    given = {"network_mode": "default", "addresses": (), "ports": ()} | more
    return ContainerFacts(
        id=IDS.get(name, name.ljust(64, "0")), name=name, image="any", image_id="sha256:0", state="running", pid=pid,
        exit_code=None, error="", labels=labels, gateways=(), **given,
    )  # fmt: skip


SHOP = (
    container("shop-proxy-1", 10, "proxy", ports=((8443, "tcp", "127.0.0.1", 18443),)),
    container("shop-app-1", 11, "app", network_mode="container:shop-proxy-1"),
    container("blog-app-1", 12, "app", "blog"),
    container("edge", 13, network_mode="host"),
)


def space(inode: int, *ports: int, interfaces: tuple[str, ...] = ("lo", "eth0")) -> dict[str, Any]:
    listeners = [{"transport": "tcp", "local": ["0.0.0.0", port], "inode": 1, "holders": []} for port in ports]
    return {
        "inode": inode,
        "interfaces": [{"index": 1, "name": n, "addresses": []} for n in interfaces],
        "listeners": listeners,
    }


ANSWER: dict[str, Any] = {
    "inodes": {"10": 100, "11": 100, "12": 200, "13": 1},
    "host": 1,
    "namespaces": [
        space(100, 8443, 3000), space(200, 8080), space(1, 22, interfaces=("lo", "eth0", "docker0", "br-a", "veth1")),
    ],
}  # fmt: skip


def seen(found: tuple[ContainerFacts, ...] = SHOP, answer: dict[str, Any] = ANSWER) -> places.Places:
    return places.read(answer, found, finding.names(found), [443])


def test_scope_is_everything_a_project_or_containers_by_any_of_their_names() -> None:
    assert finding.in_scope(SHOP, Scope()) == SHOP
    assert [c.name for c in finding.in_scope(SHOP, Scope("shop"))] == ["shop-proxy-1", "shop-app-1"]
    assert [c.name for c in finding.in_scope(SHOP, Scope(containers=("edge", "proxy")))] == ["shop-proxy-1", "edge"]
    assert [c.name for c in finding.in_scope(SHOP, Scope(containers=(SHOP[2].id[:12],)))] == ["blog-app-1"]


@pytest.mark.parametrize(
    ("scope", "words"),
    [(Scope("shopp"), "projects that run: blog, shop"), (Scope(containers=("proxi",)), "no container 'proxi' runs")],
)
def test_a_scope_that_nothing_fits_is_said_with_what_there_is(scope: Scope, words: str) -> None:
    assert words in finding.unknown(SHOP, scope)


def test_control_a_scope_that_fits_is_no_mistake() -> None:
    assert finding.unknown(SHOP, Scope("shop", ("proxy", "edge"))) == ""


def test_a_container_has_its_service_name_unless_two_have_it() -> None:
    assert list(finding.names(SHOP[:2]).values()) == ["proxy", "app"]
    assert list(finding.names(SHOP).values()) == ["proxy", "shop-app-1", "blog-app-1", "edge"]


@pytest.mark.parametrize("taken", finding.RESERVED)
def test_no_container_is_called_what_means_something_else(taken: str) -> None:
    assert list(finding.names([container("x1", 5, taken)]).values()) == ["x1"]
    assert list(finding.names([container(taken, 5)]).values()) == [f"{taken}-container"]


def test_containers_of_one_inode_share_a_namespace_that_is_named_by_its_owner() -> None:
    found = seen((SHOP[1], SHOP[0], *SHOP[2:]))
    assert [(p.name, p.pid, len(p.containers)) for p in found.inside] == [("proxy", 10, 2), ("blog-app-1", 12, 1)]
    assert found.namespace_of(SHOP[1].id) == "proxy"


def test_a_container_on_the_hosts_network_is_in_the_namespace_host() -> None:
    assert seen().namespace_of(SHOP[3].id) == "host"
    assert "edge" not in [p.name for p in seen().inside]


def test_a_container_that_is_gone_has_no_namespace() -> None:
    answer = {**ANSWER, "inodes": {k: v for k, v in ANSWER["inodes"].items() if k != "12"}}
    assert seen(answer=answer).namespace_of(SHOP[2].id) == ""


def test_on_the_host_only_ports_are_watched_that_somebody_listens_on_and_the_one_asked_for() -> None:
    found = seen()
    assert found.interfaces == ("lo", "eth0", "docker0", "br-a")
    assert set(found.ports) == {443, 8443, 18443, 3000, 8080, 22}
    assert found.ports[0] == 443


def test_the_host_is_watched_whole_only_if_a_part_of_the_deployment_is_at_home_there() -> None:
    assert seen().whole == ("lo", "docker0", "br-a")
    assert seen(SHOP[:3]).whole == ()


@pytest.mark.parametrize(("program", "whole"), [("docker-proxy", ()), ("nginx", ("lo", "docker0", "br-a"))])
def test_a_server_of_the_host_itself_that_is_asked_is_a_part_of_it(program: str, whole: tuple[str, ...]) -> None:
    host = space(1, 443, interfaces=("lo", "eth0", "docker0", "br-a"))
    host["listeners"][0]["holders"] = [{"pid": 4, "name": program, "cgroup": "/"}]
    assert seen(SHOP[:3], {**ANSWER, "namespaces": [*ANSWER["namespaces"][:2], host]}).whole == whole


def test_dockers_own_resolver_is_nobodys_server() -> None:
    inside = space(100)
    inside["listeners"] = [{"transport": "tcp", "local": [places.RESOLVER, 40111], "inode": 1, "holders": []}]
    assert 40111 not in seen(answer={**ANSWER, "namespaces": [inside, ANSWER["namespaces"][2]]}).ports


def test_ports_beyond_what_a_filter_holds_are_left_out_and_counted() -> None:
    found = seen(answer={**ANSWER, "namespaces": [space(100, *range(1000, 2000))]})
    assert len(found.ports) == places.MOST_PORTS
    assert found.left_out == 1000 + 3 - places.MOST_PORTS
    assert {443, 8443, 18443} <= set(found.ports)


def test_without_a_sight_of_the_host_nothing_is_watched_there() -> None:
    assert seen(answer={**ANSWER, "host": None}).interfaces == ()
