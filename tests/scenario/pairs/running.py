"""Containers that run already."""

from __future__ import annotations

from tests.scenario.pairs.patches import Bad, Pair, request, runs

PAIRS: dict[str, Pair] = {
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
