"""`lab trace --save NAME`: what was found today becomes a scenario, and so a check of tomorrow's.

Rule: the name, and whether the request can be written down, are settled before it is sent; the text is read back by the
scenario's own loader, and not written if that finds a mistake. Weak spot: a header with a secret in it stands in the file as
it was sent, and is only warned of.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lab.engine.catalogue import load_catalogue
from lab.engine.project import find_project
from lab.judge.certain import certain
from lab.model.routes import Stage
from lab.plan import running
from lab.report import telling
from lab.scenario import ScenarioError, load
from lab.scenario.writing import written
from lab.session.jobs import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.model.asked import Asked
    from lab.model.routes import Route
    from lab.model.scenario import Case

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
"""As `lab.model.scenario.Name`."""

PROBE = "request"
"""Name of the probe in the file."""

SECRET = ("authorization", "cookie", "proxy-authorization", "x-api-key")
"""Headers that are better not kept where others read."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Where it is to be saved, and what was asked, as a file says it."""

    path: Path
    id: str
    probe: Mapping[str, object]
    scope: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of it."""

    shown: str
    """The file."""
    name: str
    """As `lab run` takes it."""
    checks: int
    left_open: tuple[str, ...]


def prepare(name: str, asked: Asked, files: Mapping[str, Path | None]) -> Saving:
    """Settle all that can be wrong before the request is sent. `files`: of `ca`, `certificate`, `key`. Raises UsageError."""
    path = _path(name)
    beside = {key: os.path.relpath(file.resolve(), path.parent) for key, file in files.items() if file}
    try:
        saving = Saving(path, path.stem, running.said(asked, beside), running.scope(asked))
    except ValueError as error:
        raise UsageError(f"--save: {error}, which a scenario cannot say; --raw FILE sends exact bytes") from error
    if running.asked(_read(saving, _text(saving, {"stage": str(Stage.ANSWERED)}, "", ())).scenario) != (_named(asked),):
        raise UsageError("--save: a scenario cannot say this request exactly; write the file by hand")
    return saving


def save(saving: Saving, route: Route) -> Saved:
    """Write the file. Raises UsageError if nothing of what was found is certain."""
    found = certain(route)
    if not found.expect:
        raise UsageError(f"nothing was saved, for nothing that was found is certain: {'; '.join(found.left_open)}")
    title = f"{_asked_words(saving)}: {telling.in_short((route,))}"
    text = _text(saving, found.expect, title, found.left_open)
    case = _read(saving, text)
    saving.path.write_text(text, "utf-8")
    name = saving.id if saving.path.parent == find_project().scenarios else _shown(saving.path)
    return Saved(_shown(saving.path), name, len(case.check_lines), found.left_open)


def secret_headers(asked: Asked) -> tuple[str, ...]:
    """Headers that may carry a secret into the file."""
    return tuple(name for name, _ in asked.headers if name.lower() in SECRET)


def _path(name: str) -> Path:
    path = Path(name).resolve() if name.endswith((".yaml", ".yml")) else find_project().scenarios / f"{name}.yaml"
    if not NAME.fullmatch(path.stem):
        raise UsageError(f"--save {name}: a name is wanted, lower case letters, digits and dashes, such as shop-orders")
    if path.exists():
        raise UsageError(f"--save {name}: {_shown(path)} is there already; take another name, or remove it first")
    if not path.parent.is_dir():
        raise UsageError(f"--save {name}: there is no folder {path.parent}")
    return path


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _asked_words(saving: Saving) -> str:
    request = saving.probe.get("request")
    if not isinstance(request, dict):
        return "exact bytes"
    return f"{request.get('method', 'GET')} {request['url']}"


def _text(saving: Saving, expect: Mapping[str, object], title: str, left_open: tuple[str, ...]) -> str:
    told = {"id": saving.id, "title": title or saving.id, "target": "running", "scope": dict(saving.scope)}
    probe = {**saving.probe, "expect": dict(expect)}
    remarks = [f"left open: {' '.join(each.split())}" for each in left_open]
    whole = {key: value for key, value in told.items() if value} | {"probes": {PROBE: probe}}
    return written(_head(saving), whole, {PROBE: remarks})


def _head(saving: Saving) -> Iterator[str]:
    if (saving.path.parent / "scenario.schema.json").exists():
        yield "yaml-language-server: $schema=scenario.schema.json"
    yield f"What `lab trace` found on {datetime.now(UTC):%Y-%m-%d} and was certain of: `lab run` tells whether it still holds."
    yield "Take away what may change. What was left open stands as a comment."


def _named(asked: Asked) -> Asked:
    return replace(asked, probe=PROBE)


def _read(saving: Saving, text: str) -> Case:
    """The file as its own loader takes it. Raises UsageError."""
    try:
        [case] = load(text, str(saving.path), load_catalogue(find_project().images), {})
    except ScenarioError as error:
        raise UsageError(f"--save: a scenario cannot say this request: {error.problems[0].text}") from error
    return case
