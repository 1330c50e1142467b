"""What a probe's words come to in an arrangement that stands: where to connect, and what TLS shows of the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.engine.errors import MachineError
from lab.engine.wire import base64
from lab.model.plan import HOST

if TYPE_CHECKING:
    from lab.engine.arrange import Standing
    from lab.model.plan import PlannedProbe
    from lab.model.steps import PlannedTls


def target(standing: Standing, probe: PlannedProbe, to: tuple[str, int]) -> tuple[str, int]:
    """Where to connect: as the probe says, or what the engine published for it. Raises MachineError."""
    host, port = to
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


def tls_fields(standing: Standing, tls: PlannedTls | None) -> dict[str, Any] | None:
    """The client's `tls`, with its certificate and key where it is to show one; the inventory is told of that."""
    if tls is None:
        return None
    shown = standing.bench.authority.client(tls.certificate)
    if shown:
        standing.certificates.append(shown[1])
    return {
        "sni": tls.sni,
        "alpn": list(tls.alpn),
        "verify": tls.verify,
        "version": tls.version,
        "certificate": shown[0] if shown else None,
        "stop_after": tls.stop_after,
        "resume": tls.resume,
        "early": base64(tls.early),
    }
