"""What is sent, from where, by which way in."""

from __future__ import annotations

from tests.scenario.pairs.patches import Bad, Pair, order, request, steps

PAIRS: dict[str, Pair] = {
    "what-is-sent": Pair(
        {"probes": {"bytes": {"exact": {"connect_to": "web:8443", "send": "GET"}}}},
        [
            Bad({"probes": {"bytes": {}}}, '"bytes"', "sends nothing"),
            Bad(order(exact={"connect_to": "web:8443"}), '"exact"', "has `request` and `exact`"),
        ],
    ),
    "via": Pair(
        order(**{"from": "host", "via": "published"}),
        [Bad(order(via="published"), '"via"', "is the way in from the host")],
    ),
    "not-published": Pair(
        order(**{"from": "host", "via": "direct", "request": {"url": "http://web:80/"}}),
        [
            Bad(order(**{"from": "host", "request": {"url": "http://web:80/"}}), "http://web:80/", "does not publish port 80"),
            Bad(order(**{"from": "host", "via": "gateway"}), "https://shop.example:8443/orders", "port 8443 on gateway"),
            Bad(order(**{"from": "host", "request": {"url": "http://backend:80/"}}), "http://backend:80/", "does not publish"),
        ],
    ),
    "headers": Pair(
        request(headers={"X-Word": "gr\u00fcn"}),
        [
            Bad(request(headers={"lab-probe": "1"}), '"lab-probe"', "carries the lab's own token"),
            Bad(request(headers={"X-Word": "\u0142"}), "\u0142", "a header carries bytes"),
        ],
    ),
    "over-quic": Pair(
        request(url="https://shop.example:8443/", http=3, streams=2, new_port=True),
        [
            Bad(request(streams=2), '"streams"', "is of HTTP/3"),
            Bad(request(new_port=True), '"new_port"', "is of HTTP/3"),
            Bad(request(url="http://web:8080/", http=3), "http://web:8080/", "no clear text"),
            Bad(request(url="https://shop.example:8443/", http=3, new_port=True), '"new_port"', "another request"),
            Bad(request(early_data=True), '"early_data"', "is of HTTP/3"),
            Bad(
                request(url="https://shop.example:8443/", http=3, streams=2, new_port=True, early_data=True),
                '"early_data"',
                "before the first answer",
            ),
        ],
    ),
    "moment": Pair(
        steps({"look": "now", "expect": {"dispatched": False}}),
        [Bad(steps({"expect": {"dispatched": False}}), '"expect"', "is judged by a look")],
    ),
}
