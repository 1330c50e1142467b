"""What the schema allows at a place: its JSON Schema, walked along a path.

Rule: what is allowed is read from the schema that validates, never written down a second time. A place with several shapes
(`server: nginx` or `server: {each: [...]}`) has several alternatives; the one that has the kind of what stands there is meant.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lab.model.scenario import Scenario
from lab.scenario.patterns import PATTERNS
from lab.scenario.tree import Mapping, Node, Scalar, Sequence, at

if TYPE_CHECKING:
    from lab.scenario.tree import Path

Shape = dict[str, Any]
"""A JSON Schema that is no reference and no choice."""


@lru_cache(maxsize=1)
def whole() -> Shape:
    """The schema of a scenario, as the validator has it."""
    return Scenario.model_json_schema()


def alternatives(schema: Shape) -> tuple[Shape, ...]:
    """Every shape that a schema allows, null excepted (it is the absence of a key)."""
    if "$ref" in schema:
        return alternatives(whole()["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in schema:
        return tuple(one for choice in schema["anyOf"] for one in alternatives(choice))
    return () if schema.get("type") == "null" else (schema,)


def shapes_at(root: Node, path: Path) -> tuple[Shape, ...]:
    """What may stand at a path, given what stands above it."""
    shapes = alternatives(whole())
    for place, step in enumerate(path):
        above = at(root, path[:place])
        fitting = [shape for shape in shapes if above is not None and fits(shape, above)] or shapes
        shapes = tuple(one for shape in fitting for one in _below(shape, step))
    return shapes


def fits(shape: Shape, node: Node) -> bool:
    """Whether a value has the kind of a shape; whether it is allowed is another question."""
    kinds = _kinds(shape)
    if isinstance(node, Mapping):
        return "object" in kinds
    if isinstance(node, Sequence):
        return "array" in kinds
    return any(_scalar_fits(kind, node) for kind in kinds)


def _kinds(shape: Shape) -> tuple[str, ...]:
    kind = shape.get("type") or {bool: "boolean", int: "integer", float: "number"}.get(type(shape.get("const")), "string")
    return (kind,) if isinstance(kind, str) else tuple(kind)


_TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "string": (str,)}


def _scalar_fits(kind: str, node: Scalar) -> bool:
    if kind == "boolean" or isinstance(node.value, bool):
        return kind == "boolean" and isinstance(node.value, bool)
    return isinstance(node.value, _TYPES.get(kind, ()))


def _below(shape: Shape, step: str | int) -> tuple[Shape, ...]:
    if isinstance(step, int):
        return alternatives(shape["items"]) if isinstance(shape.get("items"), dict) else ()
    if step in shape.get("properties", {}):
        return alternatives(shape["properties"][step])
    values = [*shape.get("patternProperties", {}).values(), shape.get("additionalProperties")]
    return tuple(one for value in values if isinstance(value, dict) for one in alternatives(value))


def keys_of(shapes: tuple[Shape, ...]) -> tuple[str, ...]:
    """Keys that a mapping of these shapes may have; none where any may."""
    return tuple(dict.fromkeys(key for shape in shapes for key in shape.get("properties", {})))


def key_pattern(shapes: tuple[Shape, ...]) -> str:
    """The pattern that keys of a mapping must match; empty: there is none."""
    return next((pattern for shape in shapes for pattern in shape.get("patternProperties", {})), "")


def key_choices(shapes: tuple[Shape, ...]) -> tuple[str, ...]:
    """Keys of a mapping whose keys are one of a few words."""
    named = [one for shape in shapes for one in alternatives(shape.get("propertyNames") or {})]
    return tuple(word for one in named for word in one.get("enum", ()))


def choices(shapes: tuple[Shape, ...]) -> tuple[str, ...]:
    """The words, if one of a few is wanted."""
    found = [word for shape in shapes for word in (shape.get("enum") or ([shape["const"]] if "const" in shape else ()))]
    return tuple(str(word) for word in found)


def described(shapes: tuple[Shape, ...]) -> str:
    """What is wanted, in words: `a whole number from 1 to 65535`, `a list of names`."""
    return ", or ".join(dict.fromkeys(map(_described, shapes))) or "nothing"


def _described(shape: Shape) -> str:
    if words := choices((shape,)):
        return one_of(words)
    kind = _kinds(shape)[0]
    if kind == "array":
        return f"a list{_count(shape, 'Items')}, each item {described(alternatives(shape['items']))}"
    if kind == "object":
        names = keys_of((shape,))
        return f"a mapping with {one_of(names, 'and')}" if 0 < len(names) <= 8 else "a mapping"
    if kind == "string":
        return PATTERNS[shape["pattern"]].words if shape.get("pattern") in PATTERNS else "text"
    if kind == "boolean":
        return "`true` or `false`"
    return ("a whole number" if kind == "integer" else "a number") + _range(shape)


_LOW = (("minimum", " from {:g}"), ("exclusiveMinimum", " above {:g}"))
_HIGH = (("maximum", " up to {:g}"), ("exclusiveMaximum", " below {:g}"))


def _range(shape: Shape) -> str:
    low = next((says.format(shape[key]) for key, says in _LOW if key in shape), "")
    high = next((says.format(shape[key]) for key, says in _HIGH if key in shape), "")
    return low + high


def _count(shape: Shape, what: str) -> str:
    least = shape.get(f"min{what}", 0)
    return f" of {least} or more" if least else ""


def one_of(words: tuple[str, ...], joint: str = "or") -> str:
    """`a`, `b` or `c`, each marked as text."""
    marked = [f"`{word}`" for word in words]
    return f"{', '.join(marked[:-1])} {joint} {marked[-1]}" if len(marked) > 1 else "".join(marked)
