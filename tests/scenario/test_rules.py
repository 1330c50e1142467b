"""Every rule of meaning beside a scenario that keeps it and ones that break it; each mistake is told once, at its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.scenario.meaning import FILE_RULES, RULES
from tests.scenario.shop import NULL, problems, text_of, under


@dataclass(frozen=True)
class Bad:
    patch: dict[str, Any]
    under: str
    says: str
    also: tuple[str, ...] = ()
    """Other rules that this breaks too."""


@dataclass(frozen=True)
class Pair:
    good: dict[str, Any]
    bad: list[Bad] = field(default_factory=list)


def app(**change: Any) -> dict[str, Any]:
    return {"containers": {"app": change}}


def proxy(**change: Any) -> dict[str, Any]:
    return {"containers": {"proxy": change}}


def listens(*listen: dict[str, Any], container: str = "proxy") -> dict[str, Any]:
    return {"containers": {container: {"listen": list(listen)}}}


def route(tls: str = "ended", **rule: Any) -> dict[str, Any]:
    return listens({"on": "0.0.0.0:8443", "tls": tls, "routes": [{"to": "127.0.0.1:3000", **rule}]}) | QUIET


def order(**change: Any) -> dict[str, Any]:
    return {"probes": {"order": change}}


def request(**change: Any) -> dict[str, Any]:
    return order(request=change)


def expect(**change: Any) -> dict[str, Any]:
    return order(expect=change)


def twin(change: dict[str, Any] | None = None, **caught: str) -> dict[str, Any]:
    words = {key.replace("__", "."): word for key, word in caught.items()}
    return {"twins": {"other-port": {"change": change or {}, "caught": words}}}


def web(**change: Any) -> dict[str, Any]:
    return {"namespaces": {"web": change}}


QUIET: dict[str, Any] = {"probes": None, "listening": None, "twins": None}
"""Without expectations, where something else is the point."""

STEP = {"connect": "web:8443"}

ENDED_H2C = {"on": "0.0.0.0:8443", "tls": "ended", "h2c": True, "routes": [{"to": "127.0.0.1:3000"}]}


def steps(*more: dict[str, Any]) -> dict[str, Any]:
    return all_steps(STEP, *more)


def all_steps(*steps: dict[str, Any]) -> dict[str, Any]:
    return order(request=None, steps=list(steps), expect=None) | {"twins": None}


OPEN = {"streams": [{"name": "a", "end": False}]}


def exact(**more: Any) -> dict[str, Any]:
    return order(request=None, expect=None, exact={"connect_to": "web:8443", **more}) | {"twins": None}


def runs(probe: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A scenario of containers that run already; what it has of the shop is its probe."""
    arranged: dict[str, Any] = {"networks": None, "namespaces": None, "containers": None, "listening": None, "twins": None}
    asked = {"order": {"from": "host", "expect": {"certificate": None}, **(probe or {})}}
    return {"target": "running", **arranged, "probes": asked, **more}


