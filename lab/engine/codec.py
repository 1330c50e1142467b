"""Frozen values to JSON and back. Bytes are URL-safe base64: a value that has some says so by `__pydantic_config__`."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def to_json(value: object, kind: Any) -> bytes:
    """Write `value` of type `kind` as indented JSON, under the names it is read by.

    What a scenario leaves out is left out here too: an expectation that was not stated must not come back as one of nothing.
    """
    return TypeAdapter(kind).dump_json(value, indent=1, by_alias=True, exclude_unset=True) + b"\n"


def from_json(data: bytes, kind: type[T]) -> T:
    """Read the value of type `kind` that `to_json` wrote."""
    return TypeAdapter(kind).validate_json(data)
