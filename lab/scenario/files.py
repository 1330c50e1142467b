"""Which paths may name a file beside a scenario."""

from __future__ import annotations

from pathlib import PurePosixPath

LONGEST = 255
"""Bytes in a file's name (NAME_MAX); whole paths are held to it too."""


def usable(name: str) -> bool:
    """Whether it is a relative path that stays in the scenario's folder, by its words alone; links are the reader's matter."""
    path = PurePosixPath(name)
    plain = bool(path.parts) and "\0" not in name and len(name.encode("utf-8", "replace")) <= LONGEST
    return plain and not path.is_absolute() and ".." not in path.parts
