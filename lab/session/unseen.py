"""What `lab trace` could not see: witnesses that this machine refuses, an engine that is elsewhere, what was lost.

Rule: it is said beside every answer, also where the answer does not suffer from it. Weak spot: what an engine hides without
saying so nobody can name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.engine.codec import from_json
from lab.engine.doctor import WITNESSES
from lab.engine.nearness import Where
from lab.model.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

REMOTE = (
    "this machine: the engine is on another one, and `localhost` and --from host are that one; what lies between is not seen"
)
NAMESPACE = (
    "this network namespace: the engine is in another one of this machine, and `localhost` and --from host are that one; what "
    "lies between is not seen"
)
ROOTLESS = "the engine's own machine: the engine is rootless, so --from host is a network namespace of its own"


def unseen(evidence: Path, witnesses: Mapping[str, Any], engine: Mapping[str, Any]) -> tuple[str, ...]:
    """Lines for people. `witnesses`: the recorder's ready line; `engine`: as in the document."""
    return (*_machines(engine), *_refused(witnesses), *_gaps(evidence, witnesses))


def _machines(engine: Mapping[str, Any]) -> Iterator[str]:
    place = engine.get("where") or (Where.ELSEWHERE if engine.get("local") is False else Where.HERE)
    if place == Where.ELSEWHERE:
        yield REMOTE
    if engine.get("rootless"):
        yield ROOTLESS
    elif place == Where.NAMESPACE:
        yield NAMESPACE


def _refused(witnesses: Mapping[str, Any]) -> Iterator[str]:
    for name, state in sorted(witnesses.items()):
        allow = f"; what would allow it: {WITNESSES[name]}" if name in WITNESSES else ""
        if not state.get("available"):
            yield f"{name}: {state.get('why') or 'not available'}{allow}"
        elif state.get("why"):
            yield f"{name}, as well as it can be: {state['why']}; in its place {state.get('how')}"


def _gaps(evidence: Path, witnesses: Mapping[str, Any]) -> Iterator[str]:
    """What is missing although its witness is there."""
    path = evidence / "gaps.json"
    gaps = from_json(path.read_bytes(), tuple[Gap, ...]) if path.exists() else ()
    told = {str(state.get("why")) for state in witnesses.values()}
    for gap in gaps:
        if gap.why not in told:
            yield f"{gap.witness}{f' of {gap.namespace}' if gap.namespace else ''}: {gap.why}"
