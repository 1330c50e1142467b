"""What every server of the catalogue must be able to do, as arrangements made from its row alone, and what it must refuse.

Rule: one arrangement for each thing that the row claims, so a claim that does not hold is found out; and for what it does not
claim, the plan must say UNSUPPORTED. Weak spot: one listener each; several in one container are tried by scenarios.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lab.model.contract import Asked
from lab.model.scenario import Limits, Rate, Tls
from lab.plan.abilities import Unsupported, supported
from lab.plan.shapes import RenderDatabase, RenderListener, RenderRule, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.model.catalogue import Option, Server

SERVER, APP = "server", "app"
CLIENT_FACING, ELSEWHERE = "shop.example", "blog.example"
BODY = "7 bytes"
PATIENCE = 20.0
"""Seconds: Java needs some for its first handshake on a busy machine."""


def arrangements(row: Server) -> dict[str, dict[str, Any]]:
    """Scenario id -> scenario, one for each thing that the row claims."""
    return _of_application(row) if row.role == "application" else _of_proxy(row)


def _of_application(row: Server) -> dict[str, dict[str, Any]]:
    if row.speaks == "fastcgi":
        return {"serves-fastcgi": _behind(row)}
    if row.speaks == "runtime":
        return {"polls": _with_gateway(row, SERVER, "front", "function-gateway")}
    if row.worker:
        return {"gives-to-a-worker": _with_gateway(row, "worker", SERVER, row.name)}
    made = {}
    if Tls.NONE in row.tls:
        made["serves-clear"] = _alone(row, "0.0.0.0:8080", {}, "http")
    if Tls.ENDED in row.tls:
        made["ends-tls"] = _alone(row, "0.0.0.0:8443", {"tls": "ended", "names": [CLIENT_FACING]}, "https")
    if "alpn" in row.options:
        more = {"tls": "ended", "names": [CLIENT_FACING], "alpn": ALPN}
        made["speaks-h2"] = _over_two(_alone(row, "0.0.0.0:8443", more, "https"))
    if "h2c" in row.options:
        made["speaks-h2c"] = _over_two(_alone(row, "0.0.0.0:8080", {"h2c": True}, "http"))
    if "quic" in row.options:
        third: dict[str, Any] = {"tls": "ended", "names": [CLIENT_FACING], "quic": True}
        made["speaks-h3"] = _over_three(_alone(row, "0.0.0.0:8443", third, "https"))
    return made


ALPN = ["h2", "http/1.1"]


def _over_three(made: dict[str, Any]) -> dict[str, Any]:
    """The same, asked over HTTP/3; the server's hop is one of QUIC."""
    for probe in made["probes"].values():
        probe["request"]["http"] = 3
        probe["expect"]["route"][0]["protocol"] = "quic"
    return made


def _passing(row: Server) -> dict[str, Any]:
    """The server in front of Caddy, which ends QUIC."""
    behind = {"on": "0.0.0.0:8443", "tls": "ended", "quic": True, "names": [CLIENT_FACING], "routes": [{"to": f"{APP}:3000"}]}
    made = _before(row, {"tls": "passthrough"}, {"to": "proxy:8443"})
    made["namespaces"] |= {"proxy": {}}
    made["containers"][SERVER]["listen"][0] |= {"transport": "udp"}
    made["containers"]["proxy"] = {"namespace": "proxy", "server": "caddy", "listen": [behind]}
    made["containers"][APP] = _app("none", onwards=False)
    for probe in made["probes"].values():
        probe["request"]["http"] = 3
        route = [probe["expect"]["route"][0], {"to": "proxy", "tls": "ended"}, {"to": APP, "tls": "none"}]
        probe["expect"] |= {"route": route, "tls_ends_at": ["proxy"]}
    return made


def _over_two(made: dict[str, Any]) -> dict[str, Any]:
    """The same, asked by a client that speaks HTTP/2 alone."""
    for probe in made["probes"].values():
        probe["request"]["http"] = 2
    return made


