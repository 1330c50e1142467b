"""Configurations of the proxies that claim less than all: golden texts, and the refusal where one has no words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from lab.plan.abilities import Unsupported
from lab.plan.render import render
from lab.plan.words import RenderError, bare_path, regex
from tests.plan.test_render import ARRANGEMENTS, CATALOGUE, ENDED, HOSTILE, NONE, listener, rule

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from lab.plan.shapes import RenderListener

SERVERS = ("apache", "caddy", "nghttpx", "traefik")


def texts(server: str, listeners: tuple[RenderListener, ...]) -> dict[str, str]:
    """File -> its text."""
    row = CATALOGUE.servers[server]
    keys = {str(row.config): server} | {file: f"{server}/{file}" for file in row.more}
    return {file: render(row, CATALOGUE.templates[key], listeners) for file, key in keys.items()}


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("server", SERVERS)
def test_configuration_is_as_it_was(server: str, arrangement: str, snapshot: SnapshotAssertion) -> None:
    try:
        found = "\n".join(f"--- {file}\n{text}" for file, text in texts(server, ARRANGEMENTS[arrangement]).items())
    except Unsupported as refusal:
        found = f"UNSUPPORTED: {refusal}\n"
    assert found == snapshot


@pytest.mark.parametrize("arrangement", sorted(ARRANGEMENTS.keys() - {"ended-by-sni"}))
def test_traefik_names_no_service_that_is_not_there(arrangement: str) -> None:
    value = YAML(typ="safe").load(texts("traefik", ARRANGEMENTS[arrangement])["routes.yaml"])
    for half in ("http", "tcp"):
        part: dict[str, Any] = value.get(half, {})
        assert {router["service"] for router in part.get("routers", {}).values()} <= part.get("services", {}).keys()
        assert {s["loadBalancer"].get("serversTransport") for s in part.get("services", {}).values()} <= {
            None,
            *part.get("serversTransports", {}),
        }


def test_what_a_template_has_no_words_for_is_refused() -> None:
    other = listener(ENDED, rule("app", 8443, ENDED, upstream_tls="app.example"))
    with pytest.raises(Unsupported, match="apache sends the name that it connects to"):
        texts("apache", (other,))
    assert texts("apache", (listener(ENDED, rule("app.example", 8443, ENDED, upstream_tls="app.example")),))
    with pytest.raises(Unsupported, match="traefik chooses by SNI before"):
        texts("traefik", (listener(ENDED, rule("app", 80, ENDED, sni="a.example", path="/x")),))
    with pytest.raises(Unsupported, match="its rules hold for all of its listeners"):
        texts("nghttpx", (listener(NONE, rule("app", 80)),) * 2)


@pytest.mark.parametrize("server", SERVERS)
def test_the_lines_after_a_certain_rule_are_left_out(server: str) -> None:
    rules = (rule("one", 80, path="/a"), rule("two", 80), rule("never", 80, path="/b"))
    whole = "".join(texts(server, (listener(NONE, *rules),)).values())
    assert "one" in whole
    assert "two" in whole
    if server in ("apache", "caddy", "nghttpx"):  # Traefik is told, and its priorities see to it
        assert "never" not in whole


@pytest.mark.parametrize("value", [*HOSTILE, "/a b", "/a`", "/a\n", "/a{"])
def test_a_hostile_path_is_no_word(value: str) -> None:
    for word in (regex, bare_path):
        with pytest.raises(RenderError):
            word(value)


def test_a_path_as_a_regular_expression_fits_itself_alone() -> None:
    assert regex("/a.b(c)+") == r"/a\.b\(c\)\+"
    assert bare_path("/a.b(c)+") == "/a.b(c)+"
