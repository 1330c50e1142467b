"""The file itself."""

from __future__ import annotations

from tests.scenario.pairs.patches import Bad, Pair, proxy

PAIRS: dict[str, Pair] = {
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
}
