"""Verdicts on one server's side of the contract: its reports, its answers, and its life outside of requests.

Rule: dispatch is the server's word, so each report is held against what the client sent and when. Weak spot: that a report was
made at the right moment is only known to lie between the client's first byte and its last.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.model.contract import END_SECONDS
from lab.model.routes import Evidence, Witness
from lab.model.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.model.catalogue import Server
    from lab.model.contract import Asked, Life
    from lab.model.observations import AppEvent, ClientReport, Observations

ANSWER_KEYS = ("app", "method", "target", "body_bytes")


def of_reports(case: str, seen: Observations) -> tuple[Verdict, ...]:
    """For each probe of a case: dispatched exactly once, reported truly, answered as the contract says."""
    return tuple(verdict for client in seen.clients for verdict in _of_probe(case, client, seen.application))


def _of_probe(case: str, client: ClientReport, events: Sequence[AppEvent]) -> tuple[Verdict, ...]:
    mine = [event for event in events if event.event == "dispatched" and event.token == client.token]
    told = [f"{event.method} {event.target}" for event in mine]
    asked = " ".join(part.decode("latin-1") for part in client.sent.split(b" ", 2)[:2])  # empty: nothing could be sent
    timely = [client.started_ns <= event.time_ns <= client.finished_ns for event in mine]
    at = f"{case}.{client.probe}"
    where = tuple(Evidence(Witness.APPLICATION, f"{e.file}:{e.line}", f"dispatched {e.method} {e.target}") for e in mine)
    return (
        _held(f"{at}.reports", f"{case}: {client.probe} is dispatched once and reported truly", [asked], told, where),
        _held(f"{at}.in-time", f"{case}: the report of {client.probe} lies within the request", [True], timely, where),
        _held(f"{at}.body", f"{case}: {client.probe} is answered as the contract says", _due(client, asked), _said(client)),
    )


def _due(client: ClientReport, asked: str) -> dict[str, object]:
    method, _, target = asked.partition(" ")
    return {"method": method, "target": target, "body_bytes": len(client.sent.partition(b"\r\n\r\n")[2])}


def _said(client: ClientReport) -> object:
    try:
        value = json.loads(client.body)
    except ValueError:
        return client.body[:200].decode("utf-8", "replace")
    if not isinstance(value, dict) or set(ANSWER_KEYS) - value.keys():
        return value
    return {key: value[key] for key in ANSWER_KEYS if key != "app"}


def of_life(row: Server, life: Life) -> tuple[Verdict, ...]:
    """Its user, its file system, its version, its checks, its end and its return."""
    uid = life.user.partition(":")[0]
    ended = life.end_seconds
    return (
        _held("user", "it runs as a user that is not root, without capabilities", True, uid not in ("", "0", "root")),
        _held("read-only", "its root is read-only, or a quirk of its row says why not", True, life.read_only or _excused(row)),
        _held("version", "its version command prints a line", True, life.version not in ("", "unknown")),
        *_of_checks(life),
        _held("end", f"TERM ends it within {END_SECONDS:g} s", True, ended is not None),
        _held("return", "started again it listens again", True, life.start_ms is not None),
    )


def _excused(row: Server) -> bool:
    return any("read-only" in quirk.says for quirk in row.quirks)


def _of_checks(life: Life) -> Iterable[Verdict]:
    if life.good is None or life.broken is None:
        return
    yield _held("check-good", "its check takes the generated configuration", 0, life.good.exit_code, why=life.good.says)
    refused = life.broken.exit_code != 0
    yield _held("check-broken", "its check refuses a broken configuration", True, refused, why=life.broken.says)


def of_refusals(asked: Sequence[Asked]) -> Verdict:
    """Whether all that it does not claim is UNSUPPORTED."""
    let_through = [one.what for one in asked if one.refused is None]
    says = f"what its row does not claim is UNSUPPORTED: {', '.join(one.what for one in asked)}"
    return _held("unsupported", says, [], let_through)


def _held(  # noqa: PLR0913, PLR0917 - the parts of a verdict
    check: str, says: str, expected: object, actual: object, evidence: tuple[Evidence, ...] = (), why: Sequence[str] = ()
) -> Verdict:
    good = expected == actual
    words = "" if good else "; ".join(why) or f"expected {expected}, but found {actual}"
    return Verdict(check, Outcome.PASS if good else Outcome.FAIL, says, expected, actual, (), evidence, words)
