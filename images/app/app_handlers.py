"""The handlers, and the route to each: what the application does once it has a request.

Rule: a handler is a function of a `Call`; it reads the body itself, first of all. Routes are a table, the longest prefix
counts. Weak spot: what `/echo` calls the client is what headers say; that is its point, never use it as evidence.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from app_report import Endpoint, Request

_SLOW_SECONDS = 2.0


class Ask(Protocol):
    """Asks the database."""

    def __call__(self, token: str, asked: Callable[[str], object]) -> str:
        """Ask with the token as a parameter; `asked` is called, with the connection's two ends in words, when the question has
        been handed to the kernel. Raises `DatabaseError`."""


class DatabaseError(Exception):
    """The database could not be asked, or did not answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as a handler sees it."""

    request: Request
    headers: tuple[tuple[str, str], ...]
    client: Endpoint | None
    """The peer of the connection, or who a PROXY line says it is."""
    secure: bool
    body: Callable[[], Iterator[bytes]]
    """Reads the body piece by piece."""
    report: Callable[[str, str], object]
    """Takes an event and its detail."""
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers."""

    status: int
    value: Mapping[str, Any]
    """Written as JSON."""


def route(target: str) -> Callable[[Call], Answer] | None:
    """The handler for a request target; None: there is none, and no handler is entered."""
    path = target.partition("?")[0]
    fitting = [known for known in ROUTES if path == known or path.startswith(f"{known.rstrip('/')}/")]
    return ROUTES[max(fitting, key=len)] if fitting else describe


def describe(call: Call) -> Answer:
    """What was asked, and the size and digest of the body."""
    return Answer(200, _basics(call))


def echo(call: Call) -> Answer:
    """Answer with the headers as they came, and what an application that believes them takes for true."""
    return Answer(200, {**_basics(call), "headers": [list(pair) for pair in call.headers], "believes": _beliefs(call)})


def query(call: Call) -> Answer:
    """Ask the database before answering."""
    basics = _basics(call)
    if call.ask is None:
        return Answer(503, {**basics, "error": "no database is configured"})
    try:
        said = call.ask(call.request.token, lambda ends: call.report("queried", ends))
    except DatabaseError as error:
        return Answer(503, {**basics, "error": str(error)})
    return Answer(200, {**basics, "database": said})


def slow(call: Call) -> Answer:
    """Take two seconds."""
    basics = _basics(call)
    time.sleep(_SLOW_SECONDS)
    return Answer(200, basics)


def _basics(call: Call) -> dict[str, Any]:
    size, digest = 0, sha256()
    for piece in call.body():
        size += len(piece)
        digest.update(piece)
    about = {"app": "lab", "method": call.request.method, "target": call.request.target, "body_bytes": size}
    return about | ({"body_sha256": digest.hexdigest()} if size else {})


def _beliefs(call: Call) -> dict[str, str | None]:
    headers = {name.lower(): value for name, value in call.headers}
    forwarded = headers.get("x-forwarded-for", "").partition(",")[0].strip()
    return {
        "client": forwarded or (call.client[0] if call.client else None),
        "scheme": headers.get("x-forwarded-proto", "https" if call.secure else "http"),
        "host": headers.get("x-forwarded-host", headers.get("host")),
    }


ROUTES: dict[str, Callable[[Call], Answer] | None] = {"/echo": echo, "/query": query, "/slow": slow, "/missing": None}
"""All other paths are described."""
