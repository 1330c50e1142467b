"""Layout of trace records, as the running kernel describes it in `events/<system>/<event>/format`.

Rule: no offset is assumed; a field that the kernel does not name is an error when the witness is opened, not a
wrong number later. A record is taken apart in one step, for there are thousands a second. Source:
Documentation/trace/events.rst, "Event formats". Weak spot: dynamic arrays are not read (the events used here have none).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

_FIELD = re.compile(r"field:(?P<name>[^;]+);\s*offset:(?P<offset>\d+);\s*size:(?P<size>\d+);\s*signed:(?P<signed>[01]);")
_CODES = {(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q"}
_CODES |= {(size, True): code.lower() for (size, _), code in _CODES.items()}


@dataclass(frozen=True, slots=True)
class Field:
    """Where a field lies in a record: a number, or the bytes of an array."""

    name: str
    offset: int
    size: int
    signed: bool
    array: bool

    @property
    def code(self) -> str:
        """For `struct`."""
        return f"{self.size}s" if self.array else _CODES[self.size, self.signed]


@dataclass(frozen=True, slots=True)
class Format:
    """One event: its number in the buffer, and its fields in order of their places."""

    name: str
    id: int
    names: tuple[str, ...]
    layout: struct.Struct
    words: dict[str, dict[int, str]] = field(default_factory=dict)
    """Field -> the words that the kernel prints for its values."""

    def values(self, record: bytes) -> dict[str, int | bytes]:
        """Raises struct.error for a record that is too short."""
        return dict(zip(self.names, self.layout.unpack_from(record), strict=True))


def parse(text: str, wanted: tuple[str, ...]) -> Format:
    """The event's layout, with the wanted fields only. Raises ValueError when one is missing."""
    name = re.search(r"^name: (\S+)$", text, re.MULTILINE)
    number = re.search(r"^ID: (\d+)$", text, re.MULTILINE)
    if name is None or number is None:
        raise ValueError("a format without name or ID")
    fields = {each.name: each for each in map(_field, _FIELD.finditer(text))}
    missing = [each for each in wanted if each not in fields]
    if missing:
        raise ValueError(f"event {name[1]} of this kernel has no field {', '.join(missing)}")
    taken = sorted((fields[each] for each in wanted), key=lambda each: each.offset)
    return Format(name[1], int(number[1]), tuple(each.name for each in taken), _layout(taken), _words(text))


def _layout(fields: list[Field]) -> struct.Struct:
    codes, place = ["="], 0
    for each in fields:
        codes += [f"{each.offset - place}x", each.code]
        place = each.offset + each.size
    return struct.Struct("".join(codes))


def _words(text: str) -> dict[str, dict[int, str]]:
    """What `__print_symbolic(REC->field, { 1, "WORD" }, ...)` says of each field."""
    found = re.finditer(r"__print_symbolic\(REC->(\w+), ((?:\{ \d+, \"\w+\" \}(?:, )?)+)\)", text)
    return {match[1]: {int(n): word for n, word in re.findall(r'\{ (\d+), "(\w+)" \}', match[2])} for match in found}


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
