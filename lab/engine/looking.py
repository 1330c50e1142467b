"""Snapshots: of all sockets and processes of a case, when everything has come to rest or as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.engine.agent import Agent
    from lab.engine.arrange import Standing

MARGIN_SECONDS = 15.0
"""Beyond the time that an agent was given before it is given up."""


def look(standing: Standing, label: str) -> None:
    """Have the recorder take a snapshot of sockets and processes."""
    standing.bench.recorder.ask("look", case=standing.plan.case, label=label)


def calm(standing: Standing, seconds: float) -> str:
    """Wait until nothing moves; gives what still does when the time is over, else nothing."""
    told = ask(standing.bench.recorder, "settle", seconds, case=standing.plan.case, timeout=seconds)
    return "" if told["settled"] else "; ".join(map(str, told.get("moving", ()))) or "something"


def ask(agent: Agent, do: str, seconds: float, **fields: object) -> dict[str, Any]:
    """Ask what may take so many seconds; `fields` may have a `timeout` of its own. Raises AgentError."""
    return agent.wait(agent.send(do, **fields), do, seconds + MARGIN_SECONDS)