PAIRS: dict[str, Pair] = {
    "undefined": Pair(
        expect(answered_by="nobody", stopped_by="kernel of web", receiver="host"),
        [
            Bad(app(namespace="wep"), "wep", "no namespace is called `wep`"),
            Bad(web(networks=["lam"]), "lam", "no network is called `lam`"),
            Bad(web(networks={"lan": None, "lam": {}}), "lam", "no network is called `lam`"),
            Bad(order(**{"from": "wep"}), "wep", "no namespace is called `wep`"),
            Bad(order(**{"from": "proxy"}), "proxy", "no namespace is called `proxy`"),
            Bad(expect(route=["proxy", "ap"]), "ap", "no container is called `ap`"),
            Bad(expect(route=["proxy", {"to": "ap"}]), "ap", "no container is called `ap`"),
            Bad(expect(answered_by="ap"), "ap", "no container is called `ap`"),
            Bad(expect(receiver="web"), "web", "no container is called `web`"),
            Bad(expect(tls_ends_at=["nowhere"]), "nowhere", "no container is called `nowhere`"),
            Bad(expect(certificate="prox"), "prox", "no container is called `prox`"),
            Bad(expect(stopped_by="web"), "web", "no component is called `web`"),
            Bad(expect(stopped_by="kernel of wep"), "kernel of wep", "no component is called `kernel of wep`"),
            Bad({"listening": {"ap": ["127.0.0.1:3000"]}}, '"ap"', "no container is called `ap`"),
            Bad(steps({"freeze": "ap"}), "ap", "no container is called `ap`"),
            Bad(steps({"kill": {"container": "ap"}}), "ap", "no container is called `ap`"),
            Bad(steps({"link": {"into": "wep"}}), "wep", "no namespace is called `wep`"),
            Bad(steps({"look": "now", "expect": {"receiver": "ap"}}), "ap", "no container is called `ap`"),
        ],
    ),
    "port": Pair(
        app(listen=[{"on": "127.0.0.1:65535"}, {"on": "127.0.0.1:3000"}]),
        [
            Bad(app(listen=[{"on": "127.0.0.1:65536"}, {"on": "127.0.0.1:3000"}]), "65536", "65536 is not a port"),
            Bad(route(to="127.0.0.1:0"), "0", "0 is not a port"),
            Bad({"listening": {"app": ["127.0.0.1:3000", "127.0.0.1:99999"]}}, "99999", "99999 is not a port"),
            Bad(request(connect_to="web:70000"), "70000", "70000 is not a port"),
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
    "subnet": Pair(
        {"networks": {"doc": {"subnet": "203.0.113.0/29"}}, "namespaces": {"backend": {"networks": ["lan"]}}},
        [
            Bad({"networks": {"lan": {"subnet": "10.0.1.25/24"}}}, "10.0.1.25/24", "is not an IPv4 subnet"),
            Bad({"networks": {"lan": {"subnet": "lan"}}}, "lan", "is not an IPv4 subnet"),
            Bad({"networks": {"lan": {"subnet": "fd00::/64"}}}, "fd00::/64", "is not an IPv4 subnet"),
            Bad({"networks": {"lan": {"subnet": "8.8.8.0/24"}}}, "8.8.8.0/24", "belongs to others"),
            Bad({"networks": {"lan": {"subnet": "127.0.0.0/8"}}}, "127.0.0.0/8", "belongs to others"),
            Bad({"networks": {"lan": {"subnet": "0.0.0.0/0"}}}, "0.0.0.0/0", "belongs to others"),
            Bad({"networks": {"lan": {"subnet": "10.0.1.24/30"}}}, "10.0.1.24/30", "no room"),
        ],
    ),
    "subnets-overlap": Pair(
        {"networks": {"other": {"subnet": "10.0.2.0/24"}}, "namespaces": {"backend": {"networks": ["other"]}}},
        [
            Bad(
                {"networks": {"other": {"subnet": "10.0.0.0/16"}}, "namespaces": {"backend": {"networks": ["other"]}}},
                "10.0.0.0/16",
                "10.0.0.0/16 overlaps 10.0.1.0/24",
            )
        ],
    ),
    "subnet-room": Pair(
        {"networks": {"lan": {"subnet": "10.0.1.24/29"}}, "namespaces": {"web": {"networks": ["lan"]}}},
        [
            Bad(
                {
                    "networks": {"lan": {"subnet": "10.0.1.24/29"}},
                    "namespaces": {"web": {"networks": ["lan"]}, **{f"n{number}": {} for number in range(4)}},
                },
                "10.0.1.24/29",
                "has room for 5 namespaces, and 7 stand on it",
            )
        ],
    ),
    "fixed-address": Pair(
        {"namespaces": {"backend": {"networks": {"lan": {"address": "10.0.1.26"}}}}},
        [
            Bad(web(networks={"lan": {"address": "10.0.2.25"}}), "10.0.2.25", "is not in 10.0.1.0/24"),
            Bad(web(networks={"lan": {"address": "10.0.1.1"}}), "10.0.1.1", "the gateway's address"),
            Bad(web(networks={"lan": {"address": "10.0.1.0"}}), "10.0.1.0", "the address of the network itself"),
            Bad(web(networks={"lan": {"address": "10.0.1.255"}}), "10.0.1.255", "the broadcast address"),
            Bad(web(networks={"lan": {"address": "ten"}}), "ten", "is not an IPv4 address"),
            Bad({"networks": {"lan": {"subnet": None}}}, "10.0.1.25", "has no fixed subnet"),
            Bad({"namespaces": {"backend": {"networks": {"lan": {"address": "10.0.1.25"}}}}}, "10.0.1.25", "of `web` already"),
        ],
    ),
    "which-network": Pair(
        {"networks": {"far": {}}, "namespaces": {"backend": {"networks": ["lan", "far"]}}},
        [Bad({"networks": {"far": {}}}, '"backend"', "there are several networks")],
    ),
    "listed-twice": Pair(
        web(names=["shop.example", "blog.example"]),
        [
            Bad(web(names=["shop.example", "shop.example"]), "shop.example", "stands here twice"),
            Bad(web(networks=["lan", "lan"]), "lan", "stands here twice"),
            Bad({"listening": {"app": ["127.0.0.1:3000", "127.0.0.1:3000"]}}, "127.0.0.1:3000", "stands here twice"),
        ],
    ),
    "ambiguous-name": Pair(
        {
            "networks": {"far": {}},
            "namespaces": {"backend": {"networks": ["far"], "names": ["shop.example"]}},
            "probes": {"order": {"from": "web"}},
        },
        [
            Bad({"namespaces": {"backend": {"names": ["shop.example"]}}}, "shop.example", "leads to two namespaces"),
            Bad({"namespaces": {"app": {}}}, '"app"', "leads to two namespaces"),
        ],
    ),
    "port-taken": Pair(
        app(listen=[{"on": "127.0.0.1:3000"}, {"on": "127.0.0.2:3000"}, {"on": "[::1]:3000"}]),
        [
            Bad(app(listen=[{"on": "127.0.0.1:3000"}, {"on": "127.0.0.1:3000"}]), "127.0.0.1:3000", "held by a listener above"),
            Bad(
                app(listen=[{"on": "127.0.0.1:3000"}, {"on": "127.0.0.1:8443"}]), "127.0.0.1:8443", "held on 0.0.0.0 by `proxy`"
            ),
            Bad(app(listen=[{"on": "127.0.0.1:3000"}, {"on": "0.0.0.0:3000"}]), "0.0.0.0:3000", "held on 127.0.0.1"),
        ],
    ),
    "address-absent": Pair(
        app(listen=[{"on": "127.0.0.1:3000"}, {"on": "10.0.1.25:8080"}]),
        [
            Bad(app(listen=[{"on": "127.0.0.1:3000"}, {"on": "10.0.1.26:8080"}]), "10.0.1.26", "does not have the address"),
            Bad(app(listen=[{"on": "127.0.0.1:3000"}, {"on": "[fd00::1]:8080"}]), "fd00::1", "does not have the address"),
        ],
    ),
    "route-blind": Pair(
        route(tls="passthrough", sni="shop.example"),
        [
            Bad(route(tls="passthrough", host="shop.example"), '"host"', "the request's host cannot be seen"),
            Bad(route(tls="passthrough", path="/orders"), '"path"', "the request's path cannot be seen"),
            Bad(route(tls="passthrough", upstream_tls={"name": "a"}), '"upstream_tls"', "cannot be begun again"),
            Bad(route(tls="passthrough", http=2), '"http"', "choose the protocol between them"),
            Bad(route(sni="a", path="/a", tls="none"), '"sni"', "there is no ClientHello"),
            Bad(
                listens({"on": "0.0.0.0:8443", "tls": "ended", "routes": [{"to": "127.0.0.1:1", "tls": "passthrough"}]})
                | QUIET,
                '"tls"',
                "needs `sni`",
            ),
            Bad(
                listens({"on": "0.0.0.0:8443", "routes": [{"to": "127.0.0.1:1", "tls": "ended"}]}) | QUIET,
                '"tls"',
                "there is no ClientHello",
            ),
        ],
    ),
    "fastcgi": Pair(
        route(fastcgi="/srv/index.php"),
        [
            Bad(route(fastcgi="/srv/index.php", upstream_tls={"name": "a"}), '"upstream_tls"', "spoken in clear"),
            Bad(route(fastcgi="/srv/index.php", send_proxy=True), '"send_proxy"', "without a PROXY line"),
            Bad(route(fastcgi="/srv/index.php", http=2), '"http"', "in place of HTTP"),
            Bad(route(tls="passthrough", fastcgi="/srv/index.php"), '"fastcgi"', "no request to put into FastCGI"),
        ],
    ),
    "pointless": Pair(
        listens(
            {"on": "0.0.0.0:8443", "tls": "ended", "client_certificate": True, "deny": ["/a"], "routes": [{"to": "app:3000"}]}
        ),
        [
            Bad(
                listens({"on": "0.0.0.0:8443", "client_certificate": True, "routes": [{"to": "app:3000"}]}) | QUIET,
                '"client_certificate"',
                "finishes no TLS handshake",
            ),
            Bad(
                listens({"on": "0.0.0.0:8443", "alpn": ["h2"], "routes": [{"to": "app:3000"}]}) | QUIET,
                '"alpn"',
                "finishes no TLS handshake",
            ),
            Bad(
                listens({"on": "0.0.0.0:8443", "tls": "passthrough", "deny": ["/a"], "routes": [{"to": "app:3000"}]}) | QUIET,
                '"deny"',
                "reads no request",
            ),
        ],
    ),
    "clear-only": Pair(
        app(listen=[{"on": "127.0.0.1:3001", "h2c": False}, {"on": "127.0.0.1:3000"}]),
        [Bad(route() | {"containers": {"proxy": {"listen": [ENDED_H2C]}}}, '"h2c"', "is HTTP/2 in clear")],
    ),
    "datagrams": Pair(
        app(listen=[{"on": "127.0.0.1:3000"}, {"on": "0.0.0.0:5353", "transport": "udp"}]),
        [
            Bad(
                app(listen=[{"on": "127.0.0.1:3000"}, {"on": "0.0.0.0:5353", "transport": "udp", "tls": "ended"}]),
                '"tls"',
                "no connections",
            ),
            Bad(
                listens({"on": "0.0.0.0:8443", "transport": "udp", "routes": [{"to": "app:3000"}]}) | QUIET,
                '"routes"',
                "no connections",
            ),
            Bad(
                listens({"on": "0.0.0.0:8443", "transport": "udp", "tls": "passthrough", "routes": [{"to": "app:3000"}] * 2})
                | QUIET,
                '"tls"',
                "to one upstream",
            ),
        ],
    ),
    "refused-name": Pair(
        listens(
            {
                "on": "0.0.0.0:8443",
                "tls": "ended",
                "only_known_names": True,
                "routes": [{"to": "app:3000", "sni": "shop.example"}],
            }
        ),
        [
            Bad(
                listens(
                    {
                        "on": "0.0.0.0:8443",
                        "tls": "ended",
                        "only_known_names": True,
                        "routes": [{"to": "app:3000", "sni": "shop.exampel"}],
                    }
                ),
                "shop.exampel",
                "is not on this listener's certificate",
            )
        ],
    ),
    "no-routes": Pair(
        {"containers": {"proxy": {"server": "app", "listen": [{"on": "0.0.0.0:8443", "tls": "ended"}]}}},
        [Bad(listens({"on": "0.0.0.0:8443", "tls": "ended"}), "{", "answers nothing itself")],
    ),
    "server": Pair(
        app(server="base", command=["sleep", "9"]),
        [
            Bad(app(server="ap"), "ap", "is no server of the lab"),
            Bad(app(server="recorder"), "recorder", "is the lab's own"),
        ],
    ),
    "server-or-image": Pair(
        app(server=None, image="lab/base:trixie"),
        [
            Bad(app(image="lab/base:trixie"), '"image"', "has `server` and `image`"),
            Bad(app(server=None), '"app"', "has neither"),
        ],
    ),
    "image": Pair(
        app(server=None, image="docker.io/library/httpd:2.4"),
        [
            Bad(app(server=None, image=""), '""', "not the name of an image"),
            Bad(app(server=None, image="a b"), "a b", "not the name"),
        ],
    ),
    "no-listener": Pair(
        app(listen=[], config="files/nginx.conf"),
        [Bad(app(listen=[]) | QUIET, '"app"', "has no listener")],
    ),
    "config": Pair(
        proxy(config="files/nginx.conf"),
        [
            Bad(proxy(config="files/nginx.cnf"), "files/nginx.cnf", "there is no file"),
            Bad(proxy(config="../nginx.conf"), "../nginx.conf", "does not stay in"),
            Bad(proxy(config="/etc/passwd"), "/etc/passwd", "does not stay in"),
            Bad(app(server=None, image="x", config="files/nginx.conf"), '"config"', "is for a server of the lab"),
            Bad(app(server="base", config="files/nginx.conf"), '"config"', "is for a server of the lab"),
        ],
    ),
    "files": Pair(
        app(files={"/srv/page.html": {"source": "files/page.html"}, "/etc/lab/more.json": {"content": ""}}),
        [
            Bad(app(files={"/srv/a": {"source": "files/b"}}), "files/b", "there is no file"),
            Bad(app(files={"/srv/a": {"source": "a\0b"}}), "a\\u0000b", "does not stay in"),
            Bad(app(files={"/srv/a": {}}), '"/srv/a"', "has neither"),
            Bad(app(files={"/srv/a": {"content": "", "source": "files/page.html"}}), '"/srv/a"', "has both"),
            Bad(app(files={"/srv/../a": {"content": ""}}), '"/srv/../a"', "not the path of a file"),
            Bad(app(files={"/srv/": {"content": ""}}), '"/srv/"', "not the path of a file"),
            Bad(app(files={"/proc/a": {"content": ""}}), '"/proc/a"', "is the kernel's"),
            Bad(app(files={"/etc/lab/app.json": {"content": ""}}), '"/etc/lab/app.json"', "is the configuration of app"),
            Bad(app(files={"/etc/lab/tls/ca.crt": {"content": ""}}), '"/etc/lab/tls/ca.crt"', "holds the certificates"),
        ],
    ),
    "reserved": Pair(
        {"containers": {"lab": {"server": "app", "listen": [{"on": "0.0.0.0:80"}]}}},
        [
            Bad(
                {"containers": {name: {"namespace": "backend", "server": "app", "listen": [{"on": "0.0.0.0:80"}]}}},
                f'"{name}"',
                says,
                ("ambiguous-name",) if name == "client" else (),
            )
            for name, says in {
                "client": "the lab's own client",
                "host": "the engine's host",
                "nobody": "the absence of a receiver",
                "none": "the absence of a certificate",
                "certs": "in compose files",
                "web-net": "what holds a namespace",
                "client-client": "a client",
            }.items()
        ]
        + [
            Bad({"namespaces": {"host": {}}}, '"host"', "a namespace cannot be called"),
            Bad({"probes": {"twin": {"exact": {"connect_to": "web:8443"}}}}, '"twin"', "a probe cannot be called"),
        ],
    ),
    "zero-byte": Pair(
        app(environment={"A": "\t"}, command=["sh", "-c", "true"]),
        [
            Bad(app(environment={"A": "a\0"}), "a\\u0000", "ends at a zero byte"),
            Bad(app(command=["sh", "\0"]), "\\u0000", "ends at a zero byte"),
        ],
    ),
    "published-twice": Pair(
        web(publish=[{"port": 8443}, {"port": 8443, "on": "gateway"}]),
        [Bad(web(publish=[{"port": 8443}, {"port": 8443}]), "{", "is published on loopback twice")],
    ),
    "host-port": Pair(
        web(publish=[{"port": 8443, "host_port": 9000}, {"port": 8443, "host_port": 9000, "on": "gateway"}]),
        [
            Bad(
                web(publish=[{"port": 8443, "host_port": 9000}, {"port": 8444, "host_port": 9000}]), "9000", "by `web` already"
            ),
            Bad(
                web(publish=[{"port": 1, "host_port": 9000, "on": "gateway"}])
                | {
                    "namespaces": {
                        "backend": {"publish": [{"port": 1, "host_port": 9000, "on": "gateway"}]},
                        "web": {"publish": [{"port": 1, "host_port": 9000, "on": "gateway"}]},
                    }
                },
                "9000",
                "of the gateway of lan is published by `web` already",
            ),
        ],
    ),
    "what-is-sent": Pair(
        {"probes": {"bytes": {"exact": {"connect_to": "web:8443", "send": "GET"}}}},
        [
            Bad({"probes": {"bytes": {}}}, '"bytes"', "sends nothing"),
            Bad(order(exact={"connect_to": "web:8443"}), '"exact"', "has `request` and `exact`"),
        ],
    ),
    "via": Pair(
        order(**{"from": "host", "via": "published"}),
        [Bad(order(via="published"), '"via"', "is the way in from the host")],
    ),
    "not-published": Pair(
        order(**{"from": "host", "via": "direct", "request": {"url": "http://web:80/"}}),
        [
            Bad(order(**{"from": "host", "request": {"url": "http://web:80/"}}), "http://web:80/", "does not publish port 80"),
            Bad(order(**{"from": "host", "via": "gateway"}), "https://shop.example:8443/orders", "port 8443 on gateway"),
            Bad(order(**{"from": "host", "request": {"url": "http://backend:80/"}}), "http://backend:80/", "does not publish"),
        ],
    ),
    "headers": Pair(
        request(headers={"X-Word": "gr\u00fcn"}),
        [
            Bad(request(headers={"lab-probe": "1"}), '"lab-probe"', "carries the lab's own token"),
            Bad(request(headers={"X-Word": "\u0142"}), "\u0142", "a header carries bytes"),
        ],
    ),
    "moment": Pair(
        steps({"look": "now", "expect": {"dispatched": False}}),
        [Bad(steps({"expect": {"dispatched": False}}), '"expect"', "is judged by a look")],
    ),
    "one-action": Pair(
        steps({"send": "x", "about": "x"}, {"look": "now", "about": "x"}),
        [
            Bad(steps({"about": "x"}), "{", "this step does nothing"),
            Bad(steps({"send": "x", "await": "read"}), '"await"', "has `send` and `await`"),
        ],
    ),
    "connection": Pair(
        all_steps(
            {"freeze": "app"},
            {"link": {"into": "web"}},
            {"fill": "web:8443"},
            {"await": "settled"},
            STEP,
            {"kill": {"container": "app", "process": "receiver"}},
        ),
        [
            Bad(all_steps({"freeze": "app"}), '"steps"', "no step connects"),
            Bad(steps(STEP), '"connect"', "connects twice"),
            Bad(all_steps({"send": "x"}, STEP), '"send"', "no connection yet"),
            Bad(all_steps({"await": "read"}, STEP), '"await"', "no connection yet"),
            Bad(all_steps({"freeze": {"container": "app", "process": "receiver"}}, STEP), '"freeze"', "no connection yet"),
        ],
    ),
    "after-the-end": Pair(
        steps({"send": "x"}, {"do": "half-close"}, {"receive": 1}, {"do": "reset"}, {"await": "closed"}),
        [
            Bad(steps({"do": "half-close"}, {"send": "x"}), '"send"', "after `do: half-close`"),
            Bad(steps({"do": "reset"}, {"receive": 1}), '"receive"', "after `do: reset`"),
            Bad(steps({"do": "close"}, {"do": "reset"}), '"do"', "after `do: close`"),
        ],
    ),
    "handshake": Pair(
        steps({"tls": {"stop_after": 9}}, {"look": "half"}, {"tls": "rest"}),
        [
            Bad(steps({"tls": {}}, {"tls": {}}), '"tls"', "has begun on this connection already"),
            Bad(steps({"tls": "rest"}), '"tls"', "no TLS yet"),
        ],
    ),
    "two-languages": Pair(
        steps({"streams": [{"name": "a"}]}, {"receive": 1}),
        [
            Bad(steps({"streams": [{"name": "a"}]}, {"send": "x"}), '"send"', "speaks by `streams` already"),
            Bad(steps({"send": "x"}, {"streams": [{"name": "a"}]}), '"streams"', "speaks by `send` already"),
        ],
    ),
    "stream": Pair(
        steps(OPEN, {"data": {"stream": "a", "bytes": "x", "end": True}}, {"reset_stream": "a"}),
        [
            Bad(steps(OPEN, OPEN), '"a"', "has a stream `a` already"),
            Bad(steps(OPEN, {"data": {"stream": "b"}}), '"b"', "opened a stream `b`"),
            Bad(steps(OPEN, {"reset_stream": "b"}), '"b"', "opened a stream `b`"),
            Bad(steps({"streams": [{"name": "x"}]}, {"data": {"stream": "x"}}), '"x"', "its request has ended"),
            Bad(steps(OPEN, {"reset_stream": "a"}, {"reset_stream": "a"}), '"a"', "it was reset"),
        ],
    ),
    "by-stream": Pair(
        steps(OPEN, {"look": "now", "expect": {"by_stream": {"a": "parsed"}}}),
        [Bad(steps(OPEN, {"look": "now", "expect": {"by_stream": {"b": "parsed"}}}), '"b"', "opens no stream `b`")],
    ),
    "stop-after": Pair(
        exact(tls={"sni": "shop.example"}),
        [Bad(exact(tls={"stop_after": 9}), '"stop_after"', "the whole handshake")],
    ),
    "quic": Pair(
        listens({"on": "0.0.0.0:8443", "tls": "ended", "quic": True, "routes": [{"to": "app:3000"}]}),
        [
            Bad(
                listens({"on": "0.0.0.0:8443", "quic": True, "routes": [{"to": "app:3000"}]}) | QUIET, '"quic"', "no other way"
            ),
            Bad(
                listens({"on": "0.0.0.0:8443", "tls": "passthrough", "quic": True, "routes": [{"to": "app:3000"}]}) | QUIET,
                '"quic"',
                "no other way",
            ),
        ],
    ),
    "over-quic": Pair(
        request(url="https://shop.example:8443/", http=3, streams=2, new_port=True),
        [
            Bad(request(streams=2), '"streams"', "is of HTTP/3"),
            Bad(request(new_port=True), '"new_port"', "is of HTTP/3"),
            Bad(request(url="http://web:8080/", http=3), "http://web:8080/", "no clear text"),
            Bad(request(url="https://shop.example:8443/", http=3, new_port=True), '"new_port"', "another request"),
        ],
    ),
    "look-twice": Pair(
        steps({"look": "one"}, {"look": "two"}),
        [Bad(steps({"look": "one"}, {"look": "one"}), "one", "has a look `one` already")],
    ),
    "tally": Pair(
        order(repeat=2, expect={"tally": {"answered": 2}}),
        [Bad(expect(tally={"answered": 1}), '"tally"', "is sent once")],
    ),
    "pieces": Pair(
        steps({"send": {"bytes": "abc", "pieces": [1, 2]}}, {"send": {"bytes": "abc", "pieces": [1], "each": True}}),
        [
            Bad(steps({"send": {"bytes": "abc", "pieces": [1, 3]}}), '"pieces"', "are 4 bytes, and there are 3"),
            Bad(steps({"send": {"bytes": "abc", "each": True}}), '"each"', "there is none"),
        ],
    ),
    "datagram": Pair(exact(transport="udp"), [Bad(exact(transport="udp", tls={}), '"tls"', "has no TLS")]),
    "entry": Pair(
        order(**{"from": "host", "expect": {"entry": "forwarder"}}),
        [Bad(expect(entry="forwarder"), '"entry"', "does not come from it")],
    ),
    "empty-route": Pair(
        expect(route=["nobody"], clear_on=[]), [Bad(expect(route=[], clear_on=[]), "[]", "has at least one receiver")]
    ),
    "hop-number": Pair(
        expect(clear_on=[1, 2]),
        [
            Bad(expect(clear_on=[2, 2]), "2", "hop 2 stands here twice"),
            Bad(expect(clear_on=[3]), "3", "the route expected has no hop 3"),
        ],
    ),
    "range": Pair(
        order(repeat=2, expect={"reads": {"at_least": 2, "at_most": 2}, "tally": {"answered": {"at_most": 0}}}),
        [
            Bad(expect(reads={"at_least": 3, "at_most": 2}), "2", "no number is at least 3 and at most 2"),
            Bad(order(repeat=2, expect={"tally": {"answered": {"at_least": 3, "at_most": 2}}}), "2", "no number is at least 3"),
        ],
    ),
    "hop-listener": Pair(
        expect(route=["proxy", {"to": "app", "listener": "127.0.0.1:3000"}]),
        [
            Bad(
                expect(route=["proxy", {"to": "app", "listener": "0.0.0.0:3000"}]),
                "0.0.0.0:3000",
                "is told to listen elsewhere",
            )
        ],
    ),
    "no-certificate": Pair(
        expect(certificate="none", tls_ends_at=[]),
        [
            Bad(expect(certificate="app"), "app", "no listener of `app` ends TLS"),
            Bad(expect(tls_ends_at=["proxy", "app"]), "app", "no listener of `app` ends TLS"),
        ],
    ),
    "caught": Pair(
        twin(order__certificate="found app"),
        [Bad(twin(order__rout="found"), '"order.rout"', "the changed scenario has no check `order.rout`")],
    ),
    "no-change": Pair(
        twin({"title": "another"}),
        [
            Bad(
                {"twins": {"same": {"about": "x", "change": {}, "caught": {"order.route": "x"}}}}, '"change"', "changes nothing"
            ),
            Bad(
                {"twins": {"same": {"about": "x", "change": {"id": "shop"}, "caught": {"order.route": "x"}}}},
                '"change"',
                "changes nothing",
                ("fixed",),
            ),
        ],
    ),
    "id": Pair({"title": "another"}, [Bad({"id": "chop"}, "chop", "is the name of its file")]),
    "claim-twice": Pair({"claims": ["C01", "C02"]}, [Bad({"claims": ["C01", "C01"]}, "C01", "stands here twice")]),
    "each-twice": Pair(
        proxy(server={"each": ["nginx", "envoy"]}),
        [Bad(proxy(server={"each": ["nginx", "envoy", "nginx"]}), "nginx", "stands here twice")],
    ),
    "one-config": Pair(
        proxy(server={"each": ["nginx", "envoy"]}, config="files/nginx.conf")
        | {"variants": {"envoy": {"containers": {"proxy": {"config": "files/page.html"}}}}},
        [Bad(proxy(server={"each": ["nginx", "envoy"]}, config="files/nginx.conf"), '"config"', "cannot be that of several")],
    ),
    "variant": Pair(
        proxy(server={"each": ["nginx", "envoy"]}) | {"variants": {"envoy": {"title": "another"}}},
        [Bad(proxy(server={"each": ["nginx", "envoy"]}) | {"variants": {"envoi": {}}}, '"envoi"', "is in no `each`")],
    ),
    "fixed": Pair(
        twin({"title": "another"}),
        [
            Bad(twin({"id": "another"}), '"id"', "cannot be changed here"),
            Bad(twin({"twins": {"other-port": NULL}}), '"twins"', "cannot be changed here"),
            Bad(
                proxy(server={"each": ["nginx", "envoy"]}) | {"variants": {"envoy": {"id": "x"}}},
                '"id"',
                "cannot be changed here",
            ),
        ],
    ),
    "takes-nothing": Pair(
        {"twins": {"gone": {"about": "x", "change": {"listening": {"app": NULL}}, "caught": {"order.route": "x"}}}},
        [
            Bad(
                {"twins": {"gone": {"about": "x", "change": {"listening": {"ap": NULL}}, "caught": {"order.route": "x"}}}},
                '"ap"',
                "there is no `ap` to take away",
                ("no-change",),
            )
        ],
    ),
    "arranged": Pair(
        runs(scope={"project": "shop", "containers": ["Web_1.a"]}),
        [Bad(runs(listening={}), '"listening"', "so there is no `listening`")],
    ),
    "running-probe": Pair(
        runs({"request": None, "exact": {"connect_to": "web:8443", "send": "GET"}}),
        [
            Bad(runs({"repeat": 2}), '"repeat"', "it has no `repeat`"),
            Bad(runs({"via": "direct"}), '"via"', "it has no `via`"),
            Bad(
                runs({"request": None, "exact": {"connect_to": "web:8443", "transport": "udp"}}),
                '"transport"',
                "it has no `transport`",
            ),
        ],
    ),
    "no-probe": Pair(runs(), [Bad(runs(probes=None), '"target"', "nothing is sent")]),
    "running-only": Pair(
        runs({"request": {"http": 2, "proxy": "127.0.0.1:3128", "marked": False, "ca": "ca.pem"}}),
        [
            Bad({"scope": {"project": "shop"}}, '"scope"', "is for containers that run already"),
            Bad(request(marked=False), '"marked"', "is for containers that run already"),
            Bad(request(ca="ca.pem"), '"ca"', "is for containers that run already"),
        ],
    ),
    "key-alone": Pair(
        runs({"request": {"certificate": "me.pem", "key": "me.key"}}),
        [Bad(runs({"request": {"key": "me.key"}}), '"key"', "a key without its certificate")],
    ),
    "leaf": Pair(
        runs({"expect": {"certificate": None, "tls_ends_at": ["any"]}}),
        [Bad(runs({"expect": {"certificate": "web"}}), '"certificate"', "which running container holds a certificate")],
    ),
}

BAD = [(rule, bad) for rule, pair in PAIRS.items() for bad in pair.bad]


def test_every_rule_has_its_pair() -> None:
    assert list(PAIRS) == [rule.id for rule in (*RULES, *FILE_RULES)] or set(PAIRS) == {
        rule.id for rule in (*RULES, *FILE_RULES)
    }
    assert all(pair.bad for pair in PAIRS.values())


def file_of(rule: str) -> str:
    return "scenarios/shop.yaml" if rule == "id" else "shop.yaml"


@pytest.mark.parametrize("rule", PAIRS)
def test_what_keeps_a_rule_is_taken(rule: str) -> None:
    good = dict(PAIRS[rule].good)
    text = text_of(good)
    assert [problem.render() for problem in problems(text, file_of(rule))] == []


@pytest.mark.parametrize(("rule", "bad"), BAD, ids=[f"{rule}-{number}" for number, (rule, _) in enumerate(BAD)])
def test_what_breaks_a_rule_is_told_once_at_its_place(rule: str, bad: Bad) -> None:
    found = problems(text_of(bad.patch), file_of(rule))
    mine = [problem for problem in found if problem.rule == rule]
    assert {problem.rule for problem in found} == {rule, *bad.also}, [problem.render() for problem in found]
    assert [under(problem).strip('"') for problem in mine][:1] == [bad.under.strip('"')], [
        problem.render() for problem in found
    ]
    assert bad.says in mine[0].text
    assert len(mine) == 1
