"""A variant changes the case of its server, and what its twins must be caught by; the twin's change comes after it."""

from __future__ import annotations

import json
from typing import Any

from lab.scenario import load
from tests.scenario.shop import CATALOGUE


def listens(port: int) -> list[dict[str, Any]]:
    return [{"on": f"0.0.0.0:{port}", "routes": [{"to": "127.0.0.1:9"}]}]


FILE: dict[str, Any] = {
    "id": "v",
    "title": "two servers that differ",
    "containers": {"web": {"server": {"each": ["haproxy", "nginx"]}, "listen": listens(80)}},
    "variants": {
        "nginx": {
            "containers": {"web": {"listen": listens(81)}},
            "probes": {"p": {"expect": {"status": 502}}},
            "twins": {"t": {"caught": {"p.status": "found 504"}}},
        }
    },
    "probes": {"p": {"request": {"url": "http://web/"}, "expect": {"status": 503}}},
    "twins": {
        "t": {"about": "x", "change": {"containers": {"web": {"listen": listens(82)}}}, "caught": {"p.status": "found 200"}}
    },
}


def test_a_variant_is_applied_before_the_twin_and_to_it() -> None:
    text = json.dumps(FILE, indent=1)
    cases = {case.id: case for case in load(text, "v.yaml", CATALOGUE, {})}
    assert {
        name: (
            case.scenario.containers["web"].listen[0].on,
            case.scenario.probes["p"].expect.status,
            case.scenario.twins["t"].caught["p.status"],
        )
        for name, case in cases.items()
    } == {
        "v.haproxy": ("0.0.0.0:80", 503, "found 200"),
        "v.haproxy~t": ("0.0.0.0:82", 503, "found 200"),
        "v.nginx": ("0.0.0.0:81", 502, "found 504"),
        "v.nginx~t": ("0.0.0.0:82", 502, "found 504"),
    }
    lines = text.splitlines()
    places = {name: dict(case.check_lines) for name, case in cases.items()}
    assert "503" in lines[places["v.haproxy"]["p.status"] - 1]
    assert "502" in lines[places["v.nginx"]["p.status"] - 1]
    assert "504" in lines[places["v.nginx~t"]["twin.p.status"] - 1]
