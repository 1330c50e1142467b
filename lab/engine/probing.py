"""Send the probes of an arrangement, one after the other, and take a snapshot of the sockets while each connection is
still open."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

from lab.engine.errors import MachineError
from lab.model.plan import HOST

if TYPE_CHECKING:
    from pathlib import Path

    from lab.engine.arrange import Standing
    from lab.model.plan import PlannedProbe

MARGIN_SECONDS = 15.0
"""Beyond a probe's own time-outs (connect, TLS, each read) before its client is given up."""


def send_probes(standing: Standing, folder: Path) -> None:
    """Send all probes in the plan's order; each client's report becomes a line of `client.jsonl`."""
    look(standing, "ready")
    with (folder / "client.jsonl").open("w", encoding="utf-8") as out:
        for probe in standing.plan.probes:
            report = _send(standing, probe)
            out.write(json.dumps(report) + "\n")
            out.flush()
    look(standing, "end")


def look(standing: Standing, label: str) -> None:
    """Have the recorder take a snapshot of sockets and processes."""
    standing.bench.recorder.ask("look", case=standing.plan.case, label=label)


def _send(standing: Standing, probe: PlannedProbe) -> dict[str, Any]:
    client = standing.clients[probe.vantage]
    report = client.ask("probe", timeout=3 * probe.timeout + MARGIN_SECONDS, probe=_job(standing, probe))
    look(standing, probe.id)
    client.ask("release")
    return {**report, "namespace": probe.vantage}


def _job(standing: Standing, probe: PlannedProbe) -> dict[str, Any]:
    tls = probe.tls
    return {
        "probe": probe.id,
        "token": secrets.token_hex(8) if probe.url else "",
        "connect": list(_target(standing, probe)),
        "url": probe.url,
        "method": probe.method,
        "headers": [list(header) for header in probe.headers],
        "body": _base64(probe.body),
        "send": _base64(probe.send),
        "tls": None if tls is None else {"sni": tls.sni, "alpn": list(tls.alpn), "verify": tls.verify},
        "timeout": probe.timeout,
    }


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii")


def _target(standing: Standing, probe: PlannedProbe) -> tuple[str, int]:
    """Where to connect: as the probe says, or what the engine published for it."""
    host, port = probe.connect
    if probe.vantage != HOST or probe.via == "name":
        return host, port
    namespace = _namespace_called(standing, host)
    if probe.via == "direct":
        return standing.holders[namespace].addresses[0][1], port
    loopback = probe.via == "published"
    for container_port, _, address, host_port in standing.holders[namespace].ports:
        if container_port == port and address.startswith("127.") == loopback:
            return address, host_port
    raise MachineError(
        f"probe {probe.id}: the engine published no port {port} of {namespace} ({probe.via})",
        "add it to the namespace's `publish`",
    )


def _namespace_called(standing: Standing, host: str) -> str:
    for namespace in standing.plan.namespaces:
        if host == namespace.name or any(host in attachment.aliases for attachment in namespace.attachments):
            return namespace.name
    raise MachineError(f"no namespace of this arrangement is called {host}", "name one in the probe's URL")
