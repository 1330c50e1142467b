"""The page for engineers who know nothing of the lab shows what they will see: its trace line by line, and the saved file."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.command import ROOT, Project
from tests.foreign import keys
from tests.foreign.making import ready
from tests.foreign.standing import Deployment, standing
from tests.live_cli.test_readme import _alike

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.foreign.standing import Compose

PAGE = (ROOT / "docs" / "where-does-tls-end.md").read_text("utf-8")
URL = "https://localhost:28103/orders"


@pytest.fixture
def project(compose: Compose, tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "ca.pem").write_bytes((keys.ensure() / "ca.pem").read_bytes())
    with standing(compose, Deployment("reencrypts")):
        yield Project(tmp_path)


@pytest.fixture
def compose() -> Compose:
    """Under the name that the page uses."""
    return replace(ready(), project="shop")


def test_the_page_shows_what_one_sees(project: Project) -> None:
    done = project.lab("trace", URL, "--project", "shop", "--cacert", "ca.pem", "--save", "shop-orders")
    assert done.code == 0, done.all
    block = PAGE.partition("    probe trace")[2].partition("\n\nFrom top")[0]
    shown = [_alike(line.removeprefix("    ")) for line in f"    probe trace{block}".split("\n")]
    seen = [_alike(line.removeprefix("  ")) for line in done.out.rstrip("\n").split("\n")]
    assert [line.strip() for line in shown] == [line.strip() for line in seen], done.out
    saved = (project.folder / "scenarios/shop-orders.yaml").read_text("utf-8")
    file = PAGE.partition("```yaml\n")[2].partition("```")[0]
    assert file == re.sub(r"^#.*\n", "", saved, flags=re.MULTILINE)
