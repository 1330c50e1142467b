"""The grid's arrangements: every server is asked the same, and nothing that it does not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.catalogue import load_catalogue
from lab.engine.project import find_project
from lab.engine.wire import marked
from lab.model.grid import BY_ID
from lab.model.scenario import Tls
from lab.plan import grid
from lab.session.grid import job, servers
from lab.session.jobs import UsageError

CATALOGUE = load_catalogue(find_project(Path(__file__)).images)
ROWS = servers(CATALOGUE, ())
ALWAYS = {ask for ask in grid.PROBES if ask not in ("plain-to-tls", "tls", "body-limit")}


def test_every_server_that_has_a_socket_has_a_row() -> None:
    bound = {name for name, row in CATALOGUE.servers.items() if row.role in ("proxy", "application")}
    assert {row.name for row in ROWS} == bound - {"function"}


def test_a_server_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"there are: .*nginx"):
        servers(CATALOGUE, ["ngnix"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_arrangement_can_be_planned_and_asks_all_that_has_a_meaning(row: object) -> None:
    plan = job(row, CATALOGUE).plan  # type: ignore[arg-type]
    assert plan is not None
    asked = {probe.id for probe in plan.probes}
    assert {ask for ask in ALWAYS if not any(name == ask or name.startswith(f"{ask}-") for name in asked)} == set()
    assert ("tls" in asked) == (Tls.ENDED in row.tls)  # type: ignore[attr-defined]
    assert ("body-limit" in asked) == ("body_bytes" in row.options)  # type: ignore[attr-defined]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_quirk_of_the_grid_names_an_ask(row: object) -> None:
    named = {ask for quirk in row.quirks for ask in quirk.grid}  # type: ignore[attr-defined]
    assert named <= BY_ID.keys()
    assert not [ask for ask in named if grid.unasked(row, ask)]  # type: ignore[arg-type]


def test_exact_bytes_carry_a_token_of_their_own_and_only_as_a_whole_field() -> None:
    tokens = [marked(grid.head(name).encode()) for name in grid.PROBES]
    assert tokens == [grid.token(name) for name in grid.PROBES]
    assert len(set(tokens)) == len(tokens)
    assert not marked(b"GET / HTTP/1.1\r\nX: Lab-Probe: 0123456789abcdef\r\n\r\n")
    assert not marked(b"GET / HTTP/1.1\r\nLab-Probe: 0123\r\n\r\n")
