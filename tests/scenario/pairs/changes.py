"""Twins and variants."""

from __future__ import annotations

from tests.scenario.pairs.patches import Bad, Pair, proxy, twin
from tests.scenario.shop import NULL

PAIRS: dict[str, Pair] = {
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
}
