"""Plans of arrangements that are seldom written: what a scenario leaves out, and two families on one port."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.engine.catalogue import load_catalogue
from lab.model.scenario import Case, Scenario
from lab.plan import plan

if TYPE_CHECKING:
    from lab.model.plan import Plan

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "images")


def planned(**parts: object) -> Plan:
    scenario = Scenario.model_validate({"id": "x", "title": "x", **parts}, strict=False)
    return plan(Case("x", scenario, None, "x.yaml", ()), CATALOGUE, {})


def ends_on(*addresses: str) -> dict[str, object]:
    route = {"to": "127.0.0.1:3000"}
    return {"server": "nginx", "listen": [{"on": one, "tls": "ended", "routes": [route]} for one in addresses]}


def test_two_families_on_one_port_have_a_leaf_each() -> None:
    (proxy,) = planned(containers={"proxy": ends_on("0.0.0.0:8443", "[::]:8443", "[::1]:9443")}).containers
    assert [leaf.id for leaf in proxy.leaves] == ["0-0-0-0-8443", "ip6---8443", "9443"]


def test_a_namespace_that_says_nothing_of_networks_stands_on_the_only_one() -> None:
    for networks in ((), {}, ("lab",)):
        (namespace,) = planned(namespaces={"web": {"networks": networks}}).namespaces
        assert [one.network for one in namespace.attachments] == ["lab"]
