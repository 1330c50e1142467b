"""Whatever a file holds, it gives cases or mistakes, in bounded time and memory; and what gives cases can be planned."""

from __future__ import annotations

import copy
import json
import os
import resource
import time
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lab.plan import plan
from lab.plan.compose import compose
from lab.plan.render import Unsupported
from lab.scenario import MAX_BYTES, ScenarioError, decode, load, shapes, siblings_of
from lab.scenario.patterns import PATTERNS
from lab.scenario.reading import read as read_tree
from lab.scenario.tree import Mapping, at
from tests.scenario.shop import CATALOGUE, ROOT, SIBLINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.model.scenario import Case
    from lab.scenario import Problem

FILES = sorted((ROOT / "scenarios").glob("*.yaml"))
TEXTS = [path.read_text("utf-8") for path in FILES]
WHOLE = [YAML(typ="safe", pure=True).load(text) for text in TEXTS]
BESIDE = SIBLINGS | {f"files/{path.name}": path.read_bytes() for path in (ROOT / "scenarios/files").iterdir()}

TIMES = int(os.environ.get("LAB_FUZZ", "1"))
"""How many times as many examples as in a quick run."""

FAST = settings(
    max_examples=40 * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def read(text: str) -> tuple[Case, ...]:
    """The cases of a text; none if it has mistakes, each of which must be told and point into the text."""
    mistakes: tuple[Problem, ...] = ()
    cases: tuple[Case, ...] = ()
    try:
        siblings_of(text, "x.yaml")
        cases = load(text, "x.yaml", CATALOGUE, BESIDE)
    except ScenarioError as error:
        mistakes = error.problems
    assert mistakes or cases
    lines = text.count("\n") + text.count("\r") + 1
    for problem in mistakes:
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert problem.text
        assert problem.rule
        assert "\x1b" not in problem.render()
    return cases


def can_be_planned(cases: tuple[Case, ...]) -> None:
    for case in cases:
        try:
            compose(plan(case, CATALOGUE, BESIDE), CATALOGUE, "x.yaml")
        except Unsupported:
            continue


@FAST
@given(st.text())
def test_any_text_gives_cases_or_mistakes(text: str) -> None:
    read(text)


YAMLISH = st.text(st.sampled_from("abc:-{}[],&*!|>'\"#%@`?\n\t  \\\ufeff\x85\u2028\x00\x1bé😀0179_.~<"), max_size=80)


@FAST
@given(YAMLISH)
def test_any_signs_of_yaml_give_cases_or_mistakes(text: str) -> None:
    read(text)
    read("id: x\ntitle: " + text)


@FAST
@given(st.binary(max_size=200))
def test_any_bytes_give_text_or_a_mistake(data: bytes) -> None:
    with suppress(ScenarioError):
        text = decode(data, "x.yaml")
        assert text.encode("utf-8").endswith(data.removeprefix(b"\xef\xbb\xbf"))
        read(text)


@FAST
@given(st.sampled_from(TEXTS), st.data())
def test_a_scenario_with_a_piece_changed_gives_cases_or_mistakes(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = min(len(text), start + data.draw(st.integers(0, 30)))
    can_be_planned(read(text[:start] + data.draw(YAMLISH) + text[end:]))


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70000),
    st.floats(),
    st.sampled_from(
        ["", "x", "web", "app", "proxy", "host", "client", "nobody", "nginx", "ended", "passthrough", "none", "lab"]
    ),
    st.sampled_from(["0.0.0.0:80", "127.0.0.1:3000", "[::]:8443", "10.0.1.25:8080", "web:99999", "[zz]:1", "10.0.1.0/24"]),
    st.sampled_from(["../x", "/x", "files/serve.pl", "a\0b", "http://web:0/", "http://[::1", "https://web/", "kernel of web"]),
    st.sampled_from(["{{ 7*7 }}", "${x}", "\u00e9", "\U0001f600", "C01", "10.0.1.25"]),
    st.just([]),
    st.just({}),
    st.just({"each": ["nginx", "haproxy"]}),
    st.just([{"on": "0.0.0.0:80", "routes": [{"to": "app:3000"}]}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a document."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(one for key, child in below for one in places(child, (*path, key)))]


def change(document: Any, draw: Callable[[Any], Any]) -> None:
    """Replace, remove, rename or double something."""
    path = draw(st.sampled_from(places(document)))
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    how = draw(st.sampled_from(["replace", "remove", "rename", "double"]))
    old = parent[path[-1]]
    if how == "replace" or isinstance(parent, list):
        parent[path[-1]] = copy.deepcopy(draw(VALUES))
    elif how == "remove":
        del parent[path[-1]]
    elif how == "rename":
        parent[draw(st.sampled_from(["x", "on", "web", "listen", "client", path[-1] + "s"]))] = parent.pop(path[-1])
    else:
        parent[f"{path[-1]}-2"] = copy.deepcopy(old)


EXAMPLES: dict[str, tuple[str, ...]] = {
    "an address": ("127.0.0.1:3000", "0.0.0.0:8080", "[::]:8443", "web:8080", "app:3000", "backend:80", "10.0.1.25:8080"),
    "a name": ("web", "app", "proxy", "client", "host", "lan", "nobody", "nginx", "haproxy", "envoy", "order"),
    "a DNS name": ("shop.example", "blog.example", "web", "default", "127.0.0.1"),
    "a path": ("/", "/orders", "/a/b"),
    "a URL": ("http://web:8080/", "https://shop.example:8443/orders"),
    "a claim's id": ("C01", "C38"),
    "a method": ("GET", "POST", "PRI"),
    "a field's name": ("X-A", "Host", "Content-Length"),
    "a variable's name": ("A", "PATH"),
    "an absolute path": ("/etc/lab/a", "/srv/b", "/tmp"),
}
"""Beginning of a pattern's words -> what matches it."""


def matching(pattern: str, draw: Callable[[Any], Any]) -> Any:
    words = PATTERNS[pattern].words
    return draw(next((st.sampled_from(some) for start, some in EXAMPLES.items() if words.startswith(start)), st.just("a b")))


def conforming(shape: shapes.Shape, draw: Callable[[Any], Any]) -> Any:
    """A value of a shape's form."""
    if words := shapes.choices((shape,)):
        return draw(st.sampled_from(words))
    kind = shape.get("type", "string")
    if kind == "array":
        size = max(shape.get("minItems", 0), draw(st.integers(0, 2)))
        return [conforming(draw(st.sampled_from(shapes.alternatives(shape["items"]))), draw) for _ in range(size)]
    if kind == "object":
        return grown(shape, {}, draw)
    if kind == "boolean":
        return draw(st.booleans())
    if kind in ("integer", "number"):
        return draw(st.integers(int(shape.get("minimum", 1)), int(min(shape.get("maximum", 9), 9999)) or 1))
    return (
        matching(shape["pattern"], draw)
        if "pattern" in shape
        else draw(st.sampled_from(["", "x", "10.0.1.0/24", "kernel of web"]))
    )


def grown(shape: shapes.Shape, value: dict[str, Any], draw: Callable[[Any], Any]) -> dict[str, Any]:
    """A mapping with what it needs, and with one thing more that its shape allows."""
    below = shape.get("properties", {})
    more = [draw(st.sampled_from(sorted(below)))] if below else []
    for key in (*(key for key in shape.get("required", ()) if key not in value), *more):
        value[key] = conforming(draw(st.sampled_from(shapes.alternatives(below[key]))), draw)
    for pattern, one in shape.get("patternProperties", {}).items():
        value[matching(pattern, draw)] = conforming(draw(st.sampled_from(shapes.alternatives(one))), draw)
    return value


def grow(document: Any, draw: Callable[[Any], Any]) -> None:
    """Add something to a mapping of the document that may stand there."""
    tree = read_tree(json.dumps(document), "x.yaml")[1]
    where = [path for path in ((), *places(document)) if isinstance(at(tree, path), Mapping) and "change" not in path]
    path = draw(st.sampled_from(where))
    value = document
    for step in path:
        value = value[step]
    found = [shape for shape in shapes.shapes_at(tree, path) if shape.get("type") == "object"]
    if found:
        grown(found[0], value, draw)


@settings(FAST, max_examples=60 * TIMES)
@given(st.sampled_from(WHOLE), st.integers(1, 4), st.data())
def test_a_scenario_with_more_in_it_gives_mistakes_or_plans(whole: Any, times: int, data: st.DataObject) -> None:
    document = copy.deepcopy({key: value for key, value in whole.items() if key not in ("twins", "variants")})
    for _ in range(times):
        grow(document, data.draw)
    can_be_planned(read(json.dumps(document, indent=1)))


@settings(FAST, max_examples=60 * TIMES)
@given(st.sampled_from(WHOLE), st.integers(1, 3), st.data())
def test_a_scenario_with_values_changed_gives_mistakes_or_plans(whole: Any, times: int, data: st.DataObject) -> None:
    document = copy.deepcopy(whole)
    for _ in range(times):
        if places(document):
            change(document, data.draw)
    can_be_planned(read(json.dumps(document, indent=1)))


HEAD = "id: x\ntitle: x\n"


def lines(count: int, line: str) -> str:
    """So many lines, each with its number in place of `#`."""
    return "".join(line.replace("#", str(number)) + "\n" for number in range(1, count + 1))


CONTAINERS = "  c#: {namespace: web, server: app, listen: [{on: '127.0.0.1:#'}]}"
IN_WEB = f"{HEAD}namespaces: {{web: {{}}}}\ncontainers:\n"
TWIN = "  t#: {about: x, change: {title: y}, caught: {a.b: c}}"
HUGE = {
    "aliases": "a: &a [x,x]\n" + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in pairwise("abcdefghi")),
    "brackets": "[" * 20000,
    "braces": "{" * 20000,
    "dashes": "- " * 20000,
    "question-marks": "? " * 20000,
    "items": f"{HEAD}claims: [{'x, ' * 15000}]",
    "keys": HEAD + lines(12000, "k#: 1"),
    "claims": f"{HEAD}claims: [{'C01, ' * 25000}]",
    "one-line": f"{HEAD}about: {'x' * 100000}",
    "one-key": f"{'x' * 100000}: 1",
    "one-number": f"{HEAD}about: {'9' * 100000}",
    "block": f"{HEAD}about: |\n{lines(40000, ' x')}",
    "quotes": "'" * 100000,
    "escapes": HEAD + 'about: "' + "\\x41" * 25000 + '"',
    "choices": f"{HEAD}containers:\n" + lines(2000, "  c#: {server: {each: [nginx, haproxy]}}"),
    "containers": IN_WEB + lines(1700, CONTAINERS),
    "namespaces": f"{HEAD}namespaces:\n" + lines(3500, "  n#: {names: [n#.example]}"),
    "unknown-names": f"{HEAD}namespaces:\n{lines(1700, '  n#: {}')}probes:\n{lines(2000, '  p#: {from: m#}')}",
    "twins": f"{HEAD}twins:\n" + lines(2000, TWIN),
    "twins-of-much": IN_WEB + lines(850, CONTAINERS) + "twins:\n" + lines(25, TWIN),
    "networks": f"{HEAD}networks:\n" + lines(3000, "  n#: {subnet: 10.0.0.0/24}"),
    "too-large": HEAD + "#" * MAX_BYTES,
}
"""Texts that cost much if they are read without bounds."""

SECONDS = 20.0
"""Of processor time; the worst takes about two, and hours without bounds."""

MEGABYTES = 200


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_file_is_read_within_bounds(name: str) -> None:
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read(HUGE[name])
    seconds = time.process_time() - begun
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert seconds < SECONDS
    assert grown < MEGABYTES << 10
