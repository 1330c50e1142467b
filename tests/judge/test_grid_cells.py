"""A cell of the grid says who answered what, whether a handler ran, what became of the connection; no mark is given away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.judge.grid import READERS, Carried, cells
from lab.judge.grid_seen import Word, labels, seen_of
from lab.model.catalogue import Quirk, Server
from lab.model.grid import ASKS, BY_ID, LINE_SIZES, Cell, Mark
from lab.model.observations import ClientReport, Inventory, Observations
from lab.model.routes import About, Counts, Ending, Evidence, Route, Stage, Witness
from lab.plan.grid import PROBES
from tests.judge.test_judge import hop

ROW = Server(name="thing", title="Thing", role="proxy")
FIN = Ending("closed", Evidence(Witness.PACKETS, "packets/web.pcapng:9", "FIN"))
ANSWER = Evidence(Witness.PACKETS, "packets/web.pcapng:8", "an answer, 400", About.ANSWER)
CLIENT = ClientReport(
    1, "no-host", "", "client", ("web", 80), 0, 10**9, None, None, b"GET", None, 400, "1.1", (), b"", None
)  # fmt: skip


def route(probe: str = "no-host", **more: Any) -> Route:
    values: dict[str, Any] = {
        "probe": probe, "hops": (hop(1, "front", evidence=(ANSWER,)),), "tls_ends_at": (), "stage": Stage.REJECTED,
        "dispatched": False, "diagnosis": "", "status": 400, "answered_by": "front", "ending": FIN,
    }  # fmt: skip
    return Route(**(values | more))


def all_cells(*routes: Route, row: Server = ROW, clients: tuple[ClientReport, ...] = (CLIENT,)) -> dict[str, Cell]:
    seen = Observations(Inventory((), ()), clients=clients)
    return {cell.ask: cell for cell in cells(row, Carried(routes, seen, (), "case"), lambda _: "")}


def cell(one: Route, row: Server = ROW, client: ClientReport = CLIENT) -> Cell:
    return all_cells(one, row=row, clients=(replace(client, probe=one.probe),))[one.probe]


def test_every_ask_has_a_reader_and_every_probe_an_ask() -> None:
    assert READERS.keys() == BY_ID.keys()
    assert PROBES.keys() == BY_ID.keys() - {"upstream", "processes"}
    assert len(BY_ID) == len(ASKS)


def test_a_refusal_as_due_says_who_what_and_how_it_ended_and_cites_all_three() -> None:
    found = cell(route())
    assert (found.words, found.mark, found.folder) == ("400, no handler, closed", Mark.DUE, "case")
    assert {ANSWER, FIN.evidence} <= set(found.evidence)


@pytest.mark.parametrize(
    ("more", "words", "mark"),
    [
        ({"dispatched": True}, "400, handler ran, closed", Mark.FINDING),
        ({"dispatched": None}, "400, not known whether a handler ran, closed", Mark.OPEN),
        (
            {"status": 200, "dispatched": True, "answered_by": "app"},
            "200 by the application, handler ran, closed",
            Mark.FINDING,
        ),
        ({"answered_by": "app"}, "400 by the application, no handler, closed", Mark.FINDING),
        ({"answered_by": None}, "400 by not known whom, no handler, closed", Mark.FINDING),
        ({"ending": None}, "400, no handler, kept", Mark.DUE),
    ],
)
def test_what_is_not_due_is_a_finding_and_what_is_not_known_never_as_due(more: dict[str, Any], words: str, mark: Mark) -> None:
    found = cell(route(**more))
    assert (found.words, found.mark) == (words, mark)


@pytest.mark.parametrize(
    ("client", "more", "words"),
    [
        ({}, {}, "closed without an answer, no handler"),
        ({}, {"ending": replace(FIN, how="reset")}, "reset without an answer, no handler"),
        ({"finished_ns": 2 * 10**9}, {"ending": None}, "waits 2 s and more, no handler"),
        ({"body": b"\x15\x03\x01"}, {}, "a TLS alert, no handler, closed"),
        ({"body": b"hello"}, {}, "bytes that are no HTTP, no handler, closed"),
        ({}, {"hops": ()}, "no connection, no handler"),
    ],
)
def test_silence_is_told_apart_and_nothing_is_called_an_error(client: dict[str, Any], more: dict[str, Any], words: str) -> None:
    changed = {"ending": FIN, **more}
    if changed["hops"] == () if "hops" in changed else False:
        changed["ending"] = None
    silent = route(status=None, answered_by=None, **changed)
    found = cell(silent, client=replace(CLIENT, status=None, **client))
    assert found.words == words
    assert "error" not in found.words


def test_a_server_that_says_close_is_not_said_to_have_closed() -> None:
    said = replace(CLIENT, headers=(("Connection", "close"),))
    assert cell(route(ending=None), client=said).words.endswith("says close")
    assert cell(route(), client=said).words.endswith(", closed")


QUIRK = Quirk(says="it hands it on", source="manual", grid={"no-host": "by the application"})
QUIRKY = ROW.model_copy(update={"quirks": (QUIRK,)})


def test_a_declared_difference_is_a_quirk_and_one_that_is_not_seen_a_finding() -> None:
    found = cell(route(answered_by="app"), QUIRKY)
    assert (found.mark, found.why, found.source) == (Mark.QUIRK, "it hands it on", "manual")
    stale = cell(route(), QUIRKY)
    assert stale.mark is Mark.FINDING
    assert "declares" in stale.why
    assert cell(route("two-hosts", answered_by="app"), QUIRKY).mark is Mark.FINDING


def test_a_probe_without_a_report_is_not_run_and_never_as_due() -> None:
    found = all_cells(route())
    assert found["no-host"].mark is Mark.DUE
    assert {one.mark for ask, one in found.items() if ask != "no-host"} == {Mark.NOT_RUN}


def ladder(*statuses: int) -> Cell:
    routes = [route(f"long-line-{size}", status=code) for size, code in zip(LINE_SIZES, statuses, strict=True)]
    return all_cells(*routes)["long-line"]


def test_a_ladder_tells_from_which_size_on_something_changes() -> None:
    assert (ladder(200, 200, 200, 200).words, ladder(200, 200, 200, 200).mark) == ("takes 70,000 bytes", Mark.DUE)
    assert (ladder(200, 414, 414, 414).words, ladder(200, 414, 414, 414).mark) == ("414 from 9,000 bytes", Mark.DUE)
    both = ladder(200, 414, 414, 400)
    assert (both.words, both.mark) == ("414 from 9,000 bytes; 400 from 70,000 bytes", Mark.FINDING)
    assert ladder(414, 414, 414, 414).words == "414 from 5,000 bytes"


def at_look(*, early: bool | None, late: bool = True) -> Cell:
    return all_cells(
        route("head-then-body", moment="head", dispatched=early), route("head-then-body", dispatched=late, status=200)
    )["head-then-body"]


def test_the_handler_is_entered_after_the_head_or_after_the_body_or_it_is_not_known() -> None:
    assert at_look(early=True).words == "after the head"
    assert at_look(early=False).words == "after the body"
    assert at_look(early=False, late=False).words == "never"
    assert at_look(early=None).words.startswith("not known")


@pytest.mark.parametrize(("answers", "mark"), [(2, Mark.DUE), (1, Mark.FINDING), (None, Mark.OPEN)])
def test_pipelined_requests_are_both_answered_or_not(answers: int | None, mark: Mark) -> None:
    assert cell(route("pipelined", counts=Counts(answers=answers))).mark is mark


def test_behind_a_web_server_the_name_that_is_left_out_is_the_application() -> None:
    named = labels(Server(name="fpm", title="FPM", role="application", speaks="fastcgi"))
    seen = Observations(Inventory((), ()))
    assert seen_of(route(status=200, answered_by="app"), seen, named).answer() == "200"
    assert seen_of(route(), seen, named).answer() == "400 by nginx"
    assert seen_of(route(), seen, named).word is Word.CLOSED
