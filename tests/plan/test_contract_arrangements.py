"""The contract's arrangements: one for each claim of a row, and a refusal for what is not claimed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from lab.engine.catalogue import load_catalogue
from lab.model.catalogue import Option
from lab.model.scenario import Tls
from lab.plan.contract import OF_CONTAINER, OF_LISTENER, OF_RULE, arrangements, asked
from lab.session.contract import contract_jobs, servers
from lab.session.jobs import UsageError

if TYPE_CHECKING:
    from lab.model.catalogue import Server

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "images")
BOUND = servers(CATALOGUE, [])


@pytest.mark.parametrize("row", BOUND, ids=lambda row: row.name)
def test_every_arrangement_of_every_row_can_be_planned(row: Server) -> None:
    jobs = contract_jobs(row, CATALOGUE)
    assert len({job.case.id for job in jobs}) == len(jobs) >= 1
    assert all(row.folder in {one.image for one in job.plan.containers} for job in jobs if job.plan)


@pytest.mark.parametrize("row", BOUND, ids=lambda row: row.name)
def test_what_no_row_claims_is_refused(row: Server) -> None:
    found = asked(row)
    assert found
    assert [one.what for one in found if one.refused is None] == []


def test_an_arrangement_for_each_claim_and_for_no_more() -> None:
    full = CATALOGUE.servers["nginx"]
    assert set(arrangements(full)) == {
        "forwards-clear", "ends-tls", "ends-and-begins-tls", "passes-tls-through", "speaks-h2", "speaks-h2c", "speaks-h3",
        "passes-datagrams",
    }  # fmt: skip
    assert set(arrangements(full)["forwards-clear"]["probes"]) == {"get", "post", "elsewhere"}
    less = full.model_copy(update={"tls": (Tls.NONE, Tls.ENDED), "routes_by": (), "begins_tls": False, "options": ()})
    assert set(arrangements(less)) == {"forwards-clear", "ends-tls"}
    assert set(arrangements(less)["ends-tls"]["probes"]) == {"get", "post"}
    assert "other" not in arrangements(less)["ends-tls"]["containers"]
    assert set(arrangements(CATALOGUE.servers["app"])) == {"serves-clear", "ends-tls"}


def test_less_claimed_is_more_refused() -> None:
    full = CATALOGUE.servers["nginx"]
    less = full.model_copy(update={"tls": (Tls.NONE,), "routes_by": ("host",), "begins_tls": False, "options": ()})
    more = {one.what for one in asked(less)} - {one.what for one in asked(full)}
    assert {"tls: ended", "tls: passthrough", "routes by sni", "routes by path", "upstream_tls", "backlog", "workers"} <= more
    assert all(one.refused for one in asked(less))


def test_every_option_there_is_can_be_asked_for() -> None:
    with_others = {*OF_LISTENER, *OF_RULE, *OF_CONTAINER, "listeners", "send_proxy_to_some"}
    assert with_others == set(get_args(Option))


def test_a_bound_on_listeners_is_asked_for() -> None:
    assert [one.refused is not None for one in asked(CATALOGUE.servers["uvicorn"]) if one.what == "2 listeners"] == [True]


def test_only_servers_are_bound_by_the_contract() -> None:
    assert {"nginx", "app"} <= {row.name for row in BOUND}
    assert not {"base", "client", "recorder", "certs"} & {row.name for row in BOUND}
    with pytest.raises(UsageError, match="no server 'client'"):
        servers(CATALOGUE, ["client"])
