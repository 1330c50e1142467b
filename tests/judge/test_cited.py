"""What a check cites: what its value was read from leads, and only that counts for its witnesses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.judge import judge
from lab.judge.findings import says_of
from lab.model.routes import About, Evidence, Hop, Route, Stage, TlsAtHop, TlsEnd, Witness
from lab.model.scenario import Scenario
from lab.model.verdicts import Outcome

if TYPE_CHECKING:
    from lab.model.verdicts import Verdict

SYN = Evidence(Witness.PACKETS, "packets/web.pcapng:1", "SYN", About.CONNECTION)
HELLO = Evidence(Witness.PACKETS, "packets/web.pcapng:4", "ClientHello", About.BYTES)
LISTENER = Evidence(Witness.SOCKETS, "sockets.jsonl:1", "LISTEN", About.LISTENER)
ROW = Evidence(Witness.SOCKETS, "sockets.jsonl:2", "ESTAB, held by host pid 4007", About.PROCESS)
READ = Evidence(Witness.KERNEL, "kernel.jsonl:1", "host pid 4007 read 517 bytes", About.PROCESS)
PROCESS = Evidence(Witness.PROCESSES, "processes.jsonl:1", "host pid 4007 is nginx in proxy", About.PROCESS)
ON_LOOPBACK = Evidence(Witness.PACKETS, "packets/web.pcapng:9", "SYN", About.CONNECTION)
CLEAR = Evidence(Witness.PACKETS, "packets/web.pcapng:12", "GET /orders, readable", About.BYTES)
READ_TOO = Evidence(Witness.KERNEL, "kernel.jsonl:2", "host pid 4010 read 220 bytes", About.PROCESS)
LEAF = Evidence(Witness.CERTIFICATES, "client.jsonl:1", "the client accepted a leaf of proxy", About.CERTIFICATE)
STATUS = Evidence(Witness.CLIENT, "client.jsonl:1", "the client got status 200", About.ANSWER)


def hop(number: int, container: str, *evidence: Evidence, **more: object) -> Hop:
    base: dict[str, object] = {"listener": "0.0.0.0:8443", "process": "nginx", "protocol": "tls", "sni": "shop.example"}
    base |= {"tls": TlsAtHop.ENDED, "clear": False, "interface": "eth0", "pid": 7, "host_pid": 4007, "evidence": evidence}
    base |= {"parent": number - 1 or None}
    return Hop(number, "tcp", "10.0.0.2:8443", None, "10.0.0.2:8443", container, "web", **(base | more))  # type: ignore[arg-type]


FIRST = hop(1, "proxy", SYN, HELLO, LISTENER, ROW, READ, PROCESS)
SECOND = hop(2, "app", ON_LOOPBACK, CLEAR, READ_TOO, protocol="http/1.1", tls=TlsAtHop.NONE, sni=None, clear=True)
ROUTE = Route(
    "order", (FIRST, SECOND), (TlsEnd(1, "proxy", "nginx", 7, "10.0.0.2", 8443, (HELLO, LEAF)),), Stage.ANSWERED, True, "",
    status=200, answered_by="app", certificate_of=("proxy",), evidence=(STATUS,),
)  # fmt: skip


def check(name: str, expect: dict[str, object], found: Route = ROUTE) -> Verdict:
    data = {"id": "s", "title": "t", "probes": {"order": {"request": {"url": "https://a/"}, "expect": expect}}}
    verdicts = judge(Scenario.model_validate_json(json.dumps(data)), None, [found], {})
    return next(verdict for verdict in verdicts if verdict.id == f"order.{name}")


@pytest.mark.parametrize(
    ("field", "value", "lead"),
    [
        ("listener", "0.0.0.0:8443", [LISTENER]),
        ("local", "10.0.0.2:8443", [SYN]),
        ("process", "nginx", [ROW, READ, PROCESS]),
        ("protocol", "tls", [HELLO]),
        ("sni", "shop.example", [HELLO]),
        ("tls", "ended", [HELLO, CLEAR, LEAF]),
    ],
)
def test_a_field_of_a_hop_rests_on_what_tells_it(field: str, value: str, lead: list[Evidence]) -> None:
    verdict = check(f"hop1.{field}", {"route": [{"to": "proxy", field: value}, "app"]})
    assert list(verdict.evidence[: verdict.lead]) == lead
    assert set(verdict.witnesses) == {str(one.witness) for one in lead}
    assert set(verdict.evidence) >= set(FIRST.evidence), "the rest comes behind"


def test_packets_alone_are_a_single_witness_however_much_else_was_seen_of_the_hop() -> None:
    verdict = check("hop1.sni", {"route": [{"to": "proxy", "sni": "shop.example"}, "app"]})
    assert (verdict.outcome, verdict.witnesses, verdict.why) == (Outcome.PASS, ("packets",), "single witness")


def test_a_route_rests_on_the_receipt_of_each_hop() -> None:
    verdict = check("route", {"route": ["proxy", "app"]})
    assert list(verdict.evidence[:2]) == [READ, READ_TOO]
    assert {"kernel", "packets", "sockets", "processes"} == set(verdict.witnesses)


def test_a_certificate_rests_on_the_leaf_that_the_client_accepted() -> None:
    assert check("certificate", {"certificate": "proxy"}).witnesses == ("certificates",)


def test_what_is_readable_rests_on_the_bytes_of_each_hop() -> None:
    verdict = check("clear_on", {"clear_on": [2]})
    assert list(verdict.evidence[: verdict.lead]) == [HELLO, CLEAR]


def test_where_nothing_says_what_an_observation_is_about_all_of_it_counts() -> None:
    untold = Evidence(Witness.KERNEL, "kernel.jsonl:9", "something")
    route = Route("order", (hop(1, "proxy", untold),), (), Stage.ANSWERED, True, "")
    verdict = check("hop1.sni", {"route": [{"to": "proxy", "sni": "shop.example"}]}, route)
    assert (verdict.witnesses, verdict.lead) == (("kernel",), 0)


@pytest.mark.parametrize(
    ("key", "expected", "said"),
    [
        ("clear_on", "none", "the request can be read in clear on no hop"),
        ("clear_on", "2", "the request can be read in clear on hop 2"),
        ("tls_ends_at", "nowhere", "TLS ends nowhere"),
        ("tls_ends_at", "app", "TLS ends at app"),
    ],
)
def test_checks_speak_plainly_of_what_there_is_not(key: str, expected: str, said: str) -> None:
    assert says_of(key, expected) == said


def test_that_nobody_received_it_rests_on_the_refusal_and_on_what_the_client_saw() -> None:
    reset = Evidence(Witness.PACKETS, "packets/web.pcapng:2", "RST: refused", About.CONNECTION)
    failed = Evidence(Witness.CLIENT, "client.jsonl:1", "the client failed during connect: refused", About.ANSWER)
    nobody = replace(hop(1, "x", SYN, reset, protocol=None, tls=None), container=None, received=False)
    route = Route("order", (nobody,), (), Stage.REFUSED, False, "", evidence=(failed,))
    verdict = check("route", {"route": ["nobody"]}, route)
    assert (verdict.outcome, verdict.witnesses) == (Outcome.PASS, ("packets", "client"))
    assert verdict.evidence == (SYN, reset, failed)
