"""Small arrangements that many tests begin with: one server, one behind a proxy, both of them in one namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.observations import ClientError
from tests.trace.wire import Conversation, Lab, Process

if TYPE_CHECKING:
    from lab.model.routes import Route

OTHER = "0123456789abcdef"
WEB, SHOP = ("10.0.0.3", 8080), ("127.0.0.1", 3000)
REFUSED = ClientError("connect", "refused", "Connection refused")
TIMEOUT = ClientError("receive", "timeout", "timed out")


def one_server(**more: object) -> tuple[Lab, Process, Conversation]:
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    app = lab.container("app", "web", 3001)
    lab.listen(WEB, app)
    return lab, app, lab.tcp("client", ("10.0.0.9", 40000), "web", WEB, **more)


def proxied() -> tuple[Lab, Process, Process, Conversation, Conversation]:
    lab = Lab(client="10.0.0.9", edge="10.0.0.2", web="10.0.0.3")
    proxy, app = lab.container("proxy", "edge", 2007), lab.container("app", "web", 3001)
    lab.listen(("0.0.0.0", 80), proxy)
    lab.listen(WEB, app)
    first = lab.tcp("client", ("10.0.0.9", 40000), "edge", ("10.0.0.2", 80), reader=proxy)
    second = lab.tcp("edge", ("10.0.0.2", 50000), "web", WEB, reader=app, writer=proxy)
    return lab, proxy, app, first, second


def containers(route: Route) -> list[str | None]:
    return [hop.container for hop in route.hops]


class Site:
    """A front before a shop in one namespace."""

    def __init__(self) -> None:
        self.lab = Lab(client="10.0.0.9", web="10.0.0.3")
        self.front, self.shop = self.lab.container("front", "web"), self.lab.container("shop", "web")
        self.lab.listen(WEB, self.front)
        self.lab.listen(SHOP, self.shop)
