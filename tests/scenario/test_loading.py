"""The cases of a file, in order and with the lines of their checks; and mistakes told once, where they stand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lab.scenario import MAX_BYTES, ScenarioError, decode, load, siblings_of
from lab.scenario.problems import Problem
from lab.scenario.reading import core, read
from lab.scenario.tree import merged, plain, span_of
from tests.scenario.shop import CATALOGUE, ROOT, SIBLINGS, problems, text_of, under

TEXT = """\
id: shop
title: t
namespaces:
  web: {names: [shop.example]}
containers:
  proxy:
    namespace: web
    server: {each: [nginx, haproxy]}
    listen: [{on: "0.0.0.0:8443", tls: ended, routes: [{to: "127.0.0.1:3000"}]}]
  app: {namespace: web, server: app, listen: [{on: "127.0.0.1:3000"}]}
probes:
  order:
    request: {url: "https://shop.example:8443/"}
    expect:
      status: 200
      route:
        - proxy
        - {to: app, tls: none}
listening:
  app: ["127.0.0.1:3000"]
variants:
  haproxy: {probes: {order: {expect: {status: 503}}}}
twins:
  gone:
    about: nobody listens
    change: {containers: {app: {listen: [{on: "127.0.0.1:3001"}]}}}
    caught:
      order.status: expected 200
