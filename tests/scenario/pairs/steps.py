"""One action each, in an order that can be taken."""

from __future__ import annotations

from tests.scenario.pairs.patches import STEP, Bad, Pair, all_steps, exact, expect, order, steps

SLOW = {"link": {"into": "web", "delay": 1}}
OPEN = {"streams": [{"name": "a", "end": False}]}

PAIRS: dict[str, Pair] = {
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
            Bad(steps({"connect": {"to": "web:8443", "await": "nothing"}}), '"connect"', "connects twice"),
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
    "held-back": Pair(
        steps({"link": {"into": "web", "lose": "fin", "hold": [1, 2]}}, {"link": {"into": "client", "delay": 0.2}}),
        [
            Bad(steps({"link": {"into": "web", "late": [1], "hold": [2]}}), '"hold"', "has `late` and `hold`"),
            Bad(steps({"link": {"into": "web", "hold": "fin", "delay": 1}}), '"delay"', "has `hold` and `delay`"),
            Bad(
                order(
                    **{"from": "host", "via": "direct", "request": None, "steps": [STEP, {"link": {"into": "web", "delay": 1}}]}
                ),
                '"delay"',
                "what the engine's host sends is not held back",
            ),
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
    "handshake": Pair(
        steps({"tls": {"stop_after": 9}}, {"look": "half"}, {"tls": "rest"}),
        [
            Bad(steps({"tls": {}}, {"tls": {}}), '"tls"', "has begun on this connection already"),
            Bad(steps({"tls": "rest"}), '"tls"', "no TLS yet"),
        ],
    ),
    "stop-after": Pair(
        exact(tls={"sni": "shop.example"}),
        [Bad(exact(tls={"stop_after": 9}), '"stop_after"', "the whole handshake")],
    ),
    "early-data": Pair(
        exact(tls={"sni": "shop.example", "resume": True, "early": "GET / HTTP/1.1\r\n\r\n"}),
        [
            Bad(exact(tls={"early": "GET / HTTP/1.1\r\n\r\n"}), '"early"', "session that is resumed"),
            Bad(steps(OPEN, {"tls": {"resume": True, "early": "GET", "stop_after": 9}}), '"early"', "nothing behind it"),
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
}
