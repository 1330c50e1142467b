"""From a file's text to its cases: parsed, the choice of servers expanded, twins changed, validated, checked for meaning."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from lab.model.checks import checks_of, twin_checks
from lab.model.scenario import Case, Scenario
from lab.scenario.problems import Problem, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.model.catalogue import Catalogue


def schema() -> dict[str, object]:
    return Scenario.model_json_schema()


def siblings_of(text: str, file: str) -> tuple[str, ...]:
    data = _read("safe", text, file)
    found = []
    for container in data.get("containers", {}).values():
        if container.get("config"):
            found.append(container["config"])
        found += [one["source"] for one in container.get("files", {}).values() if "source" in one]
    return tuple(found)


def load(text: str, file: str, catalogue: Catalogue, siblings: Mapping[str, bytes]) -> tuple[Case, ...]:
    data = _read("rt", text, file)
    plain = json.loads(json.dumps(data))
    _known(plain, data, file, catalogue, siblings)
    cases = []
    for suffix, chosen in _expanded(plain):
        whole = _valid(chosen, file)
        cases.append(Case(whole.id + suffix, whole, None, file, _lines(data, checks_of(whole))))
        for twin in whole.twins:
            changed = merge(chosen, plain["twins"][twin]["change"])
            cases.append(
                Case(f"{whole.id}{suffix}~{twin}", _valid(changed, file), twin, file, _lines(data, twin_checks(whole, twin)))
            )
    return tuple(cases)


def _read(kind: str, text: str, file: str) -> Any:
    try:
        return YAML(typ=kind).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ScenarioError((Problem(file, line, column, str(error.problem)),)) from error


def _known(plain: Any, data: Any, file: str, catalogue: Catalogue, siblings: Mapping[str, bytes]) -> None:
    """Servers are in the catalogue, and files beside the scenario are there."""
    found = []
    for name, container in plain.get("containers", {}).items():
        at = _line(data, ("containers", name))
        server = container.get("server")
        unknown = [
            one for one in (server["each"] if isinstance(server, dict) else [server]) if one not in (*catalogue.servers, None)
        ]
        found += [Problem(file, at, 1, f"no server {one}; allowed: {', '.join(catalogue.servers)}") for one in unknown]
        if container.get("config") and container["config"] not in siblings:
            found.append(Problem(file, at, 1, f"no file {container['config']} beside the scenario"))
    if found:
        raise ScenarioError(tuple(found))


def _valid(data: Any, file: str) -> Scenario:
    try:
        return Scenario.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise ScenarioError(tuple(Problem(file, 1, 1, f"{e['loc']}: {e['msg']}") for e in error.errors())) from error


def _expanded(data: Any) -> Iterator[tuple[str, Any]]:
    axes = {n: c["server"]["each"] for n, c in data.get("containers", {}).items() if isinstance(c.get("server"), dict)}
    if not axes:
        yield "", data
    for choice in product(*axes.values()) if axes else ():
        change = {"containers": {name: {"server": server} for name, server in zip(axes, choice, strict=True)}}
        yield f".{'+'.join(choice)}", merge(data, change)


def merge(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _lines(data: Any, checks: Mapping[str, tuple[str | int, ...]]) -> tuple[tuple[str, int], ...]:
    return tuple((check, _line(data, path)) for check, path in checks.items())


def _line(data: Any, path: tuple[str | int, ...]) -> int:
    line = 0
    for step in path:
        try:
            line = data.lc.data[step][0]
            data = data[step]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line + 1
