"""One case made by hand: a hop that nginx received, where TLS ends, and one that was refused behind it."""

from __future__ import annotations

from lab.model.routes import Evidence, Hop, Route, Stage, TlsAtHop, TlsEnd, Witness
from lab.model.verdicts import CaseResult, Outcome, Verdict

PACKET = Evidence(Witness.PACKETS, "packets/web.pcapng:12", "ClientHello, SNI shop.example")
KERNEL = Evidence(Witness.KERNEL, "kernel.jsonl:7", "nginx read 517 bytes")


def hop(number: int, container: str | None, **more: object) -> Hop:
    values: dict[str, object] = {
        "number": number,
        "transport": "tcp",
        "local": "10.0.0.2:8443",
        "peer": "10.0.0.3:40000",
        "asked": "10.0.0.2:8443",
        "container": container,
        "namespace": "web",
        "interface": "eth0",
        "listener": "0.0.0.0:8443",
        "process": "nginx",
        "pid": 7,
        "host_pid": 4007,
        "protocol": "tls",
        "tls": TlsAtHop.ENDED,
        "sni": "shop.example",
        "evidence": (PACKET, KERNEL),
        "parent": number - 1 or None,
    }
    return Hop(**{**values, **more})  # type: ignore[arg-type]


def case(outcome: Outcome = Outcome.PASS, title: str = "nginx ends TLS") -> CaseResult:
    refused = hop(2, None, local=None, listener=None, process=None, pid=None, protocol=None, tls=None, sni=None, received=False)
    end = TlsEnd(1, "proxy", "nginx", 7, "10.0.0.2", 8443, (PACKET,))
    route = Route("order", (hop(1, "proxy"), refused), (end,), Stage.REFUSED, False, "stopped at refused", status=502)
    verdict = Verdict("order.route", outcome, "it travels", "proxy → app", "proxy → nobody", ("packets",), (PACKET,), "why")
    return CaseResult(
        "s.nginx", "s", title, ("C16",), outcome, 1.25, (verdict,), (route,), "scenarios/s.yaml", (("order.route", 9),)
    )


def plain(lines: object) -> str:
    return "\n".join(line.plain for line in lines)  # type: ignore[attr-defined]