def _alone(row: Server, on: str, tls: dict[str, Any], scheme: str) -> dict[str, Any]:
    ended = scheme == "https"
    hop = {"to": SERVER, **_listener_of(row, on), "tls": "ended" if ended else "none", **_process(row)}
    expect = {"route": [hop], "tls_ends_at": [SERVER] if ended else [], "answered_by": SERVER, **_GOOD}
    containers = {SERVER: {"namespace": "web", "server": row.name, "listen": [{"on": on, **tls}]}}
    return _scenario(row, {"web": {"names": [CLIENT_FACING]}}, containers, _probes(scheme, on, expect))


def _behind(row: Server) -> dict[str, Any]:
    """Behind nginx, which speaks FastCGI to it."""
    route = ["front", {"to": SERVER, "listener": "0.0.0.0:9000", "tls": "none", **_process(row)}]
    expect = {"route": route, "answered_by": SERVER, **_GOOD}
    rule = {"to": "web:9000", "fastcgi": "/opt/lab/handler.php"}
    containers = {
        "front": {"namespace": "edge", "server": "nginx", "listen": [{"on": "0.0.0.0:8080", "routes": [rule]}]},
        SERVER: {"namespace": "web", "server": row.name, "listen": [{"on": "0.0.0.0:9000"}]},
    }
    return _scenario(row, {"edge": {"names": [CLIENT_FACING]}, "web": {}}, containers, _probes("http", "0.0.0.0:8080", expect))


def _with_gateway(row: Server, worker: str, gateway: str, gateway_server: str) -> dict[str, Any]:
    """A gateway, and beside it in its namespace the worker that asks it for requests."""
    function = row.name if worker == SERVER else row.worker
    hops = [{"to": gateway, "listener": "0.0.0.0:8080"}, {"to": worker, "protocol": "polled", "tls": "none"}]
    hops[worker == SERVER] |= _process(row)
    expect = {"route": hops, "answered_by": worker, **_GOOD}
    containers = {
        gateway: {"namespace": "web", "server": gateway_server, "listen": [{"on": "0.0.0.0:8080"}]},
        worker: {"namespace": "web", "server": function},
    }
    return _scenario(row, {"web": {"names": [CLIENT_FACING]}}, containers, _probes("http", "0.0.0.0:8080", expect))


_GOOD = {"status": 200, "dispatched": True}


def _listener_of(row: Server, on: str) -> dict[str, str]:
    """The listener, where the kernel's table shows the one that was asked for."""
    return {} if row.dual_stack else {"listener": on}


def _process(row: Server) -> dict[str, str]:
    return {"process": row.process} if row.process else {}


def _probes(scheme: str, on: str, expect: dict[str, Any]) -> dict[str, Any]:
    url = f"{scheme}://{CLIENT_FACING}:{on.rpartition(':')[2]}"
    get = {"url": f"{url}/contract/get?a=b", "timeout": PATIENCE}
    post = {"url": f"{url}/contract/post", "method": "POST", "body": BODY, "timeout": PATIENCE}
    return {"get": {"request": get, "expect": expect}, "post": {"request": post, "expect": expect}}


def _scenario(row: Server, namespaces: dict[str, Any], containers: dict[str, Any], probes: dict[str, Any]) -> dict[str, Any]:
    title = f"the contract of {row.name}"
    return {"title": title, "about": title, "namespaces": namespaces, "containers": containers, "probes": probes}


