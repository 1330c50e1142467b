"""An engine, and a project of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.engine import locate
from tests.command import Project

if TYPE_CHECKING:
    from pathlib import Path

    from lab.engine.docker import Docker


@pytest.fixture(scope="session")
def docker() -> Docker:
    return locate.engine()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "scenarios").mkdir()
    return Project(tmp_path)
