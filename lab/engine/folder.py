"""A case's folder: raw evidence in, `Observations` out. The layout is the table in ARCHITECTURE.md.

Nothing is repaired: a line that cannot be read is an error that names file and line, because evidence that was
tampered with or cut short must not look like evidence that was never there.
"""

from __future__ import annotations

import json
from calendar import timegm
from time import strptime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from lab.engine.codec import from_json
from lab.engine.errors import EvidenceError
from lab.engine.secrets import read_secrets
from lab.model.observations import (
    AppEvent,
    ClientReport,
    Gap,
    Inventory,
    KernelEvent,
    LogLine,
    Observations,
    Packet,
    SeenProcess,
    SocketRow,
    UnixRow,
)
from lab.model.scenario import Case
from lab.model.steps import StepDone
from lab.trace.pcapng import BrokenCapture, cut_short, read

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping
    from pathlib import Path

    from lab.trace.pcapng import Keep

T = TypeVar("T")

_APP_MARK = '"app/1"'


def read_observations(folder: Path, without: Container[str] = ()) -> Observations:
    """All evidence in a case's folder. Raises `EvidenceError` with file and line for what cannot be read.

    `without`: `packets` or `kernel` are left out, for whoever reads them apart.
    """
    inventory = read_inventory(folder)
    logs = tuple(_logs(folder))
    return Observations(
        inventory=inventory,
        packets=() if "packets" in without else tuple(packets(folder)),
        sockets=tuple(lines(folder / "sockets.jsonl", SocketRow)),
        unix=tuple(lines(folder / "unix.jsonl", UnixRow)),
        processes=tuple(lines(folder / "processes.jsonl", SeenProcess)),
        kernel=() if "kernel" in without else tuple(lines(folder / "kernel.jsonl", KernelEvent)),
        clients=tuple(lines(folder / "client.jsonl", ClientReport)),
        logs=logs,
        application=tuple(_application(logs)),
        secrets=read_secrets(folder),
        gaps=(*_gaps(folder), *_cut_captures(folder)),
    )


def read_inventory(folder: Path) -> Inventory:
    """What there was. Raises `EvidenceError`."""
    found: Inventory = _whole(folder / "inventory.json", Inventory)
    return found


def read_case(folder: Path) -> Case:
    """Which case this was: for the judge, and for nobody who finds a route. Raises `EvidenceError`."""
    found: Case = _whole(folder / "case.json", Case)
    return found


def report_of(answer: Mapping[str, Any], line: int) -> ClientReport:
    """A client's report that is in no file yet, as if it were this line of one."""
    return TypeAdapter(ClientReport).validate_json(json.dumps({**answer, "line": line}))


def read_steps(folder: Path) -> tuple[StepDone, ...]:
    """What came of the steps of staged probes: for the judge, and for nobody who finds a route."""
    return tuple(lines(folder / "steps.jsonl", StepDone))


def _whole(path: Path, kind: Any) -> Any:
    try:
        return from_json(path.read_bytes(), kind)
    except FileNotFoundError:
        raise EvidenceError(f"{path} is missing: this is not a case's folder, or the run was cut short") from None
    except ValidationError as error:
        raise EvidenceError(f"{path} cannot be read: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    one = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, one['loc'])) or 'document'}: {one['msg']}"


def lines(path: Path, kind: type[T], keep: Callable[[str], bool] | None = None) -> Iterator[T]:
    """The values of a file with one JSON object a line (`keep`: of those lines that it wants); none if it is not there."""
    if not path.exists():
        return
    adapter: TypeAdapter[T] = TypeAdapter(kind)
    for number, raw in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            text = raw.decode("utf-8")
            if keep is not None and not keep(text):
                continue
            yield adapter.validate_json(json.dumps({**_json(text), "line": number}))
        except (ValueError, RecursionError) as error:
            why = _first(error) if isinstance(error, ValidationError) else str(error)
            raise EvidenceError(f"{path}:{number} cannot be read: {why}") from error


def _json(text: str) -> dict[str, object]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("a JSON object was expected")  # noqa: TRY004 - the caller turns both into one error
    return value


def packets(folder: Path, keep: Keep | None = None) -> Iterator[Packet]:
    """The packets of all captures; `keep`: of those that it wants. Raises `EvidenceError`."""
    for path in sorted((folder / "packets").glob("*.pcapng")):
        try:
            yield from read(path.read_bytes(), path.stem, f"packets/{path.name}", keep)
        except BrokenCapture as error:
            raise EvidenceError(f"{folder}: {error}") from error


def _gaps(folder: Path) -> tuple[Gap, ...]:
    found: tuple[Gap, ...] = _whole(folder / "gaps.json", tuple[Gap, ...]) if (folder / "gaps.json").exists() else ()
    return found


def _cut_captures(folder: Path) -> Iterator[Gap]:
    """A capture that ends inside a block has lost what came behind it, and nobody can say what that was."""
    for path in sorted((folder / "packets").glob("*.pcapng")):
        if (end := _end(path)) is not None:
            yield Gap(
                "packets", path.stem, f"packets/{path.name} ends inside a block, at byte {end}: what came later is missing"
            )


def _end(path: Path) -> int | None:
    try:
        return cut_short(path.read_bytes())
    except BrokenCapture as error:
        raise EvidenceError(f"{path}: {error}") from error


def _logs(folder: Path) -> Iterator[LogLine]:
    for path in sorted((folder / "logs").glob("*.log")):
        for number, text in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1):
            stamp, _, words = text.partition(" ")
            yield LogLine(f"logs/{path.name}", number, nanoseconds(stamp), path.stem, words)


def nanoseconds(stamp: str) -> int:
    """Nanoseconds since the epoch of the engine's time stamp, `2026-01-02T03:04:05.678901234Z` (RFC 3339); 0 if it is none."""
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    try:
        seconds = timegm(strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return 0
    return seconds * 1_000_000_000 + int((fraction or "0").ljust(9, "0")[:9])


def _application(logs: Iterable[LogLine]) -> Iterator[AppEvent]:
    adapter = TypeAdapter(AppEvent)
    for log in logs:
        if _APP_MARK not in log.text:
            continue
        try:
            said = {**_json(log.text), "file": log.file, "line": log.line, "container": log.container}
            yield adapter.validate_python(said)
        except ValueError as error:
            raise EvidenceError(f"{log.file}:{log.line} is no report of the application: {error}") from error
