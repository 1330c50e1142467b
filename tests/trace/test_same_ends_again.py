"""A port that is used again at once: two connections with the same ends, and each is its own process's."""

from __future__ import annotations

import pytest

from lab.trace import trace
from tests.trace.wire import OK, Lab, get, without

WEB = ("10.0.0.3", 8080)
CLIENT = ("10.0.0.9", 40000)
TOKENS = ("5f3a9c01deadbeef", "0123456789abcdef")


def twice(pause: int) -> Lab:
    """Two requests from one port, `pause` ticks apart; each is read by a worker of its own."""
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    workers = lab.container("one", "web", 3001), lab.container("two", "web", 3002)
    lab.listen(WEB, *workers)
    for worker, token in zip(workers, TOKENS, strict=True):
        talk = lab.tcp("client", CLIENT, "web", WEB, reader=worker).open()
        talk.up(get(token))
        lab.row("web", "ESTAB", WEB, CLIENT, (worker.pid,))
        talk.down(OK).packet("up", "RA")
        lab.report(talk, token=token)
        lab.tick(pause)
    return lab


@pytest.mark.parametrize("pause", [1000, 3_000_000])
@pytest.mark.parametrize("less", [{}, {"kernel": True}, {"sockets": True}])
def test_each_connection_is_its_own_process_s(pause: int, less: dict[str, bool]) -> None:
    routes = trace(without(twice(pause).seen(), **less))
    assert [[hop.host_pid for hop in route.hops] for route in routes] == [[3001], [3002]]
    assert not [route.contradictions for route in routes if route.contradictions]
