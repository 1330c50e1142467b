"""Send the probes of an arrangement, one after the other, and take a snapshot of the sockets while each connection is
still open."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from lab.engine.acts import Came
from lab.engine.journal import opened
from lab.engine.looking import MARGIN_SECONDS, calm, look
from lab.engine.staging import Staging, Stop, carry_out
from lab.engine.targets import target, tls_fields
from lab.engine.wire import base64, marked, veiled
from lab.plan.told import sent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.engine.arrange import Standing
    from lab.engine.staging import Watcher
    from lab.model.plan import PlannedProbe

CALM_SECONDS = 0.02
"""For an ordinary probe to settle before it is looked at; what still moves then is looked at as it moves."""


def send_probes(standing: Standing, folder: Path, watcher: Watcher | None = None, only: str | None = None) -> None:
    """Send all probes in the plan's order, or one; each client's report becomes a line of `client.jsonl`.

    Raises UnsupportedError for a step that this machine cannot take.
    """
    look(standing, "ready")
    with opened(folder) as journal:
        for probe in standing.plan.probes:
            for label in labels(probe) if only in (None, probe.id) else ():
                staging = Staging(standing, probe, label, journal, watcher)
                (carry_out if probe.steps else _send)(staging)
    look(standing, "end")


def labels(probe: PlannedProbe) -> Iterator[str]:
    """The probe's id, or one for each repetition."""
    if probe.repeat == 1:
        yield probe.id
    else:
        yield from (f"{probe.id}#{number}" for number in range(1, probe.repeat + 1))


def _send(staging: Staging) -> None:
    standing, probe, client = staging.standing, staging.probe, staging.client
    stop = Stop(1, 1, sent(probe))
    if staging.watcher:
        staging.watcher.before(staging, stop)
    job = _job(standing, probe, staging.label)
    asked = {**job, "token": veiled(job["token"])}
    report = client.ask("probe", timeout=3 * probe.timeout + MARGIN_SECONDS, probe=asked)
    staging.local = report["local"]
    calm(standing, CALM_SECONDS)
    look(standing, staging.label)
    staging.journal.report({**report, "token": job["token"], "namespace": probe.vantage})
    if staging.watcher:
        staging.watcher.after(staging, stop, Came())
    client.ask("release")


def _job(standing: Standing, probe: PlannedProbe, label: str) -> dict[str, Any]:
    return {
        "probe": label,
        "token": secrets.token_hex(8) if probe.url else marked((probe.tls.early if probe.tls else b"") + probe.send),
        "connect": list(target(standing, probe, probe.connect)),
        "url": probe.url,
        "streams": probe.streams,
        "early_data": probe.early_data,
        "tickets": any(one.early_data for one in standing.plan.probes),
        "new_port": probe.new_port,
        "alt_svc": probe.alt_svc,
        "method": probe.method,
        "headers": [list(header) for header in probe.headers],
        "body": base64(probe.body),
        "send": base64(probe.send),
        "transport": probe.transport,
        "http": str(probe.http or ""),
        "tls": tls_fields(standing, probe.tls),
        "timeout": probe.timeout,
    }
