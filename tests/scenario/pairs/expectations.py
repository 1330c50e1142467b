"""What could never be met, or never be checked."""

from __future__ import annotations

from tests.scenario.pairs.patches import Bad, Pair, expect, order

PAIRS: dict[str, Pair] = {
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
}
