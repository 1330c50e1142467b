"""Subnets, fixed addresses, ambiguous names."""

from __future__ import annotations

from tests.scenario.pairs.patches import Bad, Pair, web

PAIRS: dict[str, Pair] = {
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
}
