"""A project of one's own for each run of the lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "scenarios").mkdir()
    return Project(tmp_path)
