"""The JSON Schema of scenario files, as editors take it.

It is the validator's own, made stricter where the validator is and its export is not, with the docstrings of the model as
descriptions. Weak spot: what a file means (a name that nothing defines) no schema can say; `lab validate` does.
"""

from __future__ import annotations

import ast
import inspect
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from lab.model import scenario
from lab.scenario import shapes
from lab.scenario.patterns import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Iterator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "urn:receipt-lab:scenario:1"


def schema() -> dict[str, object]:
    """JSON Schema, draft 2020-12."""
    whole: dict[str, Any] = deepcopy(shapes.whole())
    written = dict(_written())
    for name, shape in ((whole["title"], whole), *whole["$defs"].items()):
        for field, says in written.get(name, {}).items():
            key = field.removesuffix("_")
            if key in shape.get("properties", {}):
                shape["properties"][key]["description"] = says
    _tighten(whole)
    return {"$schema": DIALECT, "$id": ID, "title": "Scenario of the lab", **whole}


def _written() -> Iterator[tuple[str, dict[str, str]]]:
    """Class -> field -> the text under the field."""
    for found in ast.parse(inspect.getsource(scenario)).body:
        if isinstance(found, ast.ClassDef):
            yield found.name, dict(_fields(found))


def _fields(found: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, after in zip(found.body, found.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr)):
            continue
        if isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            yield field.target.id, inspect.cleandoc(after.value.value)


def _tighten(shape: Any) -> None:
    """Keys without a value, and those that match no pattern, are refused; patterns are told in words; made-up titles go."""
    if isinstance(shape, list):
        for one in shape:
            _tighten(one)
    if not isinstance(shape, dict):
        return
    if "anyOf" in shape:
        _without_null(shape)
    if isinstance(shape.get("title"), str):
        del shape["title"]
    if "patternProperties" in shape:
        shape["additionalProperties"] = False
    if isinstance(shape.get("pattern"), str) and shape["pattern"] in PATTERNS:
        shape.setdefault("description", PATTERNS[shape["pattern"]].words)
    for one in shape.values():
        _tighten(one)


def _without_null(shape: dict[str, Any]) -> None:
    left = [one for one in shape["anyOf"] if one != {"type": "null"}]
    if "default" in shape and shape["default"] is None:
        del shape["default"]
    if len(left) > 1:
        shape["anyOf"] = left
    else:
        shape.update({key: value for key, value in left[0].items() if key not in shape})
        del shape["anyOf"]
