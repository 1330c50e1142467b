"""Verdicts: each rule beside the case in which it must not hold."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lab.judge import judge
from lab.judge.cases import caught, outcome_of
from lab.model.routes import Contradiction, Evidence, Hop, Moment, Route, Stage, TlsAtHop, TlsEnd, Witness
from lab.model.scenario import Scenario
from lab.model.verdicts import Outcome, Verdict

PACKET = Evidence(Witness.PACKETS, "packets/web.pcapng:4", "ClientHello")
CERTIFICATE = Evidence(Witness.CERTIFICATES, "client.jsonl:1", "the leaf of proxy")
APP_SAYS = Evidence(Witness.APPLICATION, "logs/app.log:3", "dispatched")
LOG_SAYS = Evidence(Witness.LOGS, "logs/app.log:4", "GET /")


def hop(number: int, container: str | None, *evidence: Evidence, **more: object) -> Hop:
    values = {
        "number": number, "transport": "tcp", "local": "10.0.0.2:8443", "peer": "10.0.0.3:40000", "asked": "10.0.0.2:8443",
        "container": container, "namespace": "web", "interface": "eth0", "listener": "0.0.0.0:8443", "process": "nginx",
        "pid": 7, "host_pid": 4007, "protocol": "tls", "tls": TlsAtHop.ENDED, "clear": False, "evidence": evidence or (PACKET,),
        "parent": number - 1 or None,
    }  # fmt: skip
    return Hop(**{**values, **more})  # type: ignore[arg-type]


def route(**changes: object) -> Route:
    end = TlsEnd(1, "proxy", "nginx", 7, "10.0.0.2", 8443, (PACKET, CERTIFICATE))
    base = Route(
        "order", (hop(1, "proxy"), hop(2, "app", protocol="http/1.1", clear=True)), (end,), Stage.ANSWERED, True,
        "reached dispatch", status=200, answered_by="app", certificate_of=("proxy",), evidence=(CERTIFICATE,),
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def scenario(expect: dict[str, object], **more: object) -> Scenario:
    data = {"id": "s", "title": "t", "probes": {"order": {"request": {"url": "https://a/"}, "expect": expect}}, **more}
    return Scenario.model_validate_json(json.dumps(data))


def one(expect: dict[str, object], found: Route | None) -> Outcome:
    [verdict] = judge(scenario(expect), None, [found] if found else [], {})
    return verdict.outcome


def seen(*events: str, hop_number: int = 2) -> tuple[Moment, ...]:
    return tuple(Moment(n, n, hop_number, "web", "app", event, None, PACKET) for n, event in enumerate(events))


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        (("SYN", "SYN-ACK", "head GET /", "ready", "read", "reports dispatched"), Outcome.PASS),
        (("SYN", "reports dispatched", "ready", "read"), Outcome.FAIL),
        (("SYN", "ready", "read"), Outcome.FAIL),
    ],
)
def test_events_must_follow_one_another(events: tuple[str, ...], outcome: Outcome) -> None:
    expect = {"order": ["SYN", "ready", "read", "reports dispatched"]}
    assert one(expect, route(timeline=seen(*events))) is outcome


def test_events_of_another_hop_or_none_at_all_hold_nothing() -> None:
    assert one({"order": ["SYN"]}, route(timeline=seen("SYN", hop_number=1))) is not Outcome.PASS
    assert one({"order": ["SYN"]}, None) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("key", ["stage", "stopped_by"])
def test_a_stage_that_may_have_been_passed_is_neither_held_nor_broken(key: str) -> None:
    expect = {"stage": "answered"} if key == "stage" else {"stopped_by": "nobody"}
    assert one(expect, route()) is Outcome.PASS
    assert one(expect, route(stage_open="no witness tells how much was read")) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "expect", [{"route": ["proxy", "app"]}, {"receiver": "app"}, {"tls_ends_at": ["proxy"]}, {"clear_on": [2]}]
)
def test_a_route_that_may_go_on_is_neither_held_nor_broken(expect: dict[str, object]) -> None:
    assert one(expect, route()) is Outcome.PASS
    assert one(expect, route(route_open="packets of web were lost")) is Outcome.INCONCLUSIVE


def test_nobody_received_it_and_nobody_knows_are_two_things() -> None:
    hops = hop(1, "proxy"), hop(2, None, received=False)
    assert one({"route": ["proxy", "app"]}, route(hops=hops)) is Outcome.FAIL
    assert one({"receiver": "proxy"}, route(hops=hops)) is Outcome.PASS
    unknown = hop(1, "proxy"), hop(2, None, received=None)
    assert one({"route": ["proxy", "app"]}, route(hops=unknown)) is Outcome.INCONCLUSIVE
    assert one({"receiver": "proxy"}, route(hops=unknown)) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("holds", "fails"),
    [
        ({"tls_ends_at": ["proxy"]}, {"tls_ends_at": ["app"]}),
        ({"route": ["proxy", "app"]}, {"route": ["proxy"]}),
        ({"receiver": "app"}, {"receiver": "proxy"}),
        ({"stage": "answered"}, {"stage": "refused"}),
        ({"dispatched": True}, {"dispatched": False}),
        ({"status": 200}, {"status": 502}),
        ({"answered_by": "app"}, {"answered_by": "proxy"}),
        ({"certificate": "proxy"}, {"certificate": "app"}),
        ({"clear_on": [2]}, {"clear_on": []}),
        ({"stopped_by": "nobody"}, {"stopped_by": "proxy"}),
    ],
)
def test_each_kind_of_check_passes_and_fails(holds: dict[str, object], fails: dict[str, object]) -> None:
    assert one(holds, route()) is Outcome.PASS
    assert one(fails, route()) is Outcome.FAIL


def test_a_probe_that_was_never_sent_is_inconclusive() -> None:
    assert one({"status": 200}, None) is Outcome.INCONCLUSIVE


def test_a_value_that_nobody_could_tell_is_inconclusive() -> None:
    assert one({"dispatched": True}, route(dispatched=None)) is Outcome.INCONCLUSIVE
    assert one({"dispatched": False}, route(dispatched=None)) is Outcome.INCONCLUSIVE


def test_a_matching_value_without_evidence_is_inconclusive() -> None:
    bare = route(evidence=(), hops=(hop(1, "proxy", evidence=()),), status=200)
    assert one({"status": 200}, bare) is Outcome.INCONCLUSIVE


def test_the_servers_own_word_alone_is_inconclusive() -> None:
    own = route(evidence=(LOG_SAYS,), hops=(hop(1, "app", APP_SAYS),))
    assert one({"dispatched": True}, own) is Outcome.INCONCLUSIVE
    held = route(evidence=(LOG_SAYS,), hops=(hop(1, "app", APP_SAYS, PACKET),))
    assert one({"dispatched": True}, held) is Outcome.PASS


def test_contradicting_witnesses_are_inconclusive_with_both_shown() -> None:
    [verdict] = judge(
        scenario({"tls_ends_at": ["proxy"]}),
        None,
        [route(contradictions=(Contradiction("TLS", PACKET, CERTIFICATE),))],
        {},
    )
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert PACKET.where in verdict.why
    assert CERTIFICATE.where in verdict.why


def test_a_single_witness_is_said() -> None:
    [verdict] = judge(scenario({"status": 200}), None, [route()], {})
    assert verdict.why == "single witness"
    [two] = judge(scenario({"tls_ends_at": ["proxy"]}), None, [route()], {})
    assert two.why == ""


def test_open_tls_on_a_hop_is_inconclusive() -> None:
    unknown = route(hops=(hop(1, "proxy", tls=None),), tls_ends_at=())
    assert one({"tls_ends_at": []}, unknown) is Outcome.INCONCLUSIVE


def test_hop_fields_are_checks_of_their_own() -> None:
    expect = {"route": [{"to": "proxy", "listener": "0.0.0.0:8443", "process": "haproxy"}, "app"]}
    verdicts = judge(scenario(expect), None, [route()], {})
    assert [(v.id, v.outcome) for v in verdicts] == [
        ("order.route", Outcome.PASS),
        ("order.hop1.listener", Outcome.PASS),
        ("order.hop1.process", Outcome.FAIL),
    ]


def test_listening_is_exact() -> None:
    asked = scenario({}, listening={"app": ["127.0.0.1:3000"]})
    seen = (("127.0.0.1:3000",), (PACKET,))
    [good] = judge(asked, None, [], {"app": seen})
    [more] = judge(asked, None, [], {"app": (("127.0.0.1:3000", "0.0.0.0:9"), (PACKET,))})
    [unseen] = judge(asked, None, [], {})
    assert (good.outcome, more.outcome, unseen.outcome) == (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)


def test_that_nothing_listens_is_an_expectation_like_any_other() -> None:
    asked = scenario({}, listening={"app": []})
    [none] = judge(asked, None, [], {"app": ((), (PACKET,))})
    [some] = judge(asked, None, [], {"app": (("0.0.0.0:9",), (PACKET,))})
    [unseen] = judge(asked, None, [], {})
    assert (none.outcome, some.outcome, unseen.outcome) == (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)


def twin_of(caught: dict[str, str]) -> Scenario:
    twins = {"broken": {"about": "x", "change": {}, "caught": caught}}
    return scenario({"tls_ends_at": ["app"], "status": 200}, twins=twins)


@pytest.mark.parametrize(
    ("caught", "outcome"),
    [
        ({"order.tls_ends_at": "found proxy"}, Outcome.PASS),
        ({"order.tls_ends_at": "found nowhere"}, Outcome.FAIL),
        ({"order.status": "found 200"}, Outcome.FAIL),
        ({"order.tls_ends_at": "found proxy", "order.status": "200"}, Outcome.FAIL),
        ({"order.route": "proxy"}, Outcome.FAIL),
    ],
)
def test_a_twin_passes_only_by_exactly_its_failures(caught: dict[str, str], outcome: Outcome) -> None:
    broken = twin_of(caught)
    assert outcome_of(judge(broken, broken.twins["broken"], [route()], {})) is outcome


def test_a_case_without_checks_proves_nothing() -> None:
    assert outcome_of(()) is Outcome.INCONCLUSIVE


def test_what_is_not_known_of_a_twin_was_neither_caught_nor_missed() -> None:
    broken = twin_of({"order.tls_ends_at": "found proxy"})
    unsure = route(status=None, stage_open="no witness tells", tls_ends_at=(), route_open="the rest is open")
    by_id = {v.id: v.outcome for v in judge(broken, broken.twins["broken"], [unsure], {})}
    assert by_id["twin.order.tls_ends_at"] is Outcome.INCONCLUSIVE
    assert by_id["twin.others"] is Outcome.FAIL  # the status is known, and wrong


@pytest.mark.parametrize(
    ("outcomes", "outcome"),
    [
        ([Outcome.INCONCLUSIVE, Outcome.BLOCKED, Outcome.PASS], Outcome.INCONCLUSIVE),
        ([Outcome.FAIL, Outcome.BLOCKED], Outcome.FAIL),
        ([Outcome.PASS], Outcome.PASS),
    ],
)
def test_what_could_not_be_looked_at_beside_a_twin_is_not_known(outcomes: list[Outcome], outcome: Outcome) -> None:
    others = [Verdict(f"other.{number}", each, "", "", None) for number, each in enumerate(outcomes)]
    assert caught(twin_of({"order.status": "x"}).twins["broken"], others)[-1].outcome is outcome
