"""Fewer witnesses never tell anything else, only less: what is told without one of them is what all of them tell.

Real evidence of one case of each kind is read back, one witness after the other is taken away as the engine would report it
missing, and every value that the judge reads is held against the one before: it is the same, or it is not told. A tie between
two hops may only become weaker.
"""

from __future__ import annotations

import tarfile
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lab.engine.folder import read_observations
from lab.judge.findings import READERS, hop_finding
from lab.model.observations import Gap
from lab.model.routes import Stage
from lab.trace import trace
from tests.trace.wire import OK, Lab, Tls, answer, get, passed, speak

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.model.observations import Observations
    from lab.model.routes import Route

EVIDENCE = Path(__file__).parent / "evidence"
CASES = sorted(path.name.removesuffix(".tar.xz") for path in EVIDENCE.glob("*.tar.xz"))
WORDS = ("diagnosis", "answer", "status")
"""Not told by witnesses of the lab, or told in free words."""
FIELDS = (
    "container", "process", "host_pid", "local", "listener", "namespace", "interface", "transport", "protocol", "tls", "sni",
    "alpn", "clear", "stage", "entry", "received", "joined_by",
)  # fmt: skip
TIES = ("time alone", "same process wrote it", "identical bytes", "token in clear", "same ClientHello")
"""From the weakest."""
HOPS = 7

Told = dict[str, object]


@cache
def evidence(name: str) -> Observations:
    with tempfile.TemporaryDirectory() as place:
        with tarfile.open(EVIDENCE / f"{name}.tar.xz") as archive:
            archive.extractall(place, filter="data")
        return read_observations(Path(place, name))


def witnesses(seen: Observations) -> list[str]:
    places = sorted({packet.namespace for packet in seen.packets})
    return ["kernel", "sockets", "processes", "application", "logs", "client", *(f"packets {place}" for place in places)]


def without(seen: Observations, witness: str) -> Observations:
    """The same, and a gap where the witness was."""
    kind, _, place = witness.partition(" ")
    gaps = (*seen.gaps, Gap(kind, place, "it was not there"))
    left: Mapping[str, object] = {
        "client": {"clients": tuple(replace(each, tls=None) for each in seen.clients)},
        "packets": {"packets": tuple(each for each in seen.packets if each.namespace != place)},
    }.get(kind, {kind: ()})
    return replace(seen, gaps=gaps, **left)  # type: ignore[arg-type]


def told(route: Route) -> Told:
    """Every value that a check can ask for; None: not told."""
    found: Told = {key: read(route).value for key, read in READERS.items() if key not in WORDS}
    for number in range(1, HOPS + 1):
        found |= {f"hop{number}.{name}": hop_finding(route, number, name).value for name in FIELDS}
    return dict.fromkeys(found) if route.contradictions else found


def told_otherwise(before: Told, after: Told) -> Iterator[str]:
    """What is told after, and was told differently before."""
    for key, value in after.items():
        if None in (value, before[key]) or value == before[key]:
            continue
        tied = key.endswith("joined_by") and value in TIES and before[key] in TIES
        if not tied or TIES.index(str(value)) > TIES.index(str(before[key])):
            yield f"{key}: {value!r}, before {before[key]!r}"


@cache
def whole(name: str) -> list[Told]:
    return [told(route) for route in trace(evidence(name))]


def against(before: Sequence[Told], seen: Observations) -> list[str]:
    """What fewer witnesses tell otherwise, probe by probe."""
    after = trace(seen)
    return [
        f"{route.probe} {route.moment}: {each}"
        for one, route in zip(before, after, strict=True)
        for each in told_otherwise(one, told(route))
    ]


