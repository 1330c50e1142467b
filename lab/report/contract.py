"""What `lab contract` tells: for people one line a check, for programs the document `lab-contract/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from lab.model.verdicts import Outcome
from lab.report import result as documents
from lab.report import telling, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.contract import Contract, Life

FORMAT = "lab-contract/1"


def lines(contract: Contract, *, brief: bool = False) -> Iterator[Text]:
    """One server; with `brief` only its first line and what does not hold."""
    yield Text.assemble(
        terminal.mark(outcome(contract)), "  ", (contract.server, "bold"), f"  {contract.title}", _facts(contract.life)
    )
    for case in contract.cases:
        if not brief or case.outcome is not Outcome.PASS:
            yield from telling.whole(case, evidence=False)
    for verdict in contract.verdicts:
        if not brief or verdict.outcome is not Outcome.PASS:
            yield from terminal.check(verdict, evidence=False)
    if contract.error:
        yield from (Text(f"  {line}") for line in contract.error.splitlines())


def _facts(life: Life | None) -> str:
    if life is None:
        return ""
    start = f"ready after {life.start_ms:.0f} ms" if life.start_ms is not None else "does not come up"
    memory = f", {life.memory_mb:.1f} MB of memory" if life.memory_mb is not None else ""
    end = f", ends in {life.end_seconds * 1e3:.0f} ms" if life.end_seconds is not None else ""
    return f"  ({start}{memory}{end}; image {life.image_mb:.0f} MB; {life.version})"


def outcome(contract: Contract) -> Outcome:
    """The worst of all; a server that never stood is the lab's error."""
    found = [*(case.outcome for case in contract.cases), *(verdict.outcome for verdict in contract.verdicts)]
    if Outcome.LAB_ERROR in found or contract.life is None:
        return Outcome.LAB_ERROR
    bad = [one for one in found if one is not Outcome.PASS]
    return Outcome.FAIL if Outcome.FAIL in bad else bad[0] if bad else Outcome.PASS


def document(contracts: Sequence[Contract]) -> dict[str, object]:
    """All servers, ready for JSON."""
    return {"format": FORMAT, "servers": [_server(contract) for contract in contracts]}


def _server(contract: Contract) -> dict[str, object]:
    life = contract.life
    return {
        "server": contract.server,
        "outcome": str(outcome(contract)),
        "error": contract.error,
        "facts": {} if life is None else {name: getattr(life, name) for name in FACTS},
        "checks": [documents.check(verdict) for verdict in contract.verdicts],
        "cases": [documents.case(case) for case in contract.cases],
    }


FACTS = ("version", "user", "read_only", "start_ms", "end_seconds", "memory_mb", "image_mb")