def _of_proxy(row: Server) -> dict[str, dict[str, Any]]:
    """Where it can choose, it has two upstreams to choose from, and each probe says which one is right."""
    made = {}
    if Tls.NONE in row.tls:
        conditions = {"host": CLIENT_FACING, "path": "/contract/get"}
        made["forwards-clear"] = _choosing(row, {}, {key: value for key, value in conditions.items() if key in row.routes_by})
    if Tls.ENDED in row.tls:
        made["ends-tls"] = _choosing(row, {"tls": "ended"}, {"sni": CLIENT_FACING} if "sni" in row.routes_by else {})
    if Tls.ENDED in row.tls and row.begins_tls:
        again = {"to": "app.internal:3443", "upstream_tls": {"name": "app.internal"}}
        made["ends-and-begins-tls"] = _before(row, {"tls": "ended"}, again)
    if Tls.PASSTHROUGH in row.tls:
        made["passes-tls-through"] = _before(row, {"tls": "passthrough"}, {"to": f"{APP}:3443", "sni": CLIENT_FACING})
    if "alpn" in row.options:
        made["speaks-h2"] = _over_two(_before(row, {"tls": "ended", "alpn": ALPN}, {"to": f"{APP}:3000"}))
    if "h2c" in row.options:
        made["speaks-h2c"] = _over_two(_before(row, {"h2c": True}, {"to": f"{APP}:3000"}))
    if "quic" in row.options:
        made["speaks-h3"] = _over_three(_before(row, {"tls": "ended", "quic": True}, {"to": f"{APP}:3000"}))
    if "udp_passthrough" in row.options:
        made["passes-datagrams"] = _passing(row)
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
    route = [{"to": SERVER, **_listener_of(row, on), "tls": hops[0], **_process(row)}, {"to": APP, "tls": hops[1]}]
    expect = {"route": route, "tls_ends_at": ends, "answered_by": APP, **_GOOD}
    listen = {"on": on, "names": [CLIENT_FACING], "routes": list(rules), **tls}
    containers = {SERVER: {"namespace": "web", "server": row.name, "listen": [listen]}, APP: _app(mode, onwards=onwards)}
    namespaces = {"web": {"names": [CLIENT_FACING]}, APP: {"names": ["app.internal"]}}
    return _scenario(row, namespaces, containers, _probes(scheme, on, expect))


def _app(mode: str, *, onwards: bool) -> dict[str, Any]:
    names = [CLIENT_FACING] if mode == "passthrough" else ["app.internal"]
    tls = {"on": "0.0.0.0:3443", "tls": "ended", "names": names} if onwards or mode == "passthrough" else {"on": "0.0.0.0:3000"}
    return {"namespace": APP, "server": "app", "listen": [tls]}


def _choosing(row: Server, tls: dict[str, Any], conditions: dict[str, str]) -> dict[str, Any]:
    """One application for what meets the conditions and another for the rest, and a probe that misses each of them."""
    made = _before(row, tls, {"to": f"{APP}:3000", **conditions}, *([{"to": "other:3000"}] if conditions else []))
    if not conditions:
        return made
    made["containers"]["other"] = {"namespace": "other", "server": "app", "listen": [{"on": "0.0.0.0:3000"}]}
    made["namespaces"] |= {"other": {}, "web": {"names": [CLIENT_FACING, ELSEWHERE]}}
    made["containers"][SERVER]["listen"][0]["names"] = [CLIENT_FACING, ELSEWHERE]
    probes = made["probes"]
    rest = {**probes["get"]["expect"], "answered_by": "other", "route": [SERVER, "other"]}
    if "path" in conditions:
        probes["post"]["expect"] = rest
    if "host" in conditions or "sni" in conditions:
        url = probes["get"]["request"]["url"].replace(CLIENT_FACING, ELSEWHERE)
        probes["elsewhere"] = {"request": {"url": url, "timeout": PATIENCE}, "expect": rest}
    return made


# What is not claimed must be refused.