"""


def cases(text: str = TEXT) -> Any:
    return load(text, "shop.yaml", CATALOGUE, {})


def test_a_choice_of_servers_makes_a_case_each_and_each_has_its_twins() -> None:
    assert [case.id for case in cases()] == ["shop.nginx", "shop.nginx~gone", "shop.haproxy", "shop.haproxy~gone"]
    assert [case.twin for case in cases()] == [None, "gone", None, "gone"]
    assert {case.file for case in cases()} == {"shop.yaml"}


def test_a_variant_changes_the_case_of_its_server_alone() -> None:
    assert [case.scenario.probes["order"].expect.status for case in cases()] == [200, 200, 503, 503]


def test_a_twin_changes_what_it_says_and_nothing_else() -> None:
    listens = [case.scenario.containers["app"].listen[0].on for case in cases()]
    assert listens == ["127.0.0.1:3000", "127.0.0.1:3001"] * 2
    first, twin = cases()[:2]
    assert first.scenario.probes == twin.scenario.probes


def test_each_check_has_the_line_of_its_expectation() -> None:
    assert dict(cases()[0].check_lines) == {"order.status": 15, "order.route": 16, "order.hop2.tls": 18, "listening.app": 20}
    assert dict(cases()[1].check_lines) == {"twin.order.status": 28, "twin.others": 24}
    assert dict(cases()[2].check_lines)["order.status"] == 22


def test_a_scenario_without_a_choice_is_one_case() -> None:
    plain_text = TEXT.replace("{each: [nginx, haproxy]}", "nginx").replace("variants:\n  haproxy:", "variants: {} #")
    assert [case.id for case in cases(plain_text)] == ["shop", "shop~gone"]


def told(text: str) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.rule, under(problem)) for problem in problems(text)]


def test_a_mistake_of_the_scenario_is_not_told_again_for_each_case() -> None:
    assert told(TEXT.replace("- proxy", "- prox")) == [(17, "undefined", "prox")]
    assert told(TEXT.replace("status: 200", "status: ok")) == [(15, "value", "ok")]


def test_a_mistake_of_a_twin_is_told_once_inside_the_twin() -> None:
    assert told(TEXT.replace("127.0.0.1:3001", "10.0.0.1:3001")) == [(26, "address-absent", "10.0.0.1")]
    assert told(TEXT.replace('{on: "127.0.0.1:3001"}', "{on: 3001}")) == [(26, "value", "3001")]
    assert told(TEXT.replace("order.status:", "order.staus:")) == [(28, "caught", "order.staus")]


def test_a_mistake_of_a_variant_is_told_inside_the_variant() -> None:
    assert told(TEXT.replace("status: 503", "certificate: pro")) == [(22, "undefined", "pro")]
    assert told(TEXT.replace("haproxy: {probes", "haproxy: {prbes")) == [(22, "unknown-key", "prbes")]


def test_what_a_twin_makes_wrong_elsewhere_is_told_at_its_change_with_the_line() -> None:
    gone = TEXT.replace("{containers: {app: {listen", "{namespaces: {web: null}, containers: {app: {listen")
    found = problems(gone)
    assert {(problem.line, under(problem)) for problem in found} == {(26, "change")}
    assert found[0].text.startswith("after the change of twin gone, line 7: no namespace is called `web`")


def test_form_and_meaning_are_told_together() -> None:
    wrong = TEXT.replace("title: t", "titel: t").replace("- proxy", "- prox").replace("server: app", "server: ap")
    assert told(wrong) == [
        (1, "missing-key", "i"),
        (2, "unknown-key", "titel"),
        (10, "server", "ap"),
        (17, "undefined", "prox"),
    ]


def test_what_is_missing_by_a_mistake_of_form_misleads_no_rule() -> None:
    wrong = TEXT.replace("request:", "reqest:")
    assert told(wrong) == [(13, "unknown-key", "reqest")]
    wrong = TEXT.replace("names: [shop.example]", "names: [Shop.example]")
    assert told(wrong) == [(4, "value", "Shop.example")]


def test_a_list_with_an_item_of_the_wrong_kind_is_told_at_the_item() -> None:
    assert told(TEXT.replace("- proxy", "- [proxy]")) == [(17, "value", "[proxy]")]
    assert told(TEXT.replace("{to: app, tls: none}", "{tls: none}")) == [(18, "missing-key", "{tls: none}")]


@pytest.mark.parametrize("sign", ["\\x1b[2J", "\\x9b2J", "\\x07", "\\x7f", "\\0", "\\r"])
def test_no_text_that_is_shown_can_move_a_cursor(sign: str) -> None:
    assert [rule for _, rule, _ in told(TEXT.replace("title: t", f'title: "{sign}"'))] == ["value"]
    assert [rule for _, rule, _ in told(TEXT.replace("title: t", f'title: t\nabout: "{sign}"'))] == ["value"]
    assert [rule for _, rule, _ in told(TEXT.replace("about: nobody listens", f'about: "{sign}"'))] == ["value"]
    assert told(TEXT.replace("title: t", 'title: t\nabout: "two\\nlines"')) == []


def test_too_many_cases_are_refused_before_they_are_made() -> None:
    many = "".join(f"  c{n}: {{server: {{each: [nginx, haproxy, envoy]}}}}\n" for n in range(300))
    found = problems(f"id: x\ntitle: x\ncontainers:\n{many}")
    assert [problem.rule for problem in found] == ["cases"]


def test_siblings_are_those_that_stay_in_the_folder() -> None:
    text = text_of(
        {
            "containers": {
                "app": {
                    "config": "a/b.conf",
                    "files": {"/x": {"source": "c"}, "/y": {"source": "../d"}, "/z": {"source": "/e"}},
                }
            },
            "twins": {"other-port": {"change": {"containers": {"app": {"config": "t.conf"}}}}},
        }
    )
    assert siblings_of(text, "shop.yaml") == ("a/b.conf", "c", "t.conf")


def test_the_example_of_the_readme_is_a_scenario() -> None:
    (text,) = re.findall(r"```yaml\n(id: .*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert [case.id for case in load(text, "scenarios/my-shop.yaml", CATALOGUE, SIBLINGS)] == [
        "my-shop",
        "my-shop~passes-through",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("on", "on"), ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("12", 12),
        ("-3", -3), ("0o17", 15), ("0x1f", 31), ("017", 17), ("1_000", "1_000"), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0),
        ("12:30", "12:30"), ("2001-01-01", "2001-01-01"), (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"),
        ("9" * 19, "9" * 19), ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_scalars_have_the_types_of_yaml_1_2(text: str, value: object) -> None:
    assert core(text) == value
    assert type(core(text)) is type(value)


def tree(text: str) -> Any:
    return read(text, "x.yaml")[1]


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ("a: b", "a: c", {"a": "c"}),
        ("a: b", "b: c", {"a": "b", "b": "c"}),
        ("a: b", "a: null", {}),
        ("{a: b, b: c}", "a: null", {"b": "c"}),
        ("a: [b]", "a: c", {"a": "c"}),
        ("a: c", "a: [b]", {"a": ["b"]}),
        ("a: {b: c}", "a: {b: d, c: null}", {"a": {"b": "d"}}),
        ("a: [{b: c}]", "a: [1]", {"a": [1]}),
        ("e: null", "a: 1", {"e": None, "a": 1}),
        ("a: foo", "b: {bb: {ccc: null}}", {"a": "foo", "b": {"bb": {}}}),
    ],
)
def test_a_patch_merges_as_rfc_7396_says(target: str, patch: str, result: object) -> None:
    """The examples of its appendix A that are mappings."""
    assert plain(merged(tree(target), tree(patch))) == result


def test_a_value_keeps_its_place_through_a_patch() -> None:
    whole = tree("a: {b: 1}\nc: 2\np:\n  a: {d: 3}\n  c: 4\n")
    patch = whole.entries["p"].value
    made = merged(whole, patch)
    assert [span_of(made, path).line for path in (("a", "b"), ("a", "d"), ("c",))] == [1, 4, 5]


def test_a_byte_order_mark_and_carriage_returns_are_taken() -> None:
    data = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    assert len(cases(decode(data, "shop.yaml"))) == 4
    wrong = TEXT.replace("status: 200", "status: ok").replace("\n", "\r\n")
    assert told(wrong) == [(15, "value", "ok")]


def test_a_file_of_more_than_the_bound_is_refused_unread() -> None:
    with pytest.raises(ScenarioError, match="1 mistake"):
        decode(b" " * (MAX_BYTES + 1), "x.yaml")
    with pytest.raises(ScenarioError, match="1 mistake"):
        read("é" * (MAX_BYTES // 2 + 1), "x.yaml")


def test_a_long_list_of_mistakes_is_cut_and_says_so() -> None:
    text = "id: x\ntitle: x\n" + "".join(f"k{n}: 1\n" for n in range(500))
    with pytest.raises(ScenarioError) as error:
        load(text, "x.yaml", CATALOGUE, {})
    assert error.value.render().endswith("200 mistakes or more, the first 50 shown")


def test_a_place_is_shown_so_that_a_terminal_is_not_moved() -> None:
    problem = Problem("a\x1b[2J.yaml", 1, 4, "x\x07\u202e", "端\t\x1b[1mx", 3)
    head, line, under_line = problem.render().splitlines()
    assert "\x1b" not in head + line
    assert "\x07" not in head
    assert "\u202e" not in head
    assert line == "    端 ␛[1mx"
    assert under_line == "        ^^^"
