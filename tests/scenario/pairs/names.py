"""Networks, namespaces and containers that are named and defined nowhere."""

from __future__ import annotations

from tests.scenario.pairs.patches import Bad, Pair, app, expect, order, steps, web

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
}
