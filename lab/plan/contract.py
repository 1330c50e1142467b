"""What every server of the catalogue must be able to do, as arrangements made from its row alone, and what it must refuse.

Rule: one arrangement for each thing that the row claims, so a claim that does not hold is found out; and for what it does not
claim, the plan must say UNSUPPORTED. Weak spot: one listener each; several in one container are tried by scenarios.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.model.contract import Asked
from lab.model.scenario import Tls
from lab.plan.render import RenderListener, RenderRule, Unsupported, render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.catalogue import Server

SERVER, APP, CLIENT_FACING = "server", "app", "shop.example"
BODY = "7 bytes"


def arrangements(row: Server) -> dict[str, dict[str, Any]]:
    """Scenario id -> scenario, one for each thing that the row claims."""
    return _of_application(row) if row.role == "application" else _of_proxy(row)


def _of_application(row: Server) -> dict[str, dict[str, Any]]:
    made = {}
    if Tls.NONE in row.tls:
        made["serves-clear"] = _alone(row, "0.0.0.0:8080", {}, "http")
    if Tls.ENDED in row.tls:
        made["ends-tls"] = _alone(row, "0.0.0.0:8443", {"tls": "ended", "names": [CLIENT_FACING]}, "https")
    return made


def _alone(row: Server, on: str, tls: dict[str, Any], scheme: str) -> dict[str, Any]:
    ended = scheme == "https"
    hop = {"to": SERVER, "listener": on, "tls": "ended" if ended else "none", **_process(row)}
    expect = {"route": [hop], "tls_ends_at": [SERVER] if ended else [], "answered_by": SERVER, **_GOOD}
    containers = {SERVER: {"namespace": "web", "server": row.name, "listen": [{"on": on, **tls}]}}
    return _scenario(row, {"web": {"names": [CLIENT_FACING]}}, containers, _probes(scheme, on, expect))


_GOOD = {"status": 200, "dispatched": True}


def _process(row: Server) -> dict[str, str]:
    return {"process": row.process} if row.process else {}


def _probes(scheme: str, on: str, expect: dict[str, Any]) -> dict[str, Any]:
    url = f"{scheme}://{CLIENT_FACING}:{on.rpartition(':')[2]}"
    return {
        "get": {"request": {"url": f"{url}/contract/get?a=b"}, "expect": expect},
        "post": {"request": {"url": f"{url}/contract/post", "method": "POST", "body": BODY}, "expect": expect},
    }


def _scenario(row: Server, namespaces: dict[str, Any], containers: dict[str, Any], probes: dict[str, Any]) -> dict[str, Any]:
    title = f"the contract of {row.name}"
    return {"title": title, "about": title, "namespaces": namespaces, "containers": containers, "probes": probes}


def _of_proxy(row: Server) -> dict[str, dict[str, Any]]:
    clear = {"to": f"{APP}:3000"}
    made = {}
    if Tls.NONE in row.tls:
        made["forwards-clear"] = _before(row, {}, clear)
    if Tls.ENDED in row.tls:
        made["ends-tls"] = _before(row, {"tls": "ended"}, clear)
    if Tls.ENDED in row.tls and row.begins_tls:
        made["ends-and-begins-tls"] = _before(
            row, {"tls": "ended"}, {"to": f"{APP}:3443", "upstream_tls": {"name": "app.internal"}}
        )
    if Tls.PASSTHROUGH in row.tls:
        made["passes-tls-through"] = _before(row, {"tls": "passthrough"}, {"to": f"{APP}:3443", "sni": CLIENT_FACING})
    if "path" in row.routes_by:
        made["routes-by-path"] = _chosen(row, {}, {"path": "/contract/get"})
    if "host" in row.routes_by:
        made["routes-by-host"] = _chosen(row, {}, {"host": CLIENT_FACING})
    if "sni" in row.routes_by and Tls.ENDED in row.tls:
        made["routes-by-sni"] = _chosen(row, {"tls": "ended"}, {"sni": CLIENT_FACING})
    return made


def _before(row: Server, tls: dict[str, Any], *rules: dict[str, Any]) -> dict[str, Any]:
    """The server in front of the lab's application."""
    mode = tls.get("tls", "none")
    onwards = "upstream_tls" in rules[0]
    if mode == "passthrough":
        ends, hops = [APP], ("passed through", "ended")
    elif onwards:
        ends, hops = [SERVER, APP], ("ended", "ended")
    else:
        ends, hops = ([SERVER] if mode == "ended" else []), (mode, "none")
    scheme, on = ("http", "0.0.0.0:8080") if mode == "none" else ("https", "0.0.0.0:8443")
    route = [{"to": SERVER, "listener": on, "tls": hops[0], **_process(row)}, {"to": APP, "tls": hops[1]}]
    expect = {"route": route, "tls_ends_at": ends, "answered_by": APP, **_GOOD}
    listen = {"on": on, "names": [CLIENT_FACING], "routes": list(rules), **tls}
    containers = {SERVER: {"namespace": "web", "server": row.name, "listen": [listen]}, APP: _app(mode, onwards=onwards)}
    namespaces = {"web": {"names": [CLIENT_FACING]}, APP: {"names": ["app.internal"]}}
    return _scenario(row, namespaces, containers, _probes(scheme, on, expect))


