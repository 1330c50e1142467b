"""Servers, images, configurations, files."""

from __future__ import annotations

from tests.scenario.pairs.patches import QUIET, Bad, Pair, app, proxy

PAIRS: dict[str, Pair] = {
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
}
