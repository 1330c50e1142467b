"""Lines in, lines out: the agents' protocol over standard input and output.

Rule: each request has a thread, so one that waits holds up nobody; each gets exactly one answer, an error if it
could not be done. End of input ends the recorder. Weak spot: a line that is no JSON object has no id, and is
answered with id null.
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, BinaryIO

from recorder import errors, requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.requests import Recorder

KINDS: tuple[tuple[type[Exception], str], ...] = (
    (errors.BadRequestError, "bad request"),
    (errors.GoneError, "gone"),
    (PermissionError, "refused"),
    (OSError, "system"),
    (ValueError, "bad request"),
)
"""Exception -> `kind` of the error answer; the first that fits. Anything else is `internal`, a fault of ours."""

_writing = threading.Lock()


def serve(recorder: Recorder, lines: BinaryIO, out: BinaryIO) -> None:
    """Answer requests until the input ends."""
    for line in lines:
        threading.Thread(target=_one, args=(recorder, line, out), daemon=True).start()


def say(out: BinaryIO, value: dict[str, Any]) -> None:
    """Write one line."""
    with _writing:
        out.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
        out.flush()


def answered(line: bytes, act: Callable[[requests.Request], dict[str, Any]]) -> dict[str, Any]:
    """The answer to one line."""
    try:
        request = json.loads(line, object_hook=requests.Request)
    except ValueError as error:
        return _error(None, "bad request", f"no JSON: {error}")
    if not isinstance(request, requests.Request):
        return _error(None, "bad request", "a request is a JSON object")
    try:
        return {"id": request.get("id"), "ok": act(request)}
    except Exception as error:  # noqa: BLE001 - the agent's outer wall: told to whoever asked, and shown
        return _error(request.get("id"), _kind(error), str(error) or type(error).__name__)


def _one(recorder: Recorder, line: bytes, out: BinaryIO) -> None:
    say(out, answered(line, lambda request: requests.answer(recorder, request)))


def _kind(error: Exception) -> str:
    for kind, name in KINDS:
        if isinstance(error, kind):
            return name
    traceback.print_exc(file=sys.stderr)
    return "internal"


def _error(request: object, kind: str, text: str) -> dict[str, Any]:
    return {"id": request, "error": {"kind": kind, "text": text}}
