"""Configurations: golden texts, equal choices for all servers, and values that no configuration may carry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import app_config
import pytest
from app_config import Config, parse_config
from hypothesis import given
from hypothesis import strategies as st

from lab.engine.catalogue import load_catalogue
from lab.model.catalogue import Option
from lab.model.scenario import Limits, Rate, Tls
from lab.plan import choices
from lab.plan.render import NOTHING_SET, RenderError, RenderListener, RenderRule, Settings, Unsupported, render
from lab.plan.shapes import RenderDatabase

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "images")
PROXIES = ("nginx", "haproxy", "envoy")
NONE, ENDED, PASSTHROUGH = Tls.NONE, Tls.ENDED, Tls.PASSTHROUGH


def rule(to: str, port: int, tls: Tls = NONE, **conditions: str) -> RenderRule:
    names = {"sni": None, "http_host": None, "path": None, "upstream_tls": None} | conditions
    return RenderRule(host=to, port=port, tls=tls, **names)


def listener(tls: Tls, *rules: RenderRule, port: int = 8443, address: str = "0.0.0.0") -> RenderListener:
    ends = ENDED in {tls, *(one.tls for one in rules)}
    return RenderListener(address, port, tls, str(port) if ends else None, ("shop.example",), rules, ":" in address)


ARRANGEMENTS = {
    "plain": (
        listener(
            NONE,
            rule("app", 3000, http_host="shop.example", path="/orders"),
            rule("10.0.1.9", 3000, http_host="shop.example"),
            rule("app", 3001, path="/x"),
            port=8080,
        ),
        listener(NONE, rule("::1", 3000), port=8080, address="::"),
    ),
    "ended": (listener(ENDED, rule("app", 3000, ENDED)),),
    "ended-by-sni": (
        listener(ENDED, rule("app", 3000, ENDED, sni="a.example"), rule("b", 3000, ENDED, sni="b.example", path="/x")),
    ),
    "ended-and-begun": (listener(ENDED, rule("app", 8443, ENDED, upstream_tls="app.example")),),
    "passthrough": (
        listener(
            PASSTHROUGH,
            rule("app", 8443, PASSTHROUGH, sni="shop.example"),
            rule("other", 8443, PASSTHROUGH),
            rule("never", 8443, PASSTHROUGH),
        ),
    ),
    "passthrough-no-default": (listener(PASSTHROUGH, rule("app", 8443, PASSTHROUGH, sni="default")),),
    "mixed-ended": (listener(ENDED, rule("b", 8443, PASSTHROUGH, sni="b.example"), rule("app", 3000, ENDED)),),
    "mixed-passthrough": (listener(PASSTHROUGH, rule("app", 3000, ENDED, sni="a.example"), rule("b", 8443, PASSTHROUGH)),),
}


LIMITS = Settings(1, Limits(head_bytes=1500, body_bytes=1000, head_seconds=1, body_seconds=2))
OPTIONS = {
    "sockets": replace(
        listener(NONE, rule("app", 3000, path="/a"), rule("app", 3001), port=8080),
        backlog=4,
        defer_accept=True,
        reuse_port=True,
        proxy_protocol=True,
        deny=("/a/b", "/secret"),
        rate=Rate(requests=5, seconds=10),
    ),
    "strict": replace(
        listener(ENDED, rule("app", 3000, ENDED, http_host="shop.example"), rule("b", 3000, ENDED)),
        only_known_names=True,
        client_certificate=True,
        rate=Rate(requests=1, seconds=1),
    ),
    "strict-by-sni": replace(
        listener(ENDED, rule("a", 3000, ENDED, sni="a.example"), rule("b", 3000, ENDED)),
        names=("a.example", "b.example"),
        only_known_names=True,
        client_certificate=True,
        proxy_protocol=True,
        backlog=4,
    ),
    "passthrough-introduced": replace(
        listener(PASSTHROUGH, replace(rule("app", 8443, PASSTHROUGH), send_proxy=True)), proxy_protocol=True, defer_accept=True
    ),
}
INTRODUCED = listener(
    NONE,
    replace(rule("a", 80, path="/a"), send_proxy=True),
    replace(rule("b", 443, path="/b", upstream_tls="b"), send_proxy=True),
    rule("c", 80),
)


def made(server: str, listeners: tuple[RenderListener, ...], settings: Settings = NOTHING_SET, **change: object) -> str:
    row = CATALOGUE.servers[server].model_copy(update=change)
    return render(row, CATALOGUE.templates[server], listeners, settings)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("server", PROXIES)
def test_configuration_is_as_it_was(server: str, arrangement: str, snapshot: SnapshotAssertion) -> None:
    assert made(server, ARRANGEMENTS[arrangement]) == snapshot


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("server", PROXIES)
def test_a_configuration_with_options_is_as_it_was(server: str, options: str, snapshot: SnapshotAssertion) -> None:
    assert made(server, (OPTIONS[options],), LIMITS) == snapshot


@pytest.mark.parametrize("server", ["haproxy", "envoy"])
def test_a_proxy_line_is_sent_to_some_upstreams(server: str, snapshot: SnapshotAssertion) -> None:
    assert made(server, (INTRODUCED,)) == snapshot


EVERYTHING = ARRANGEMENTS | {name: (one,) for name, one in OPTIONS.items()} | {"introduced": (INTRODUCED,)}


@pytest.mark.parametrize("arrangement", EVERYTHING)
def test_envoy_gets_json(arrangement: str) -> None:
    value = json.loads(made("envoy", EVERYTHING[arrangement], LIMITS))
    clusters = {one["name"] for one in value["static_resources"]["clusters"]}
    assert named(value) <= clusters


def named(value: Any) -> set[str]:
    """Every cluster that anything in an Envoy configuration refers to."""
    if isinstance(value, list):
        return set().union(*map(named, value))
    if not isinstance(value, dict):
        return set()
    own = {value["cluster"]} if "cluster" in value else set()
    return own.union(*map(named, value.values()))


def test_the_application_gets_its_listeners() -> None:
    value = json.loads(made("app", (listener(NONE, port=3000, address="::"), listener(ENDED))))
    assert value["listeners"] == [
        {"address": "::", "port": 3000, "tls": "none"},
        {"address": "0.0.0.0", "port": 8443, "tls": "ended", "leaf": "8443"},
    ]


def test_the_application_gets_its_options() -> None:
    one = replace(OPTIONS["strict"], rules=(), deny=("/a",))
    settings = replace(LIMITS, database=RenderDatabase("db", 5432, eager=True))
    value = json.loads(made("app", (one, replace(listener(NONE), transport="udp")), settings))
    assert parse_config(value) == Config(
        (
            app_config.Listener(
                "0.0.0.0",
                8443,
                "ended",
                "8443",
                client_certificate=True,
                known_names=("shop.example",),
                deny=("/a",),
                rate=app_config.Rate(1, 1),
            ),
            app_config.Listener("0.0.0.0", 8443, transport="udp"),
        ),
        limits=app_config.Limits(head_bytes=1500, body_bytes=1000, head_seconds=1, body_seconds=2),
        workers=1,
        database=app_config.Database("db", 5432, eager=True),
    )


# Values that a configuration could interpret.

HOSTILE = ("", "-f", "A", "é", "{{ 7*7 }}", "{% raw %}", *(f"a{one}b" for one in "\"' ;{}#$\n\\`\x00_/"))


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("field", ["host", "sni", "http_host", "upstream_tls"])
@pytest.mark.parametrize("server", PROXIES)
def test_a_hostile_name_is_refused(server: str, field: str, value: str) -> None:
    good = rule("app", 3000, ENDED, sni="a.example", http_host="a.example", upstream_tls="a.example")
    assert made(server, (listener(ENDED, good),))
    with pytest.raises(RenderError):
        made(server, (listener(ENDED, replace(good, **cast("Any", {field: value}))),))


@pytest.mark.parametrize("value", ["x", "/a b", '/a"', "/a;", "/a{", "/a}", "/a#", "/a$b", "/a\n", "/a\\", "/{{7*7}}", "/é"])
@pytest.mark.parametrize("server", PROXIES)
def test_a_hostile_path_is_refused(server: str, value: str) -> None:
    assert made(server, (listener(NONE, rule("app", 3000, path="/a'(b)%20,c")),))
    with pytest.raises(RenderError):
        made(server, (listener(NONE, rule("app", 3000, path=value)),))


@pytest.mark.parametrize("server", PROXIES)
@pytest.mark.parametrize("value", ["x", "/a b", '/a"', "/a;", "/a{", "/a\n", "/{{7*7}}"])
def test_a_hostile_denied_path_is_refused(server: str, value: str) -> None:
    good = listener(NONE, rule("app", 3000))
    assert made(server, (replace(good, deny=("/a",)),))
    with pytest.raises(RenderError):
        made(server, (replace(good, deny=("/a", value)),))


@pytest.mark.parametrize("value", [-1, True, "1", "1;", 1.5])
@pytest.mark.parametrize("field", ["backlog", "workers", "head_bytes", "body_bytes", "head_seconds", "body_seconds", "rate"])
def test_a_hostile_number_is_refused(field: str, value: Any) -> None:
    one, settings = listener(NONE, rule("app", 3000)), Settings()
    if field == "backlog":
        one = replace(one, backlog=value)
    elif field == "rate":
        one = replace(one, rate=Rate.model_construct(requests=value, seconds=1))
    elif field == "workers":
        settings = replace(settings, workers=value)
    else:
        settings = replace(settings, limits=Limits.model_construct(**{field: value}))
    with pytest.raises(RenderError, match="whole number"):
        made("nginx", (one,), settings)


@pytest.mark.parametrize("value", [0, 65536, -1, True, "80", "80;"])
def test_a_hostile_port_is_refused(value: Any) -> None:
    with pytest.raises(RenderError, match="not a port"):
        made("nginx", (listener(NONE, rule("app", value)),))
    with pytest.raises(RenderError, match="not a port"):
        made("app", (replace(listener(NONE), port=value),))


@pytest.mark.parametrize("value", ["fe80::1%eth0;", "0.0.0.0:80", "localhost", "[::]", "*"])
def test_a_hostile_address_is_refused(value: str) -> None:
    with pytest.raises(RenderError):
        made("app", (replace(listener(NONE), address=value),))


def test_a_hostile_leaf_is_refused() -> None:
    good = listener(ENDED, rule("app", 3000, ENDED))
    assert made("nginx", (good,))
    for wrong in (replace(good, leaf="../x"), replace(good, names=("../x",))):
        with pytest.raises(RenderError):
            made("nginx", (wrong,))


def test_a_name_with_a_meaning_in_nginx_loses_it() -> None:
    text = made("nginx", ARRANGEMENTS["passthrough-no-default"])
    assert "\\default app_8443_passed;" in text
    assert "\n        default " not in text


# What a row or a rule does not allow.


@pytest.mark.parametrize(
    ("arrangement", "change", "says"),
    [
        ("passthrough", {"tls": (NONE, ENDED)}, "no listener with `tls: passthrough`"),
        ("plain", {"routes_by": ("sni", "host")}, "does not route by path"),
        ("mixed-ended", {"mixes": False}, "cannot end TLS for one name"),
        ("mixed-passthrough", {"mixes": False}, "cannot end TLS for one name"),
        ("ended-and-begun", {"begins_tls": False}, "does not begin TLS"),
    ],
)
def test_what_a_row_denies_is_unsupported(arrangement: str, change: dict[str, object], says: str) -> None:
    with pytest.raises(Unsupported, match=says) as caught:
        made("haproxy", ARRANGEMENTS[arrangement], **change)
    assert caught.value.server == "haproxy"
    assert made("haproxy", ARRANGEMENTS[arrangement])


PASSED = replace(rule("b", 443, PASSTHROUGH), send_proxy=True)


@pytest.mark.parametrize(
    ("server", "one", "settings", "says"),
    [
        ("haproxy", listener(NONE, rule("b", 1)), Settings(2), "takes no `workers` of 2: one worker process"),
        ("envoy", listener(NONE, rule("b", 1)), Settings(2), "takes no `workers` of 2: its workers are threads"),
        ("nginx", replace(listener(NONE, rule("b", 1)), backlog=0), Settings(), "takes no `backlog` of 0"),
        ("nginx", listener(NONE, rule("b", 1)), Settings(limits=Limits(head_bytes=511)), "takes no `head_bytes` of 511"),
        ("nginx", listener(NONE, rule("b", 1)), Settings(limits=Limits(body_bytes=0)), "takes no `body_bytes` of 0"),
        ("nginx", listener(NONE, replace(rule("b", 1), send_proxy=True)), Settings(), "cannot do `send_proxy`"),
        ("nginx", listener(PASSTHROUGH, PASSED, rule("c", 443, PASSTHROUGH, sni="c")), Settings(), "`send_proxy_to_some`"),
        ("nginx", listener(NONE, rule("b", 1)), Settings(database=RenderDatabase("db", 1)), "has no `database`"),
        ("haproxy", replace(listener(NONE, rule("b", 1)), transport="udp", rules=()), Settings(), "cannot do `udp`"),
    ],
)
def test_what_a_server_cannot_do_is_unsupported_with_its_source(
    server: str, one: RenderListener, settings: Settings, says: str
) -> None:
    with pytest.raises(Unsupported, match=says) as caught:
        made(server, (one,), settings)
    assert "https://" in str(caught.value) or "database" in says


def test_one_worker_is_what_a_threaded_server_has() -> None:
    assert made("haproxy", (listener(NONE, rule("b", 1)),), Settings(1))


def test_an_option_that_no_row_speaks_of_is_unsupported() -> None:
    one = replace(listener(NONE, rule("b", 1)), backlog=1)
    with pytest.raises(Unsupported, match="has no `backlog`; its options are deny"):
        made("nginx", (one,), options=("deny",), cannot={})


@pytest.mark.parametrize("server", [*PROXIES, "app"])
def test_a_row_speaks_of_every_option(server: str) -> None:
    row = CATALOGUE.servers[server]
    of_others = (
        {"database"}
        if row.role == "proxy"
        else {one for one in get_args(Option) if one.startswith(("send_proxy", "fastcgi", "udp_")) or one.endswith("_upstream")}
    )
    assert not set(row.options) & set(row.cannot)
    assert {*row.options, *row.cannot} == set(get_args(Option)) - of_others - {"listeners"}


def test_a_rate_that_nginx_has_no_words_for_is_unsupported() -> None:
    one = listener(NONE, rule("app", 3000))
    assert "rate=10r/m" in made("nginx", (replace(one, rate=Rate(requests=1, seconds=6)),))
    with pytest.raises(Unsupported, match="1 in 7 s are neither"):
        made("nginx", (replace(one, rate=Rate(requests=1, seconds=7)),))


def test_an_application_sends_nothing_on() -> None:
    with pytest.raises(Unsupported, match="sends nothing on"):
        made("app", (listener(NONE, rule("b", 1)),))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (listener(PASSTHROUGH, rule("b", 1, PASSTHROUGH, http_host="a.example")), "cannot be seen"),
        (listener(PASSTHROUGH, rule("b", 1, PASSTHROUGH, path="/x")), "cannot be seen"),
        (listener(PASSTHROUGH, rule("b", 1, PASSTHROUGH, upstream_tls="b")), "cannot be begun"),
        (listener(NONE, rule("b", 1, sni="a.example")), "has no TLS"),
        (listener(ENDED, rule("b", 1, NONE)), "must end it or pass it"),
        (replace(listener(ENDED, rule("b", 1, ENDED)), leaf=None), "no leaf"),
        (listener(NONE), "has no rule"),
        (replace(listener(NONE, rule("b", 1)), client_certificate=True), "ends no TLS"),
        (replace(listener(PASSTHROUGH, rule("b", 1, PASSTHROUGH)), only_known_names=True), "ends no TLS"),
        (replace(listener(PASSTHROUGH, rule("b", 1, PASSTHROUGH)), deny=("/a",)), "sees no request"),
        (
            replace(listener(ENDED, rule("b", 1, ENDED, sni="b.example")), only_known_names=True),
            "lacks: b.example",
        ),
        (replace(listener(NONE, rule("b", 1)), transport="udp"), "takes datagrams"),
    ],
)
def test_an_arrangement_without_a_meaning_is_refused(wrong: RenderListener, says: str) -> None:
    with pytest.raises(RenderError, match=says):
        made("envoy", (wrong,))


# The first rule whose conditions all hold is taken, by each shape of the rules.

PATHS = st.sampled_from([None, "/", "/a", "/a/b", "/ab", "/b", "/a/b/c"])
RULES = st.lists(
    st.builds(
        lambda number, host, path: rule(f"u{number}", 80, **{k: v for k, v in (("http_host", host), ("path", path)) if v}),
        st.integers(0, 3),
        st.sampled_from([None, "x", "y"]),
        PATHS,
    ),
    min_size=1,
    max_size=6,
).map(tuple)
ASKED = st.text("/abc", max_size=6).map(lambda text: "/" + text)


DENIED = st.lists(st.sampled_from(["/", "/a", "/a/b", "/ab", "/c"]), max_size=2).map(tuple)


def by_order(rules: tuple[RenderRule, ...], host: str, path: str) -> RenderRule | None:
    held = (one for one in rules if one.http_host in (None, host) and path.startswith(one.path or "/"))
    return next(held, None)


def by_table(rules: tuple[RenderRule, ...], host: str, path: str) -> RenderRule | None:
    groups = {group.host: group for group in choices.by_host(rules)}
    table = choices.locations(groups.get(host, groups[None]))
    return max((one for one in table if path.startswith(one.path)), key=lambda one: len(one.path)).rule


@given(RULES, DENIED, ASKED)
def test_what_is_denied_is_denied_before_any_rule(rules: tuple[RenderRule, ...], deny: tuple[str, ...], path: str) -> None:
    group = choices.by_host(rules)[-1]
    found = max((one for one in choices.locations(group, deny) if path.startswith(one.path)), key=lambda one: len(one.path))
    assert found.denied == any(path.startswith(one) for one in deny)
    if not found.denied:
        assert upstream(found.rule) == upstream(by_order(group.rules, "nobody", path))


def upstream(taken: RenderRule | None) -> str | None:
    return None if taken is None else choices.stem(taken)


@given(RULES, st.sampled_from(["x", "y", "z"]), ASKED)
def test_the_longest_prefix_table_chooses_as_the_order_does(rules: tuple[RenderRule, ...], host: str, path: str) -> None:
    assert upstream(by_table(rules, host, path)) == upstream(by_order(rules, host, path))


@given(RULES, st.sampled_from(["x", "y", "z"]), ASKED)
def test_what_stands_after_a_certain_rule_is_never_taken(rules: tuple[RenderRule, ...], host: str, path: str) -> None:
    short = choices.conditional(rules)
    assert (by_order(short, host, path) or choices.otherwise(rules)) == by_order(rules, host, path)


def test_the_longest_prefix_alone_would_choose_otherwise() -> None:
    rules = (rule("one", 80, path="/a"), rule("two", 80, path="/a/b"))
    assert by_order(rules, "x", "/a/b") == by_table(rules, "x", "/a/b") == rules[0]


def test_the_first_rule_that_admits_a_name_decides_what_happens_to_tls() -> None:
    both = listener(ENDED, rule("b", 1, PASSTHROUGH, sni="b"), rule("c", 2, ENDED, sni="c"), rule("d", 3, ENDED))
    groups = {group.sni: (group.tls, [one.host for one in group.rules]) for group in choices.by_sni(both)}
    assert groups == {"b": (PASSTHROUGH, ["b"]), "c": (ENDED, ["c", "d"]), None: (ENDED, ["d"])}
    assert choices.mixed(both)
    assert not choices.mixed(ARRANGEMENTS["ended"][0])


def test_upstreams_of_different_kind_never_share_a_name() -> None:
    rules = (
        rule("a", 80),
        rule("a", 80, ENDED, upstream_tls="b"),
        rule("a", 80, PASSTHROUGH),
        rule("a-80-tls-b", 80),
        rule("::1", 80),
        rule("ip6", 80),
    )
    assert len({choices.stem(one) for one in rules}) == len(rules)
