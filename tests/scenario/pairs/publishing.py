"""Published ports."""

from __future__ import annotations

from tests.scenario.pairs.patches import Bad, Pair, web

PAIRS: dict[str, Pair] = {
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
}
