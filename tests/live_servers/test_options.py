"""Each option with each server: its own look at the configuration is content, and the listener comes up as it was asked for.

The broken twin of each: a configuration that the server must refuse, so that a content check means something.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lab.model.plan import PlannedFile
from lab.plan.render import Unsupported
from tests.live_servers.bed import Bed, planned

if TYPE_CHECKING:
    from lab.model.plan import PlannedContainer

PROXIES = ("nginx", "haproxy", "envoy")
SERVERS = (*PROXIES, "app")
ROUTES = [{"to": "127.0.0.1:3000"}]
ENDED = {"tls": "ended", "names": ["shop.example"]}

LISTEN: dict[str, dict[str, Any]] = {
    "nothing": {},
    "backlog": {"backlog": 5},
    "defer_accept": {"defer_accept": True},
    "reuse_port": {"reuse_port": True},
    "proxy_protocol": {"proxy_protocol": True},
    "deny": {"deny": ["/admin", "/secret"]},
    "rate": {"rate": {"requests": 5, "seconds": 2}},
    "all of a socket": {"backlog": 5, "defer_accept": True, "reuse_port": True, "proxy_protocol": True},
    "client_certificate": {**ENDED, "client_certificate": True},
    "only_known_names": {**ENDED, "only_known_names": True},
    "all of TLS": {**ENDED, "client_certificate": True, "only_known_names": True, "proxy_protocol": True, "deny": ["/admin"]},
}
CONTAINER: dict[str, dict[str, Any]] = {
    "workers": {"workers": 1},
    "head_bytes": {"limits": {"head_bytes": 2048}},
    "body_bytes": {"limits": {"body_bytes": 1000}},
    "head_seconds": {"limits": {"head_seconds": 1}},
    "body_seconds": {"limits": {"body_seconds": 1}},
}
OF_PROXIES: dict[str, dict[str, Any]] = {
    "sends a PROXY line": {"routes": [{"to": "127.0.0.1:3000", "send_proxy": True}]},
    "passes TLS through and sends a PROXY line": {
        "tls": "passthrough",
        "proxy_protocol": True,
        "backlog": 5,
        "routes": [{"to": "127.0.0.1:3000", "send_proxy": True}],
    },
    "knows names by SNI": {
        "tls": "ended",
        "names": ["a.example", "b.example"],
        "only_known_names": True,
        "client_certificate": True,
        "backlog": 5,
        "routes": [{"to": "127.0.0.1:3000", "sni": "a.example"}, {"to": "127.0.0.1:3001"}],
    },
}
CANNOT = {("nginx", "sends a PROXY line")}
"""The row says so, with the source."""

ROWS = ("reuse_port", "all of a socket")
"""Options with which each worker has a listening socket of its own."""


def one(bed: Bed, server: str, listen: dict[str, Any], **more: Any) -> PlannedContainer:
    routes = {} if server == "app" else {"routes": ROUTES}
    (made,) = planned(
        bed.catalogue, {server: {"server": server, "listen": [{"on": "127.0.0.1:8080", **routes, **listen}], **more}}
    )
    return made


def content(bed: Bed, made: PlannedContainer) -> int:
    """Number of listening sockets once the server's own check was content and it stands."""
    code, words = bed.check(made)
    assert code == 0, words
    bed.stand((made,))
    return sum(row.port == 8080 for row in bed.listeners())


@pytest.mark.parametrize("option", LISTEN)
@pytest.mark.parametrize("server", SERVERS)
def test_a_listener_with_an_option_stands(bed: Bed, server: str, option: str) -> None:
    more = {"workers": 2} if server == "app" and option in ROWS else {}
    rows = content(bed, one(bed, server, LISTEN[option], **more))
    if option in ROWS:
        assert rows > 1
    elif server != "envoy":
        assert rows == 1
    if "backlog" in LISTEN[option]:
        assert {row.backlog for row in bed.listeners()} == {5}


@pytest.mark.parametrize("option", CONTAINER)
@pytest.mark.parametrize("server", SERVERS)
def test_a_container_with_an_option_stands(bed: Bed, server: str, option: str) -> None:
    assert content(bed, one(bed, server, {}, **CONTAINER[option]))


@pytest.mark.parametrize("option", OF_PROXIES)
@pytest.mark.parametrize("server", PROXIES)
def test_a_proxy_with_an_option_stands(bed: Bed, server: str, option: str) -> None:
    if (server, option) in CANNOT:
        with pytest.raises(Unsupported, match="https://"):
            one(bed, server, OF_PROXIES[option])
    else:
        assert content(bed, one(bed, server, OF_PROXIES[option]))


SPOILT = {
    "nginx": (b"listen 127.0.0.1:8080 default_server backlog=5", b"listen 127.0.0.1:8080 default_server backlog=0"),
    "haproxy": (b"backlog 5", b"backlog 5 defer-accepted"),
    "envoy": (b'"tcp_backlog_size": 5', b'"tcp_backlog_size": "five"'),
    "app": (b'"backlog": 5', b'"back_log": 5'),
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_refuses_an_option_that_it_does_not_know(bed: Bed, server: str) -> None:
    made = one(bed, server, {"backlog": 5})
    right, wrong = SPOILT[server]
    (file,) = made.files
    assert right in file.content
    code, words = bed.check(replace(made, files=(PlannedFile(file.path, file.content.replace(right, wrong)),)))
    assert code != 0, words


def test_what_the_row_says_nginx_refuses_it_does_refuse(bed: Bed) -> None:
    made = one(bed, "nginx", {}, limits={"head_bytes": 512})
    assert bed.check(made)[0] == 0
    (file,) = made.files
    below = file.content.replace(b"large_client_header_buffers 1 512", b"large_client_header_buffers 1 511")
    code, words = bed.check(replace(made, files=(PlannedFile(file.path, below),)))
    assert code != 0
    assert "connection_pool_size" in words
