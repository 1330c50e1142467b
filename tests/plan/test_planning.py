"""Plans of arrangements that are seldom written: what a scenario leaves out, and two families on one port."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.engine.catalogue import load_catalogue
from lab.model.scenario import Case, Scenario
from lab.plan import plan
from lab.plan.abilities import Unsupported

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


def test_who_demands_a_clients_certificate_gets_the_authority_to_hold_it_against() -> None:
    ended = {"on": "0.0.0.0:8443", "tls": "ended"}
    for asks in (True, False):
        (app,) = planned(containers={"app": {"server": "app", "listen": [{**ended, "client_certificate": asks}]}}).containers
        assert app.needs_ca == asks


def test_a_datagram_listener_is_waited_for_as_such() -> None:
    (app,) = planned(containers={"app": {"server": "app", "listen": [{"on": "0.0.0.0:53", "transport": "udp"}]}}).containers
    assert [(one.transport, one.port) for one in app.listeners] == [("udp", 53)]


def test_a_database_is_reached_by_loopback_in_ones_own_namespace_and_by_name_elsewhere() -> None:
    database = {"server": "postgres", "listen": [{"on": "0.0.0.0:5432"}]}
    for namespace, host in (("app", "127.0.0.1"), ("store", "store")):
        app = {"server": "app", "database": "db:5432", "listen": [{"on": "0.0.0.0:3000"}]}
        made, _ = planned(containers={"app": app, "db": {**database, "namespace": namespace}}).containers
        assert json.loads(made.files[0].content)["database"] == {"host": host, "port": 5432, "eager": False}


def test_a_database_has_one_listener() -> None:
    listen = [{"on": "0.0.0.0:5432"}, {"on": "0.0.0.0:5433"}]
    with pytest.raises(Unsupported, match="takes no `listeners` of 2: all its addresses have one port"):
        planned(containers={"db": {"server": "postgres", "listen": listen}})