def _app(mode: str, *, onwards: bool) -> dict[str, Any]:
    names = [CLIENT_FACING] if mode == "passthrough" else ["app.internal"]
    tls = {"on": "0.0.0.0:3443", "tls": "ended", "names": names} if onwards or mode == "passthrough" else {"on": "0.0.0.0:3000"}
    return {"namespace": APP, "server": "app", "listen": [tls]}


def _chosen(row: Server, tls: dict[str, Any], condition: dict[str, str]) -> dict[str, Any]:
    """Two applications, and a condition that says which gets the request; both ways are tried."""
    made = _before(row, tls, {"to": f"{APP}:3000", **condition}, {"to": "other:3000"})
    made["containers"]["other"] = {"namespace": "other", "server": "app", "listen": [{"on": "0.0.0.0:3000"}]}
    made["namespaces"] |= {"other": {}}
    made["namespaces"]["web"] = {"names": [CLIENT_FACING, "blog.example"]}
    made["containers"][SERVER]["listen"][0]["names"] = [CLIENT_FACING, "blog.example"]
    probes = made["probes"]
    elsewhere = {**probes["get"]["expect"], "answered_by": "other", "route": [SERVER, "other"]}
    if "path" in condition:
        probes["post"]["expect"] = elsewhere
    else:
        url = probes["get"]["request"]["url"].replace(CLIENT_FACING, "blog.example")
        probes["post"] = {"request": {"url": url}, "expect": elsewhere}
    return made


# What is not claimed must be refused.


def asked(row: Server, template: str) -> tuple[Asked, ...]:
    """Everything that can be asked and is not claimed; where all is claimed, one claim is taken away first."""
    found = tuple(_ask(row, template, what, listener) for what, listener in _unclaimed(row))
    if found:
        return found
    less = row.model_copy(update={"begins_tls": False})
    return tuple(_ask(less, template, f"{what}, had it no such claim", listener) for what, listener in _unclaimed(less))


def _ask(row: Server, template: str, what: str, listener: RenderListener) -> Asked:
    try:
        render(row, template, (listener,))
    except Unsupported as refusal:
        return Asked(what, str(refusal))
    return Asked(what, None)


def _unclaimed(row: Server) -> Iterator[tuple[str, RenderListener]]:
    """In words, and a listener that asks for it."""
    base = next(iter(row.tls))
    for mode in Tls:
        if mode not in row.tls:
            yield f"tls: {mode}", _listener(mode, _rule(mode))
    if row.role != "proxy":
        yield "routes", _listener(base, _rule(base))
        return
    for name, field in (("sni", "sni"), ("host", "http_host"), ("path", "path")):
        if name not in row.routes_by:
            mode = Tls.ENDED if name == "sni" else base
            value = "/a" if name == "path" else CLIENT_FACING
            yield f"routes by {name}", _listener(mode, _rule(mode, **{field: value}))
    if not row.begins_tls:
        yield "upstream_tls", _listener(base, _rule(base, upstream_tls=CLIENT_FACING))


def _rule(tls: Tls, **conditions: str) -> RenderRule:
    rest: dict[str, Any] = {"sni": None, "http_host": None, "path": None, "upstream_tls": None} | conditions
    return RenderRule(host=APP, port=3000, tls=tls, **rest)


def _listener(tls: Tls, *rules: RenderRule) -> RenderListener:
    leaf = "8443" if tls is Tls.ENDED else None
    return RenderListener("0.0.0.0", 8443, tls, leaf, (CLIENT_FACING,), rules, ipv6=False)  # noqa: S104 - rendered, not bound
