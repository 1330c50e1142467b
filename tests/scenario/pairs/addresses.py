"""Addresses and ports; who can be reached from where."""

from __future__ import annotations

from tests.scenario.pairs.patches import Bad, Pair, all_steps, app, expect, order, request, route, steps

PAIRS: dict[str, Pair] = {
    "port": Pair(
        app(listen=[{"on": "127.0.0.1:65535"}, {"on": "127.0.0.1:3000"}]),
        [
            Bad(app(listen=[{"on": "127.0.0.1:65536"}, {"on": "127.0.0.1:3000"}]), "65536", "65536 is not a port"),
            Bad(route(to="127.0.0.1:0"), "0", "0 is not a port"),
            Bad({"listening": {"app": ["127.0.0.1:3000", "127.0.0.1:99999"]}}, "99999", "99999 is not a port"),
            Bad(request(connect_to="web:70000"), "70000", "70000 is not a port"),
            Bad(all_steps({"connect": {"to": "web:70000"}}), "70000", "70000 is not a port"),
        ],
    ),
    "socket-address": Pair(
        {"listening": {"app": ["127.0.0.1:3000", "[::1]:3000"]}},
        [
            Bad(app(listen=[{"on": "127.0.0.1:3000"}, {"on": "localhost:3001"}]), "localhost", "is not an IP address"),
            Bad({"listening": {"app": ["app:3000"]}}, "app", "is not an IP address"),
            Bad(expect(route=["proxy", {"to": "app", "local": "app:3000"}]), "app", "is not an IP address"),
        ],
    ),
    "url": Pair(
        request(url="https://shop.example:8443/?a=http://b"),
        [
            Bad(request(url="https://shop.example:99999/"), "https://shop.example:99999/", "Port out of range"),
            Bad(request(url="https://[::1/"), "https://[::1/", "no sensible host and port"),
            Bad(request(url="https:///orders"), "https:///orders", "has no host"),
            Bad(request(url="https://me@shop.example:8443/"), "https://me@shop.example:8443/", "no host, or more than"),
        ],
    ),
    "unreachable": Pair(
        request(url="https://10.0.1.26:8443/"),
        [
            Bad(request(url="https://shop.exampel:8443/"), "shop.exampel", "nothing that `client` can reach is called"),
            Bad(request(url="https://203.0.113.9:8443/"), "203.0.113.9", "no network of this scenario has the address"),
            Bad(request(connect_to="[2001:db8::1]:8443"), "2001:db8::1", "no network of this scenario has the address"),
            Bad(route(to="bakend:3000"), "bakend", "nothing that `web` can reach is called `bakend`"),
            Bad(route(to="192.168.7.7:3000"), "192.168.7.7", "no network of this scenario has the address"),
            Bad(
                {"networks": {"far": {}}, "namespaces": {"backend": {"networks": ["far"]}}} | route(to="backend:3000"),
                "backend",
                "`backend` stands on no network of `web`",
            ),
            Bad(
                order(**{"from": "host", "request": {"url": "https://10.0.1.25:8443/"}}), "10.0.1.25", "no namespace is called"
            ),
            Bad(app(database={"address": "postgres:5432"}), "postgres", "nothing that `web` can reach is called"),
            Bad(steps({"fill": "wep:8443"}), "wep", "nothing that `client` can reach is called"),
        ],
    ),
}
