"""Collisions, absent addresses, what routes can see of TLS."""

from __future__ import annotations

from tests.scenario.pairs.patches import QUIET, Bad, Pair, app, listens, route

ENDED_H2C = {"on": "0.0.0.0:8443", "tls": "ended", "h2c": True, "routes": [{"to": "127.0.0.1:3000"}]}

PAIRS: dict[str, Pair] = {
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
}
