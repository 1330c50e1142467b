"""Layout of trace records, as the running kernel describes it in `events/<system>/<event>/format`.

Rule: no offset is assumed; a field that the kernel does not name is an error when the witness is opened, not a
wrong number later. Source: Documentation/trace/events.rst, "Event formats". Weak spot: dynamic arrays are not read
(the events used here have none).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_FIELD = re.compile(r"field:(?P<name>[^;]+);\s*offset:(?P<offset>\d+);\s*size:(?P<size>\d+);\s*signed:(?P<signed>[01]);")
_CODES = {(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q"}
_CODES |= {(size, True): code.lower() for (size, _), code in _CODES.items()}


@dataclass(frozen=True, slots=True)
class Field:
    """Where a field lies in a record."""

    name: str
    offset: int
    size: int
    signed: bool
    array: bool

    def read(self, record: bytes) -> int | bytes:
        """The field's value: a number, or the bytes of an array."""
        if self.array:
            return record[self.offset : self.offset + self.size]
        value: int = struct.unpack_from("=" + _CODES[self.size, self.signed], record, self.offset)[0]
        return value


@dataclass(frozen=True, slots=True)
class Format:
    """One event: its number in the buffer and its fields by name."""

    name: str
    id: int
    fields: dict[str, Field]

    def values(self, record: bytes) -> dict[str, int | bytes]:
        return {name: field.read(record) for name, field in self.fields.items()}


def parse(text: str, wanted: tuple[str, ...]) -> Format:
    """The event's layout, with the wanted fields only. Raises ValueError when one is missing."""
    name = re.search(r"^name: (\S+)$", text, re.MULTILINE)
    number = re.search(r"^ID: (\d+)$", text, re.MULTILINE)
    if name is None or number is None:
        raise ValueError("a format without name or ID")
    fields = {field.name: field for field in map(_field, _FIELD.finditer(text))}
    missing = [field for field in wanted if field not in fields]
    if missing:
        raise ValueError(f"event {name[1]} of this kernel has no field {', '.join(missing)}")
    return Format(name[1], int(number[1]), {field: fields[field] for field in wanted})


def page_header(text: str) -> int:
    """Offset of the data in a buffer page, from `events/header_page`. Raises ValueError."""
    for match in _FIELD.finditer(text):
        if match["name"].split()[-1] == "data":
            return int(match["offset"])
    raise ValueError("events/header_page names no field `data`")


def _field(match: re.Match[str]) -> Field:
    name = match["name"].split()[-1]
    plain = name.partition("[")[0]
    return Field(plain, int(match["offset"]), int(match["size"]), match["signed"] == "1", "[" in name)
