"""What can go wrong outside the lab's own code, by whose matter it is.

Rule: an error names the place, the value seen and the next move; foreign exceptions are translated where they are
caught and never leave `lab.engine`. Weak spot: a message is for people; programs may rely on class and `lines` only.
"""

from __future__ import annotations

AGAIN = "evidence is not repaired: take the folder as it was written, or carry the scenario out again with lab run"


class EngineError(Exception):
    """Anything that keeps a case from being carried out. Never a verdict."""

    def __init__(self, text: str, next_move: str = "", lines: tuple[str, ...] = ()) -> None:
        """Give what happened, what to do about it, and the last lines of a log."""
        super().__init__(text)
        self.text = text
        self.next_move = next_move
        self.lines = lines

    def __str__(self) -> str:
        parts = [self.text, *(f"    {line}" for line in self.lines)]
        if self.next_move:
            parts.append(f"Next: {self.next_move}")
        return "\n".join(parts)


class MachineError(EngineError):
    """Your machine or your container engine: not there, not allowed, full, or in somebody else's use."""


class ImageError(EngineError):
    """An image could not be built, pulled or imported."""


class UnsupportedError(EngineError):
    """This machine, or this server, cannot do what a step asks: neither a pass nor a failure."""


class ServerError(EngineError):
    """A container died, or never listened."""


class AgentError(EngineError):
    """The recorder or the client refused a request, answered nonsense or is gone."""

    def __init__(self, text: str, next_move: str = "", lines: tuple[str, ...] = (), kind: str = "") -> None:
        """Take also `kind`, the word that the agent gave; empty when the agent itself failed."""
        super().__init__(text, next_move, lines)
        self.kind = kind


class AgentTimeoutError(AgentError):
    """The agent did not answer within the request's time; it may still do so, and the answer is dropped."""


class EvidenceError(EngineError):
    """A run folder whose evidence cannot be read: cut short, changed, or of another version. Nothing of it is repaired."""

    def __init__(self, text: str, next_move: str = AGAIN, lines: tuple[str, ...] = ()) -> None:
        """Take the same; without a next move of its own it is to carry the scenario out again."""
        super().__init__(text, next_move, lines)
