"""A TLS session that is resumed is told from one that is new, under both versions; and a kept connection from a new one."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.trace.wire import OK, Lab, Tls, get, speak

if TYPE_CHECKING:
    from lab.model.routes import Route


@dataclass
class Again:
    """A second session of the same two contexts, which offers what the first left behind."""

    first: Tls

    def session(self, *, offered: bool) -> Tls:
        """The client's session is there once it has read the server's tickets."""
        made = object.__new__(Tls)
        made.up_in, made.up_out, made.down_in, made.down_out = (type(self.first.up_in)() for _ in range(4))
        left = self.first.client.session if offered else None
        made.client = self.first.client.context.wrap_bio(
            made.down_in, made.up_out, server_hostname="shop.example", session=left
        )
        made.server = self.first.server.context.wrap_bio(made.up_in, made.down_out, server_side=True)
        return made


def over(version: str, *, offered: bool) -> tuple[Route, Route]:
    lab = Lab(client="10.0.0.9", web="10.0.0.2")
    app = lab.container("app", "web", 7)
    lab.listen(("10.0.0.2", 8443), app)
    tls = Tls(version=version)
    talks = [lab.tcp("client", ("10.0.0.9", port), "web", ("10.0.0.2", 8443), reader=app) for port in (40000, 40001)]
    talks[0].open()
    speak(talks[0], tls, get("0a"), OK)
    _read(tls)
    lab.report(talks[0], name="first", token="0a")  # noqa: S106 - a probe's token
    again = Again(tls).session(offered=offered)
    talks[1].open()
    speak(talks[1], again, get("0b"), OK)
    lab.report(talks[1], name="again", token="0b")  # noqa: S106
    first, second = lab.routes()
    return first, second


def _read(tls: Tls) -> None:
    """The client reads the tickets that came behind the handshake; the answer never was put into its hands."""
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.client.read(1)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_session_that_is_offered_and_taken_is_resumed(version: str) -> None:
    first, second = over(version, offered=True)
    assert [route.hops[0].session for route in (first, second)] == ["new", "resumed"]
    assert any("resumes an earlier session" in one.says for one in second.hops[0].evidence)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_session_that_is_not_offered_is_new(version: str) -> None:
    first, second = over(version, offered=False)
    assert [route.hops[0].session for route in (first, second)] == ["new", "new"]


def test_before_the_server_has_spoken_nothing_is_told_of_a_session() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.2")
    talk = lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8443), reader=lab.container("app", "web", 7))
    talk.open().up(Tls().hello())
    lab.report(talk, status=None)
    assert lab.route().hops[0].session is None


def behind_a_proxy(*, kept: bool) -> Route:
    lab = Lab(client="10.0.0.9", web="10.0.0.2", app="10.0.0.3")
    proxy, app = lab.container("proxy", "web", 7), lab.container("app", "app", 8)
    front = [lab.tcp("client", ("10.0.0.9", port), "web", ("10.0.0.2", 80), reader=proxy) for port in (40000, 40001)]
    back = [lab.tcp("web", ("10.0.0.2", port), "app", ("10.0.0.3", 80), reader=app, writer=proxy) for port in (50000, 50001)]
    front[0].open().up(get("0a"))
    back[0].open().up(get("0a")).down(OK)
    front[0].down(OK)
    lab.report(front[0], name="first", token="0a")  # noqa: S106
    front[1].open().up(get("0b"))
    onward = back[0] if kept else back[1].open()
    onward.up(get("0b")).down(OK)
    front[1].down(OK)
    lab.report(front[1], name="second", token="0b")  # noqa: S106
    return lab.routes()[1]


def test_a_connection_behind_a_proxy_is_older_than_the_clients_or_not() -> None:
    assert [hop.connection for hop in behind_a_proxy(kept=True).hops] == ["new", "kept"]
    assert [hop.connection for hop in behind_a_proxy(kept=False).hops] == ["new", "new"]
