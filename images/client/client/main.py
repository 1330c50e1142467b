"""Serve the agents' protocol: `trust`, `probe`, `release`, and the verbs of a staged probe, one at a time.

Rule: a probe that fails is a report, not an error answer; an error answer means that the request made no sense.
What the last probe opened stays open until `release`, the next probe, or the end of input.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from client import exact, keylog, negotiated, ordinary, staged, three
from client.alternatives import Alternatives
from client.connecting import Progress
from client.report import Received, report

if TYPE_CHECKING:
    from collections.abc import Callable

PROTOCOL = 1


class Closable(Protocol):
    def close(self) -> None:
        """Close it."""


@dataclass(slots=True)
class Client:
    """What lasts between requests."""

    ca: str = ""
    """PEM text; nothing else is trusted."""
    open: Closable | None = None
    alternatives: Alternatives = field(default_factory=Alternatives)
    staged: staged.Staged | None = None
    """The staged probe under way; `open` is the same."""


def main() -> None:
    """Serve standard input. SIGTERM and the end of input end it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    keylog.begin()
    _say(sys.stdout.buffer, {"ready": {"protocol": PROTOCOL}})
    client = Client()
    for line in sys.stdin.buffer:
        _say(sys.stdout.buffer, answered(client, line))


def answered(client: Client, line: bytes) -> dict[str, Any]:
    """The answer to one line."""
    try:
        request = json.loads(line)
    except ValueError as error:
        return _error(None, "bad request", f"no JSON: {error}")
    if not isinstance(request, dict):
        return _error(None, "bad request", "a request is a JSON object")
    number, does = request.get("id"), DOES.get(str(request.get("do")))
    if does is None:
        return _error(number, "bad request", f"do {request.get('do')!r}: known are {', '.join(DOES)}")
    try:
        return {"id": number, "ok": does(client, request)}
    except (ValueError, KeyError, TypeError) as error:
        return _error(number, "bad request", f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - the agent's outer wall: told to whoever asked, and shown
        traceback.print_exc(file=sys.stderr)
        return _error(number, "internal", f"{type(error).__name__}: {error}")


def trust(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    """Trust this certificate authority alone."""
    client.ca = str(request["ca"])
    return {}


def probe(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    """Send a probe (the request itself, or its `probe` if that is an object) and report."""
    asked = request["probe"] if isinstance(request["probe"], dict) else request
    release(client, {})
    if not asked.get("url"):
        sent = exact.send(asked, client.ca)
        client.open = sent
        return _with_keys(staged.reported(sent, {}))
    progress, received = Progress(), Received()
    started = time.time_ns()
    asked = client.alternatives.taken(asked) if asked.get("alt_svc") else asked
    client.open = SENDS.get(asked.get("http") or "", negotiated.send)(asked, client.ca, progress, received)
    client.alternatives.heard(asked, received.headers)
    told = report(asked, started, time.time_ns(), progress, received)
    if isinstance(client.open, three.Exchange) and three.several(asked):
        told |= {"token": "", "streams": three.streams(client.open)}
    return _with_keys(told)


def _with_keys(told: dict[str, Any]) -> dict[str, Any]:
    """A report, and the secrets of the TLS sessions that it tells of."""
    return {**told, "keys": keylog.take()}


SENDS: dict[str, Callable[..., Closable | None]] = {"": ordinary.send, "3": three.send}
"""Version of HTTP that is asked for -> how; all others are agreed on."""


def begin(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    """Begin a staged probe; its steps follow."""
    release(client, {})
    client.open = client.staged = staged.begin(client.ca, request)
    return {}


def step(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    """One step of the staged probe under way."""
    if client.staged is None:
        raise ValueError("no staged probe was begun")
    told = staged.DOES[request["do"]](client.staged, request)
    return _with_keys(told) if request["do"] == "report" else told


def release(client: Client, _: dict[str, Any]) -> dict[str, Any]:
    """Close what the last probe left open."""
    if client.open is not None:
        client.open.close()
        client.open = client.staged = None
    return {}


DOES: dict[str, Callable[[Client, dict[str, Any]], dict[str, Any]]] = {
    "trust": trust,
    "probe": probe,
    "release": release,
    "begin": begin,
    **dict.fromkeys(staged.DOES, step),
}


def _say(out: BinaryIO, value: dict[str, Any]) -> None:
    out.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
    out.flush()


def _error(number: object, kind: str, text: str) -> dict[str, Any]:
    return {"id": number, "error": {"kind": kind, "text": text}}
