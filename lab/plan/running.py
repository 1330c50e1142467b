"""Probes of containers that run already: from a scenario to what `lab trace` is asked, and back.

Rule: what a scenario says here is what the command line can say, no more; so what `lab trace --save` wrote is asked again as
it was asked then. Weak spot: which addresses its names lead to is decided by the vantage's own resolver, each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.arrangement import split, url_target
from lab.model.asked import Asked, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.model.observations import Endpoint
    from lab.model.scenario import Exact, Probe, Request, Scenario


def asked(scenario: Scenario) -> tuple[Asked, ...]:
    """What is asked of the running containers, in the order of the file."""
    scope = Scope(scenario.scope.project, scenario.scope.containers)
    return tuple(_asked(name, probe, scope) for name, probe in scenario.probes.items())


def _asked(name: str, probe: Probe, scope: Scope) -> Asked:
    if probe.exact is not None:
        return _exact(name, probe, scope, probe.exact)
    if probe.request is None:
        raise ValueError(f"probe {name} has neither request nor exact")
    return _request(name, probe, scope, probe.request)


def _exact(name: str, probe: Probe, scope: Scope, exact: Exact) -> Asked:
    return Asked(
        connect=split(exact.connect_to), vantage=probe.from_, scope=scope, send=exact.send.encode("latin-1"), marked=False,
        timeout=exact.timeout, probe=name,
    )  # fmt: skip


def _request(name: str, probe: Probe, scope: Scope, request: Request) -> Asked:
    return Asked(
        connect=split(request.connect_to) if request.connect_to else url_target(request.url),
        url=request.url, vantage=probe.from_, scope=scope, method=request.method, headers=tuple(request.headers.items()),
        body=request.body.encode(), http=str(request.http or "auto"), proxy=split(request.proxy) if request.proxy else None,
        marked=request.marked, verify=request.verify, timeout=request.timeout, probe=name,
    )  # fmt: skip


def scope(asked: Asked) -> dict[str, object]:
    """The scope as a file says it; empty: everything."""
    named = {"project": asked.scope.project, "containers": list(asked.scope.containers)}
    return {key: value for key, value in named.items() if value}


def said(asked: Asked, files: Mapping[str, str]) -> dict[str, object]:
    """A probe as a file says it, without what is expected. `files`: paths of `ca`, `certificate`, `key`.

    Raises ValueError for what a file has no words for.
    """
    patience = {"timeout": asked.timeout} if asked.timeout != Asked(asked.connect).timeout else {}
    if asked.url is None:
        sent: dict[str, object] = {"connect_to": _address(asked.connect), "send": asked.send.decode("latin-1")}
        return {"from": asked.vantage, "exact": sent | patience}
    return {"from": asked.vantage, "request": {**dict(_said(asked)), **files, **patience}}


def _said(asked: Asked) -> Iterator[tuple[str, object]]:
    """What is not as it is when nothing is said."""
    usual = Asked(asked.connect)
    yield "url", asked.url
    if asked.method != usual.method:
        yield "method", asked.method
    if asked.headers:
        yield "headers", _headers(asked)
    if asked.body:
        yield "body", _text(asked.body)
    if asked.connect != url_target(asked.url or ""):
        yield "connect_to", _address(asked.connect)
    if asked.http != usual.http:
        yield "http", int(asked.http) if asked.http in ("2", "3") else asked.http
    if asked.proxy:
        yield "proxy", _address(asked.proxy)
    yield from ((name, False) for name in ("marked", "verify") if not getattr(asked, name))


def _headers(asked: Asked) -> dict[str, str]:
    found = dict(asked.headers)
    if len(found) < len(asked.headers):
        raise ValueError("a header stands twice")
    return found


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise ValueError("the body is no text") from None


def _address(end: Endpoint) -> str:
    host, port = end
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
