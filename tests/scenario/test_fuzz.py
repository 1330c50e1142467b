"""Whatever a file holds, it gives cases or mistakes, in bounded time and memory; and what gives cases can be planned."""

from __future__ import annotations

import copy
import json
import resource
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from shop import CATALOGUE, ROOT, SIBLINGS

from lab.plan import plan
from lab.plan.compose import compose
from lab.plan.render import Unsupported
from lab.scenario import MAX_BYTES, ScenarioError, decode, load, siblings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.model.scenario import Case

FILES = sorted((ROOT / "scenarios").glob("*.yaml"))
TEXTS = [path.read_text("utf-8") for path in FILES]
WHOLE = [YAML(typ="safe", pure=True).load(text) for text in TEXTS]
BESIDE = SIBLINGS | {f"files/{path.name}": path.read_bytes() for path in (ROOT / "scenarios/files").iterdir()}

FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def read(text: str) -> tuple[Case, ...]:
    """The cases of a text; none if it has mistakes, each of which must be told and point into the text."""
    lines = text.count("\n") + text.count("\r") + 1
    try:
        siblings_of(text, "x.yaml")
        return load(text, "x.yaml", CATALOGUE, BESIDE)
    except ScenarioError as error:
        assert error.problems
        assert error.render()
        for problem in error.problems:
            assert 1 <= problem.line <= lines
            assert problem.column >= 1
            assert problem.text
            assert problem.rule
            assert "\x1b" not in problem.render()
        return ()


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
    try:
        read(decode(data, "x.yaml"))
    except ScenarioError as error:
        assert error.render()


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
        [
            "", "x", "web", "app", "proxy", "host", "client", "nobody", "nginx", "ended", "passthrough", "none", "lab",
            "0.0.0.0:80", "127.0.0.1:3000", "[::]:8443", "10.0.1.25:8080", "web:99999", "[zz]:1", "../x", "files/serve.pl", "/x",
            "a\0b", "{{ 7*7 }}", "${x}", "10.0.1.0/24", "10.0.1.25", "http://web:0/", "http://[::1", "https://web/", "é",
            "\ud83d\ude00", "kernel of web", "C01",
        ]
    ),
    st.just([]),
    st.just({}),
    st.just({"each": ["nginx", "haproxy"]}),
    st.just([{"on": "0.0.0.0:80", "routes": [{"to": "app:3000"}]}]),
)  # fmt: skip


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


@settings(FAST, max_examples=400)
@given(st.sampled_from(WHOLE), st.integers(1, 3), st.data())
def test_a_scenario_with_values_changed_gives_mistakes_or_plans(whole: Any, times: int, data: st.DataObject) -> None:
    document = copy.deepcopy(whole)
    for _ in range(times):
        if places(document):
            change(document, data.draw)
    can_be_planned(read(json.dumps(document, indent=1)))


HEAD = "id: x\ntitle: x\n"
EACH = "".join(f"  c{n}: {{server: {{each: [nginx, haproxy]}}}}\n" for n in range(2000))
CONTAINERS = "".join(f"  c{n}: {{namespace: web, server: app, listen: [{{on: '127.0.0.1:{n + 1}'}}]}}\n" for n in range(1700))
NAMES = "".join(f"  n{n}: {{names: [n{n}.example]}}\n" for n in range(3500))
TWINS = "".join(f"  t{n}: {{about: x, change: {{title: y}}, caught: {{a.b: c}}}}\n" for n in range(2000))
HUGE = {
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "brackets": "[" * 20000,
    "braces": "{" * 20000,
    "dashes": "- " * 20000,
    "question-marks": "? " * 20000,
    "items": HEAD + "claims: [" + "x, " * 40000 + "]",
    "keys": HEAD + "".join(f"k{n}: 1\n" for n in range(12000)),
    "claims": HEAD + "claims: [" + "C01, " * 25000 + "]",
    "one-line": HEAD + "about: " + "x" * 100000,
    "one-key": "x" * 100000 + ": 1",
    "one-number": HEAD + "about: " + "9" * 100000,
    "block": HEAD + "about: |\n" + " x\n" * 40000,
    "quotes": "'" * 100000,
    "escapes": HEAD + 'about: "' + "\\x41" * 25000 + '"',
    "choices": HEAD + "containers:\n" + EACH,
    "containers": HEAD + "namespaces: {web: {}}\ncontainers:\n" + CONTAINERS,
    "namespaces": HEAD + "namespaces:\n" + NAMES,
    "unknown-names": HEAD + "namespaces:\n" + NAMES[: 60000] .rpartition("\n")[0] + "\nprobes:\n" + "".join(f"  p{n}: {{from: m{n}}}\n" for n in range(2000)),
    "twins": HEAD + "twins:\n" + TWINS,
    "twins-of-much": HEAD + "namespaces: {web: {}}\ncontainers:\n" + CONTAINERS[:60000].rpartition("\n")[0] + "\ntwins:\n" + TWINS[:1800].rpartition("\n")[0],
    "networks": HEAD + "networks:\n" + "".join(f"  n{n}: {{subnet: 10.{n // 250}.{n % 250}.0/24}}\n" for n in range(3000)),
    "too-large": HEAD + "#" * MAX_BYTES,
}  # fmt: skip
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
