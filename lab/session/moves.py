"""The next move for whoever traced a request that did not get in: a wrong name, a wrong port, an untrusted certificate.

Rule: a table of what the client itself met; of what became of a request further on the route says enough. A move is offered
and never taken. Weak spot: OpenSSL's reasons are told by their words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.engine.folder import lines, read_inventory
from lab.model.observations import ClientReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lab.model.asked import Asked
    from lab.model.observations import ClientError, Inventory

SHOWN = 6
"""Published ports that are listed."""


def moves(asked: Asked, evidence: Path) -> tuple[str, ...]:
    """Lines for people; none where there is no report, or nothing went wrong at the client."""
    report = next(iter(lines(evidence / "client.jsonl", ClientReport)), None)
    if report is None or report.error is None:
        return ()
    return after(asked, report.error, read_inventory(evidence))


def after(asked: Asked, error: ClientError, inventory: Inventory) -> tuple[str, ...]:
    """What to try after this error."""
    return tuple(move(asked, inventory) for holds, move in _MOVES if holds(error))


def _resolve(asked: Asked, _: Inventory) -> str:
    host, port = asked.connect
    known = "names of compose services are known --from client, or from one of its containers"
    return f"say where {host} is: --resolve {host}:{port}:ADDRESS; {known}"


def _published(_: Asked, inventory: Inventory) -> str:
    ports = [f"{one.host_address}:{one.host_port} → {one.container_port} of {one.namespace}" for one in inventory.published]
    return f"nobody listens there; {_listed(ports)}"


def _listed(ports: Sequence[str]) -> str:
    if not ports:
        return "the containers looked into publish no port: --from client reaches them by name"
    more = f", and {len(ports) - SHOWN} more" if len(ports) > SHOWN else ""
    return f"published are {', '.join(ports[:SHOWN])}{more}"


_MOVES: tuple[tuple[Callable[[ClientError], bool], Callable[[Asked, Inventory], str]], ...] = (
    (lambda error: error.during == "resolve", _resolve),
    (lambda error: (error.during, error.kind) == ("connect", "refused"), _published),
    (
        lambda error: error.kind == "certificate",
        lambda *_: "the client did not trust the certificate: --cacert FILE names its authority, -k does without",
    ),
    (
        lambda error: "WRONG_VERSION_NUMBER" in error.text or "wrong version number" in error.text,
        lambda *_: "what answered speaks no TLS: try the URL with http://",
    ),
    (
        lambda error: "CERTIFICATE_REQUIRED" in error.text.upper().replace(" ", "_"),
        lambda *_: "the server wants a certificate of the client: --cert FILE, and --key FILE if the key stands apart",
    ),
)
"""What the client met -> what to try."""
