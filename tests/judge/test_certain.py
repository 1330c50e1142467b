"""What of a route can be expected again: what the judge would pass today, and nothing that a new start of it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.judge.certain import certain
from lab.model.routes import About, Contradiction, Evidence, Hop, Route, Stage, TlsAtHop, TlsEnd, Witness

SEEN = tuple(
    Evidence(Witness.PACKETS, "packets/web.pcapng:1", "seen", about)
    for about in (About.CONNECTION, About.LISTENER, About.PROCESS, About.BYTES)
)
STATUS = Evidence(Witness.CLIENT, "client.jsonl:1", "the client got status 200", About.ANSWER)


def hop(number: int, container: str | None, **more: Any) -> Hop:
    known: dict[str, Any] = {
        "number": number, "transport": "tcp", "local": "10.0.0.2:8443", "peer": "10.0.0.3:4000", "asked": "10.0.0.2:8443",
        "container": container, "namespace": "web", "interface": "eth0", "listener": "0.0.0.0:8443", "process": "nginx",
        "pid": 7, "host_pid": 70, "protocol": "tls", "tls": TlsAtHop.ENDED, "sni": "shop.example", "clear": False,
        "received": True, "evidence": SEEN, "stage": Stage.ANSWERED, "parent": number - 1 or None,
    }  # fmt: skip
    return Hop(**{**known, **more})


INWARD: dict[str, Any] = {
    "listener": "10.0.0.9:3000", "process": "python3.13", "protocol": "http/1.1", "tls": TlsAtHop.NONE, "sni": None,
    "clear": True, "joined_by": "same process wrote it",
}  # fmt: skip
ROUTE = Route(
    "request", (hop(1, "proxy"), hop(2, "app", **INWARD)), (TlsEnd(1, "proxy", "nginx", 7, "10.0.0.2", 8443, SEEN),),
    Stage.ANSWERED, None, "answered", status=200, answered_by="app", evidence=(STATUS,),
)  # fmt: skip


def test_what_is_certain_is_expected_and_what_a_new_start_changes_is_not() -> None:
    found = certain(ROUTE)
    assert found.expect == {
        "stage": "answered",
        "status": 200,
        "route": [
            {
                "to": "proxy", "listener": "0.0.0.0:8443", "process": "nginx", "protocol": "tls", "tls": "ended",
                "sni": "shop.example",
            },
            {"to": "app", "process": "python3.13", "protocol": "http/1.1", "tls": "none"},
        ],
        "tls_ends_at": ["proxy"],
        "clear_on": [2],
        "answered_by": "app",
    }  # fmt: skip
    assert found.left_open == ("dispatched: no witness could tell",)


def test_what_is_open_is_left_open_with_the_reason() -> None:
    found = certain(replace(ROUTE, stage_open="no witness tells", answered_by=None, open_questions=("who made it",)))
    assert "stage" not in found.expect
    assert "answered_by" not in found.expect
    assert any("no witness tells" in each for each in found.left_open)
    assert "answered_by: who made it" in found.left_open


def test_a_hop_that_only_its_time_ties_is_no_truth_for_tomorrow() -> None:
    guessed = hop(2, "app", **{**INWARD, "joined_by": "time alone"})
    found = certain(replace(ROUTE, hops=(ROUTE.hops[0], guessed)))
    assert set(found.expect) == {"status"}
    assert any("only its time ties hop 2" in each for each in found.left_open)


def test_of_what_witnesses_contradict_nothing_is_certain() -> None:
    found = certain(replace(ROUTE, contradictions=(Contradiction("who", SEEN[0], STATUS),)))
    assert found.expect == {}
    assert found.left_open


def test_a_receiver_that_nobody_knows_leaves_the_route_open() -> None:
    unknown = hop(2, None, **{**INWARD, "received": None})
    found = certain(replace(ROUTE, hops=(ROUTE.hops[0], unknown)))
    assert "route" not in found.expect
    assert found.expect["status"] == 200


def test_where_it_stopped_is_expected_too() -> None:
    refused = hop(2, None, received=False, protocol=None, tls=None, sni=None, clear=None, stage=Stage.REFUSED, process=None)
    stopped = replace(
        ROUTE, hops=(ROUTE.hops[0], refused), stage=Stage.REJECTED, stopped_by="kernel of web", answered_by="proxy", status=502
    )
    found = certain(stopped).expect
    assert (found["stage"], found["stopped_by"], found["status"]) == ("rejected", "kernel of web", 502)
    assert found["route"][-1] == "nobody"  # type: ignore[index]


def test_of_two_receivers_it_is_expected_who_sent_to_each_and_of_a_line_it_is_not() -> None:
    mirror = replace(ROUTE, hops=(*ROUTE.hops, hop(3, "shadow", **INWARD, parent=1)))
    route = certain(mirror).expect["route"]
    assert isinstance(route, list)
    assert [each.get("sent_by") for each in route] == [None, "proxy", "proxy"]
    line = certain(replace(ROUTE, hops=(*ROUTE.hops, hop(3, "shadow", **INWARD)))).expect["route"]
    assert isinstance(line, list)
    assert [each.get("sent_by") for each in line] == [None, None, None]
