"""One container planned: its files and where they come from, its leaf certificates, how it reaches the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.engine.catalogue import load_catalogue
from lab.plan import plan
from lab.scenario import load

if TYPE_CHECKING:
    from lab.model.plan import PlannedContainer

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "images")
REST = "probes: {one: {request: {url: 'http://web:8080/'}, expect: {status: 200}}}\n"


def planned(containers: str, namespaces: str = "web: {}", **siblings: bytes) -> dict[str, PlannedContainer]:
    text = f"id: s\ntitle: t\nnamespaces: {{{namespaces}}}\ncontainers:\n{containers}\n{REST}"
    files = {name.replace("__", "/").replace("_", "."): data for name, data in siblings.items()}
    [case] = load(text, "scenarios/s.yaml", CATALOGUE, files)
    return {one.name: one for one in plan(case, CATALOGUE, files).containers}


def test_a_configuration_of_ones_own_is_taken_as_it_is_and_its_source_known() -> None:
    app = '  app: {namespace: web, server: nginx, config: files/my.conf, listen: [{on: "0.0.0.0:8080", routes: [{to: "a:1"}]}]}'
    [file] = planned(app.replace('"a:1"', '"127.0.0.1:1"'), files__my_conf=b"{{ not a template }} $uri")["app"].files
    assert (file.path, file.content, file.source) == ("/etc/lab/nginx.conf", b"{{ not a template }} $uri", "files/my.conf")


def test_a_generated_configuration_has_no_source() -> None:
    [file] = planned('  app: {namespace: web, server: app, listen: [{on: "0.0.0.0:8080"}]}')["app"].files
    assert file.source == ""


def test_a_leaf_is_called_by_its_port_or_where_two_share_it_by_its_address_too() -> None:
    one = planned('  app: {namespace: web, server: app, listen: [{on: "0.0.0.0:8080", tls: ended, names: [a.example]}]}')["app"]
    assert [(leaf.id, leaf.names) for leaf in one.leaves] == [("8080", ("a.example",))]
    both = '{on: "127.0.0.1:8080", tls: ended}, {on: "127.0.0.2:8080", tls: ended}, {on: "127.0.0.1:8081"}'
    two = planned(f"  app: {{namespace: web, server: app, listen: [{both}]}}")["app"]
    assert [leaf.id for leaf in two.leaves] == ["127-0-0-1-8080", "127-0-0-2-8080"]
    assert all(leaf.names == ("web",) for leaf in two.leaves), "named after their namespace"


def test_an_image_of_ones_own_gets_its_leaf_and_no_configuration() -> None:
    app = planned('  app: {namespace: web, image: httpd, listen: [{on: "0.0.0.0:8080", tls: ended, names: [a.example]}]}')[
        "app"
    ]
    assert app.foreign
    assert [leaf.id for leaf in app.leaves] == ["8080"]
    assert (app.files, app.user, app.command) == ((), None, ())


def test_a_root_that_must_be_written_before_the_start_is_not_read_only() -> None:
    inside = planned('  app: {namespace: web, server: app, files: {/etc/lab/a: {content: x}}, listen: [{on: "0.0.0.0:8080"}]}')
    outside = planned('  app: {namespace: web, server: app, files: {/opt/a: {content: x}}, listen: [{on: "0.0.0.0:8080"}]}')
    assert inside["app"].read_only
    assert not outside["app"].read_only


def test_a_neighbour_in_one_s_own_namespace_is_reached_by_loopback_and_another_by_name() -> None:
    web = '  proxy: {namespace: web, server: app, listen: [{on: "0.0.0.0:8080"}]}'
    front = '  front: {namespace: NS, server: nginx, listen: [{on: "0.0.0.0:80", routes: [{to: "proxy:8080"}]}]}'
    near = planned(f"{web}\n{front.replace('NS', 'web')}")["front"].files[0].content.decode()
    far = planned(f"{web}\n{front.replace('NS', 'edge')}", "web: {}, edge: {}")["front"].files[0].content.decode()
    assert "127.0.0.1:8080" in near
    assert "127.0.0.1:8080" not in far
    assert "web:8080" in far


def test_the_authority_is_given_to_whoever_verifies() -> None:
    rule = '{to: "web:8443", upstream_tls: {name: web}}'
    front = f'  front: {{namespace: edge, server: nginx, listen: [{{on: "0.0.0.0:80", routes: [{rule}]}}]}}'
    app = '  app: {namespace: web, server: app, listen: [{on: "0.0.0.0:8443", tls: ended}]}'
    both = planned(f"{front}\n{app}", "web: {}, edge: {}")
    assert both["front"].needs_ca
    assert not both["app"].needs_ca
