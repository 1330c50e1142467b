"""The compose file of a case: the same containers, as hard as the lab's own, and no key in any file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lab.engine.catalogue import load_catalogue
from lab.plan import plan
from lab.plan.compose import compose
from lab.scenario import load

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "images")

SHOP = """
id: shop
title: a shop
namespaces:
  web: {names: [shop.example], publish: [{port: 8443}, {port: 8443, on: gateway}]}
containers:
  proxy:
    namespace: web
    server: nginx
    listen: [{on: "0.0.0.0:8443", tls: ended, names: [shop.example], routes: [{to: "127.0.0.1:3000"}]}]
  app:
    namespace: web
    server: app
    listen: [{on: "127.0.0.1:3000"}]
probes:
  order:
    request: {url: "https://shop.example:8443/orders"}
    expect: {status: 200}
"""
FOREIGN = """
id: shop
title: a shop
networks: {lan: {subnet: 10.0.7.0/24}}
namespaces: {web: {networks: {lan: {address: 10.0.7.25}}}}
containers:
  app:
    namespace: web
    image: IMAGE
    command: [sh, -c, "echo $HOME"]
    environment: {PRICE: "$5"}
    listen: [{on: "[::]:8080"}]
probes:
  order:
    request: {url: "http://10.0.7.25:8080/"}
    expect: {status: 200}
"""


def files(text: str) -> dict[str, str]:
    [case] = load(text, "scenarios/shop.yaml", CATALOGUE, {})
    return compose(plan(case, CATALOGUE, {}), CATALOGUE, "scenarios/shop.yaml")


def document(text: str) -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load(files(text)["shop.yaml"])
    return read


def test_every_container_of_the_case_is_a_service_in_its_holder_s_namespace() -> None:
    services = document(SHOP)["services"]
    assert set(services) == {"certs", "web-net", "client", "proxy", "app"}
    assert services["proxy"]["network_mode"] == services["app"]["network_mode"] == "service:web-net"
    assert services["web-net"]["networks"]["lab"]["aliases"][:2] == ["web", "shop.example"]
    assert services["proxy"]["depends_on"] == {
        "web-net": {"condition": "service_started"},
        "certs": {"condition": "service_completed_successfully"},
    }


def test_every_service_runs_with_the_least_it_needs() -> None:
    for name, service in document(SHOP)["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert "privileged" not in service
        assert service.get("cap_add", []) == (["CHOWN", "DAC_OVERRIDE"] if name == "certs" else []), name
        assert (service["user"] == "0:0") is (name == "certs"), name
        assert not any("docker.sock" in volume for volume in service.get("volumes", ()))


def test_ports_are_published_on_loopback_alone_and_what_is_left_out_is_said() -> None:
    assert document(SHOP)["services"]["web-net"]["ports"] == ["127.0.0.1::8443"]
    assert "gateway address has no counterpart here and is left out" in files(SHOP)["shop.yaml"]


def test_no_key_is_in_any_file_and_the_issuer_is_told_whose_they_are() -> None:
    assert not any("PRIVATE KEY" in text for text in files(SHOP).values())
    environment = document(SHOP)["services"]["certs"]["environment"]
    [leaf] = json.loads(environment["LEAVES"])
    assert (leaf["id"], leaf["names"], leaf["owner"]) == ("8443", ["shop.example"], "10001:10001")
    assert "tls-proxy:/etc/lab/tls:ro" in document(SHOP)["services"]["proxy"]["volumes"]


def test_configurations_lie_beside_it_and_are_mounted_read_only() -> None:
    assert set(files(SHOP)) == {"shop.yaml", "shop/proxy/nginx.conf", "shop/app/app.json"}
    assert "./shop/app/app.json:/etc/lab/app.json:ro" in document(SHOP)["services"]["app"]["volumes"]


def test_its_head_says_how_to_use_it() -> None:
    head = files(SHOP)["shop.yaml"].split("\nname:")[0]
    assert "exec client curl -sS --cacert /etc/lab/tls/ca.crt https://shop.example:8443/orders" in head
    assert "down -v" in head


def test_what_compose_would_interpolate_is_escaped() -> None:
    service = document(FOREIGN.replace("IMAGE", "debian:trixie"))["services"]["app"]
    assert service["command"] == ["sh", "-c", "echo $$HOME"]
    assert service["environment"] == {"PRICE": "$$5"}


@pytest.mark.parametrize(("image", "built"), [("debian:trixie", False), ("lab/base:trixie", True), ("lab/a/b:1", False)])
def test_an_image_of_others_is_named_and_one_of_the_lab_s_can_be_built(image: str, built: bool) -> None:
    service = document(FOREIGN.replace("IMAGE", image))["services"]["app"]
    assert service["image"] == image
    assert ("build" in service) is built


def test_fixed_addresses_and_ipv6_are_carried_over() -> None:
    read = document(FOREIGN.replace("IMAGE", "debian:trixie"))
    assert read["networks"]["lan"]["ipam"]["config"] == [{"subnet": "10.0.7.0/24"}]
    assert read["services"]["web-net"]["networks"]["lan"]["ipv4_address"] == "10.0.7.25"
    assert read["services"]["web-net"]["sysctls"] == {"net.ipv6.conf.all.disable_ipv6": 0}
    assert "sysctls" not in document(SHOP)["services"]["web-net"]
    assert read["networks"]["lan"]["internal"] is True
    assert "internal" not in document(SHOP)["networks"]["lab"], "nothing is published on an internal network"