OF_LISTENER: Mapping[Option, dict[str, Any]] = {
    "udp": {"transport": "udp"},
    "udp_passthrough": {"transport": "udp", "tls": Tls.PASSTHROUGH},
    "quic": {"quic": True},
    "backlog": {"backlog": 16},
    "defer_accept": {"defer_accept": True},
    "reuse_port": {"reuse_port": True},
    "tls_version": {"tls_version": "1.2"},
    "early_data": {"early_data": True},
    "early_data_quic": {"early_data": True, "quic": True},
    "client_certificate": {"client_certificate": True},
    "proxy_protocol": {"proxy_protocol": True},
    "only_known_names": {"only_known_names": True},
    "deny": {"deny": ("/private",)},
    "rate": {"rate": Rate(requests=1)},
    "alpn": {"alpn": ("h2", "http/1.1")},
    "h2_alone": {"alpn": ("h2",)},
    "h2_second": {"alpn": ("http/1.1", "h2")},
    "h2c": {"h2c": True},
}
OF_RULE: Mapping[Option, tuple[Tls, dict[str, Any]]] = {
    "send_proxy": (Tls.ENDED, {"send_proxy": True}),
    "send_proxy_passthrough": (Tls.PASSTHROUGH, {"send_proxy": True}),
    "fastcgi": (Tls.NONE, {"fastcgi": "/index.php"}),
    "h2_upstream": (Tls.ENDED, {"h2": True, "upstream_tls": CLIENT_FACING}),
    "h2c_upstream": (Tls.ENDED, {"h2": True}),
}
OF_CONTAINER: Mapping[Option, Settings] = {
    "workers": Settings(workers=2),
    "head_bytes": Settings(limits=Limits(head_bytes=4096)),
    "body_bytes": Settings(limits=Limits(body_bytes=4096)),
    "head_seconds": Settings(limits=Limits(head_seconds=2)),
    "body_seconds": Settings(limits=Limits(body_seconds=2)),
    "database": Settings(database=RenderDatabase("db", 5432)),
}
"""Option -> a value that asks for it."""


def asked(row: Server) -> tuple[Asked, ...]:
    """Everything that can be asked and is not claimed, and what the plan says to it."""
    return tuple(_ask(row, what, listeners, settings) for what, listeners, settings in _unclaimed(row))


def _ask(row: Server, what: str, listeners: tuple[RenderListener, ...], settings: Settings) -> Asked:
    try:
        supported(row, listeners, settings)
    except Unsupported as refusal:
        return Asked(what, str(refusal))
    return Asked(what, None)


def _unclaimed(row: Server) -> Iterator[tuple[str, tuple[RenderListener, ...], Settings]]:
    """In words, and the listeners and settings that ask for it."""
    base = _listener(next(iter(row.tls)), *([_rule(next(iter(row.tls)))] if row.role == "proxy" else []))
    for what, listener in (*_unclaimed_ways(row, base), *_unclaimed_options(row, base)):
        yield what, (listener,), Settings()
    for option, settings in OF_CONTAINER.items():
        if option not in row.options:
            yield option, (base,), settings
    bound = row.bounds.get("listeners")
    if bound and bound.most is not None:
        more = bound.most + 1
        yield f"{more} listeners", (base,) * more, Settings()


def _unclaimed_ways(row: Server, base: RenderListener) -> Iterator[tuple[str, RenderListener]]:
    for mode in Tls:
        if mode not in row.tls:
            yield f"tls: {mode}", replace(base, tls=mode)
    if row.role != "proxy":
        yield "routes", replace(base, rules=(_rule(base.tls),))
        return
    for name, field in (("sni", "sni"), ("host", "http_host"), ("path", "path")):
        if name not in row.routes_by:
            yield f"routes by {name}", replace(base, rules=(_rule(base.tls, **{field: CLIENT_FACING}),))
    if not row.begins_tls:
        yield "upstream_tls", replace(base, rules=(_rule(base.tls, upstream_tls=CLIENT_FACING),))


def _unclaimed_options(row: Server, base: RenderListener) -> Iterator[tuple[str, RenderListener]]:
    for option, change in OF_LISTENER.items():
        if option not in row.options:
            yield option, replace(base, **change)
    for option, (mode, change) in OF_RULE.items():
        if option not in row.options and mode in row.tls and row.role == "proxy":
            yield option, replace(base, tls=mode, rules=(replace(_rule(mode), **change),))


def _rule(tls: Tls, **conditions: str) -> RenderRule:
    rest: dict[str, Any] = {"sni": None, "http_host": None, "path": None, "upstream_tls": None} | conditions
    return RenderRule(host=APP, port=3000, tls=tls, **rest)


def _listener(tls: Tls, *rules: RenderRule) -> RenderListener:
    leaf = "8443" if tls is Tls.ENDED else None
    return RenderListener("0.0.0.0", 8443, tls, leaf, (CLIENT_FACING,), rules, ipv6=False)  # noqa: S104 - rendered, not bound