@pytest.mark.parametrize("name", CASES)
def test_without_one_witness_nothing_is_told_otherwise(name: str) -> None:
    seen = evidence(name)
    wrong = {witness: found for witness in witnesses(seen) if (found := against(whole(name), without(seen, witness)))}
    assert not wrong


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(some.data())
def test_however_many_are_taken_away_in_whatever_order_nothing_is_told_otherwise(data: some.DataObject) -> None:
    name = data.draw(some.sampled_from(CASES))
    seen = evidence(name)
    before = whole(name)
    for witness in data.draw(some.lists(some.sampled_from(witnesses(seen)), min_size=2, max_size=4, unique=True)):
        seen = without(seen, witness)
        assert not against(before, seen), f"{name} without {witness}"
        before = [told(route) for route in trace(seen)]


def shop(*, tls: str, kernel: bool, rows: bool, reports: bool, status: int, answered: bool) -> Lab:
    """A request through a proxy to an application, of one kind or another."""
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    if rows:
        lab.listen(("0.0.0.0", 8443), proxy)
        lab.listen(("10.0.0.3", 8080), app)
    ends = ("10.0.0.9", 40000), ("10.0.0.2", 50000)
    first = lab.tcp("client", ends[0], "edge", ("10.0.0.2", 8443), reader=proxy if kernel else None).open()
    second = lab.tcp("edge", ends[1], "web", ("10.0.0.3", 8080), **({"reader": app, "writer": proxy} if kernel else {})).open()
    back = OK if status == 200 else answer(status)
    if tls == "passed":
        passed(lab, first, second, Tls(), get(), back)
    else:
        speak(first, Tls(), get()) if tls == "ended" else first.up(get())
        second.up(get())
        if answered:
            second.down(back)
            first.down(back)
    if reports:
        lab.app("dispatched", app, second)
    if rows:
        lab.row("edge", "ESTAB", ("10.0.0.2", 8443), ends[0], (proxy.pid,))
        lab.row("web", "ESTAB", ("10.0.0.3", 8080), ends[1], (app.pid,))
    lab.report(first, status if answered or tls == "passed" else None)
    return lab


@settings(max_examples=40)
@given(
    tls=some.sampled_from(["none", "ended", "passed"]), kernel=some.booleans(), rows=some.booleans(), reports=some.booleans(),
    status=some.sampled_from([200, 404, 502]), answered=some.booleans(), data=some.data(),
)  # fmt: skip
def test_of_made_up_conversations_neither(
    tls: str, status: int, data: some.DataObject, *, kernel: bool, rows: bool, reports: bool, answered: bool
) -> None:
    seen = shop(tls=tls, kernel=kernel, rows=rows, reports=reports, status=status, answered=answered).seen()
    before = [told(route) for route in trace(seen)]
    for witness in data.draw(some.lists(some.sampled_from(witnesses(seen)), min_size=1, max_size=3, unique=True)):
        seen = without(seen, witness)
        assert not against(before, seen)
        before = [told(route) for route in trace(seen)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"answered_by": "front"}, "answered_by"),
        ({"dispatched": False}, "dispatched"),
        ({"stage": Stage.REJECTED}, "stage"),
        ({"tls_ends_at": ()}, "tls_ends_at"),
        ({"hops": (), "tls_ends_at": ()}, "hop1.container"),
    ],
)
def test_control_a_value_told_otherwise_is_noticed(change: dict[str, object], named: str) -> None:
    [route, *_] = trace(evidence("tls-ends-in-proxy.nginx"))
    wrong = list(told_otherwise(told(route), told(replace(route, **change))))  # type: ignore[arg-type]
    assert any(each.startswith(f"{named}:") for each in wrong)


def test_control_a_value_that_is_no_longer_told_is_not() -> None:
    [route, *_] = trace(evidence("tls-ends-in-proxy.nginx"))
    assert not list(told_otherwise(told(route), told(replace(route, stage_open="why", dispatched=None, answered_by=None))))


@pytest.mark.parametrize("name", CASES)
def test_control_all_witnesses_together_leave_little_untold(name: str) -> None:
    asked = ("stage", "receiver", "answered_by")
    values = [each[key] for each in whole(name) for key in asked]
    assert sum(value is None for value in values) <= len(values) / 4
