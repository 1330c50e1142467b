"""A small scenario that is right, and what is wrong with one that was made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.engine.catalogue import load_catalogue
from lab.scenario import Problem, ScenarioError, load, siblings_of

ROOT = Path(__file__).parents[2]
WHOLE = load_catalogue(ROOT / "images")
CATALOGUE = WHOLE.model_copy(
    update={
        "servers": {
            n: row
            for n, row in WHOLE.servers.items()
            if row.role == "agent" or n in ("app", "base", "envoy", "haproxy", "nginx")
        }
    }
)
"""These servers alone, so that a new one changes no text that lists what is allowed."""
SIBLINGS = {"files/nginx.conf": b"events {}\n", "files/page.html": b"<p>\n"}

SHOP: dict[str, Any] = {
    "id": "shop",
    "title": "nginx ends TLS before the application",
    "networks": {"lan": {"subnet": "10.0.1.0/24"}},
    "namespaces": {
        "web": {"networks": {"lan": {"address": "10.0.1.25"}}, "names": ["shop.example"], "publish": [{"port": 8443}]},
        "backend": {},
    },
    "containers": {
        "proxy": {
            "namespace": "web",
            "server": "nginx",
            "listen": [
                {"on": "0.0.0.0:8443", "tls": "ended", "names": ["shop.example"], "routes": [{"to": "127.0.0.1:3000"}]},
            ],
        },
        "app": {"namespace": "web", "server": "app", "listen": [{"on": "127.0.0.1:3000"}]},
    },
    "probes": {
        "order": {
            "request": {"url": "https://shop.example:8443/orders"},
            "expect": {"route": ["proxy", "app"], "tls_ends_at": ["proxy"], "certificate": "proxy", "clear_on": [2]},
        }
    },
    "listening": {"app": ["127.0.0.1:3000"]},
    "twins": {
        "other-port": {
            "about": "the application listens elsewhere",
            "change": {"containers": {"app": {"listen": [{"on": "127.0.0.1:3001"}]}}},
            "caught": {"order.route": "found proxy → nobody", "listening.app": "found 127.0.0.1:3001"},
        }
    },
}


NULL = "<null>"
"""A null that stands in the file; None takes away."""


def changed(patch: dict[str, Any], whole: dict[str, Any] = SHOP) -> dict[str, Any]:
    """The scenario with a patch, in which None takes away."""
    made = dict(whole)
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, dict):
            made[key] = changed(value, made[key] if isinstance(made.get(key), dict) else {})
        else:
            made[key] = value
    return made


def text_of(patch: dict[str, Any]) -> str:
    """The changed scenario as text: JSON is YAML."""
    return json.dumps(changed(patch), indent=1, ensure_ascii=False).replace(f'"{NULL}"', "null")


def problems(text: str, file: str = "shop.yaml") -> tuple[Problem, ...]:
    """All mistakes of a text."""
    try:
        siblings = {name: SIBLINGS[name] for name in siblings_of(text, file) if name in SIBLINGS}
        load(text, file, CATALOGUE, siblings)
    except ScenarioError as error:
        return error.problems
    return ()


def under(problem: Problem) -> str:
    """What of the line is underlined."""
    return problem.source[problem.column - 1 : problem.column - 1 + problem.width]
