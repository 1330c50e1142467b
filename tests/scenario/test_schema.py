"""The published JSON Schema: an independent validator takes it, and agrees with ours on what is right and on what is wrong in
form. Tables that go with the schema leave out none of its places."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from lab.scenario import ScenarioError, schema, shapes
from lab.scenario.meaning.addresses import HELD, REACHED
from lab.scenario.meaning.names import REFERENCES
from lab.scenario.patterns import PATTERNS
from lab.scenario.reading import decode, read
from lab.scenario.tree import ANY, plain
from tests.scenario.shop import NULL, ROOT, SHOP, problems, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA: dict[str, Any] = schema()
VALIDATOR = Draft202012Validator(SCHEMA)
FILES = sorted((ROOT / "scenarios").glob("*.yaml"))


def document(path: Path) -> Any:
    return plain(read(decode(path.read_bytes(), path.name), path.name)[1])


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"]
    assert SCHEMA["title"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_scenario_is_valid_for_an_independent_validator(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(document(path))] == []


FORM = (
    "unknown-key",
    "wrong-type",
    "wrong-word",
    "wrong-name",
    "missing-key",
    "too-few",
    "out-of-range",
    "template-in-a-value",
)


@pytest.mark.parametrize("name", FORM)
def test_mistakes_of_form_are_mistakes_for_it_too(name: str) -> None:
    assert list(VALIDATOR.iter_errors(document(ROOT / f"tests/scenario/failed/{name}.yaml")))


@pytest.mark.parametrize(
    "patch",
    [
        {"containers": {"App": {"server": "app"}}},
        {"containers": {"app": {"environment": {"1A": "b"}}}},
        {"containers": {"app": {"files": {"relative": {"content": ""}}}}},
        {"containers": {"app": {"listen": [{"on": "127.0.0.1:3000", "x": 1}]}}},
        {"probes": {"order": {"expect": {"tally": {"nowhere": 1}}}}},
        {"probes": {"order": {"expect": {"reads": "many"}}}},
        {"probes": {"order": {"expect": {"status": NULL}}}},
        {"twins": {"x": {"about": "x", "change": {}, "caught": {}}}},
    ],
)
def test_a_key_or_value_that_is_not_allowed_is_refused(patch: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(SHOP)
    assert not VALIDATOR.is_valid(json.loads(text_of(patch)))
    assert problems(text_of(patch))


def test_descriptions_come_from_the_docstrings() -> None:
    described = SCHEMA["$defs"]["Listen"]["properties"]["names"]["description"]
    assert described == "Names on the leaf certificate of a listener that ends TLS; empty: the names of its namespace."
    assert SCHEMA["$defs"]["Probe"]["properties"]["from"]["description"].startswith("`client` (a container of its own")
    assert SCHEMA["description"].startswith("One arrangement")
    assert not [name for name, shape in SCHEMA["$defs"].items() if not shape.get("description")]


def inside(value: Any) -> Iterator[dict[str, Any]]:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield value
    for one in below:
        yield from inside(one)


def test_every_pattern_of_the_schema_has_words() -> None:
    own = {str(shape["pattern"]) for shape in inside(shapes.whole()) if isinstance(shape.get("pattern"), str)}
    keys = {pattern for shape in inside(shapes.whole()) for pattern in shape.get("patternProperties", {})}
    assert own | keys == PATTERNS.keys()


# Places of the schema that hold an address, or a name of something.

ADDRESS = next(pattern for pattern, row in PATTERNS.items() if row.words.startswith("an address and a port"))
NAME = next(pattern for pattern, row in PATTERNS.items() if row.words.startswith("a name:"))

NAMES_THAT_DEFINE = {
    ("id",): "the scenario's own",
    ("containers", ANY, "server"): "of the catalogue: rule `server`",
    ("containers", ANY, "server", "each", ANY): "of the catalogue: rule `server`",
    ("probes", ANY, "steps", ANY, "look"): "a moment's own",
    ("probes", ANY, "steps", ANY, "streams", ANY, "name"): "a stream's own",
    ("probes", ANY, "steps", ANY, "data", "stream"): "of a stream of the same probe: rule `stream`",
    ("probes", ANY, "steps", ANY, "reset_stream"): "of a stream of the same probe: rule `stream`",
}
"""Places of a name that refers to no other place of the file."""


def places(shape: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every place of the schema as a pattern of a path."""
    for one in shapes.alternatives(shape):
        yield path, one
        for key, below in one.get("properties", {}).items():
            yield from places(below, (*path, key))
        for below in (*one.get("patternProperties", {}).values(), one.get("additionalProperties"), one.get("items")):
            if isinstance(below, dict):
                yield from places(below, (*path, ANY))


def test_every_place_of_an_address_is_in_a_table() -> None:
    found = {path for path, shape in places(shapes.whole()) if shape.get("pattern") == ADDRESS}
    assert found == {*HELD, *REACHED}


def test_every_place_of_a_name_is_in_a_table() -> None:
    found = {path for path, shape in places(shapes.whole()) if shape.get("pattern") == NAME}
    listed = {place for row in REFERENCES for place in row.places}
    assert found - listed == NAMES_THAT_DEFINE.keys()


def test_a_pattern_is_told_with_what_was_likely_meant() -> None:
    guesses = {
        NAME: {"My App": "my-app", "web_1": "web-1", "2nd": "nd"},
        ADDRESS: {
            "8443": "0.0.0.0:8443",
            ":8443": "0.0.0.0:8443",
            "*:80": "0.0.0.0:80",
            ":::80": "[::]:80",
            "::1:80": "[::1]:80",
            "http://web:80/x": "web:80",
            "web": "web:80",
        },
    }
    for pattern, pairs in guesses.items():
        assert {text: PATTERNS[pattern].guess(text) for text in pairs} == pairs


def test_a_file_that_cannot_be_read_is_no_document() -> None:
    with pytest.raises(ScenarioError):
        read("a: *b", "x.yaml")
    assert json.loads(json.dumps(plain(read("a: 1", "x.yaml")[1]))) == {"a": 1}
