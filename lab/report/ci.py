"""What a CI service shows beside the code: annotations on the scenario file's lines, and a summary of the run.

Source: GitHub, "Workflow commands for GitHub Actions". Ten annotations of a kind are shown for one step; the summary may
have 1 MiB, and is kept under 64 kB here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.verdicts import Outcome
from lab.report.alike import alike
from lab.report.timeline import name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.model.verdicts import CaseResult

SHOWN = 10
SUMMARY_LIMIT = 60_000
"""Characters."""

_GOOD = (Outcome.PASS, Outcome.UNSUPPORTED)


def commands(results: Sequence[CaseResult]) -> list[str]:
    """One workflow command for each check that does not hold, the first ten."""
    return [line for result in results for line in _of(result)][:SHOWN]


def _of(result: CaseResult) -> Iterator[str]:
    lines = dict(result.lines)
    if result.error and result.outcome not in _GOOD:
        yield _command(result.file, 1, result.case, result.error)
    for verdict in result.verdicts:
        if verdict.outcome not in _GOOD:
            title = f"{result.case} {verdict.id}: {verdict.outcome}"
            yield _command(result.file, lines.get(verdict.id, 1), title, f"{verdict.says}: {verdict.why}")


def _command(file: str, line: int, title: str, text: str) -> str:
    return f"::error file={_property(file)},line={line},title={_property(title)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(results: Sequence[CaseResult]) -> str:
    """A table of the run in Markdown, cut where it would be too long."""
    head = "| outcome | case | where TLS ends | answer |\n|---|---|---|---|\n"
    text = head + "".join(_row(result) for result in results)
    if len(text) <= SUMMARY_LIMIT:
        return text
    cut = text[:SUMMARY_LIMIT].rpartition("\n")[0]
    return f"{cut}\n\nand more: see result.json\n"


def _row(result: CaseResult) -> str:
    ends = "; ".join(
        f"{name(route)}: {', '.join(end.container for end in route.tls_ends_at) or 'nowhere'}"
        for route, _ in alike(result.routes)
    )
    answers = "; ".join(f"{name(route)}: {route.diagnosis}" for route, _ in alike(result.routes)) or result.error
    return f"| {result.outcome} | {_cell(result.case)} | {_cell(ends)} | {_cell(answers)} |\n"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
