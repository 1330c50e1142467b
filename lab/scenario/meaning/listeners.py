"""Listeners: who else has the address, whether the namespace has it, and what a listener's routes can see of TLS.

What a server cannot do is no mistake: the catalogue's row says so, and the case is UNSUPPORTED.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.arrangement import all_namespaces, attachments, leaf_names, namespace_of, split
from lab.model.scenario import Tls
from lab.scenario.meaning.view import Finding, Rule, View, ip
from lab.scenario.problems import Told
from lab.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.scenario import Container, Listen
    from lab.model.scenario import Rule as Route
    from lab.scenario.tree import Path

Placed = tuple["Path", str, "Container", "Listen"]
"""Place of a listener, its container's name, the container, the listener."""


EVERYWHERE = ("0.0.0.0", "127.0.0.1", "[::]")  # noqa: S104 - told, not bound
"""Addresses that every namespace has."""


def listeners(view: View) -> Iterator[Placed]:
    """All listeners, in the order of the file."""
    for name, container in view.scenario.containers.items():
        for place, listen in enumerate(container.listen):
            yield ("containers", name, "listen", place), name, container, listen


def _collisions(view: View) -> Iterator[Finding]:
    """Two sockets on one port of a namespace, on one address or one of them on the family's wildcard (bind(2), EADDRINUSE).

    Whether a wildcard of IPv6 takes IPv4 too is the server's choice, so the families are not held against each other.
    """
    taken: dict[tuple[object, ...], list[tuple[str, str]]] = {}
    for path, name, container, listen in listeners(view):
        host, port = split(listen.on)
        address = ip(host)
        if address is None:
            continue
        for transport in (listen.transport, *(["udp"] if listen.quic else [])):
            held = taken.setdefault((namespace_of(name, container), transport, address.version, port), [])
            for other, there in held:
                first = ip(there)
                if first == address or address.is_unspecified or (first and first.is_unspecified):
                    where = "" if first == address else f" on {there}"
                    whose = f"`{other}`" if other != name else "a listener above"
                    told = Told(f"{transport} port {port} of this namespace is held{where} by {whose}")
                    yield Finding((*path, "on"), told)
                    break
            held.append((name, host))


def _absent(view: View) -> Iterator[Finding]:
    for path, name, container, listen in listeners(view):
        address, namespace = ip(split(listen.on)[0]), namespace_of(name, container)
        if address is None or address.is_unspecified or address.is_loopback:
            continue
        declared = all_namespaces(view.scenario)[namespace]
        own = [one.address for one in attachments(view.scenario, declared).values() if one.address]
        if str(address) not in own:
            allowed = ", ".join([*EVERYWHERE, *own])
            told = Told(f"the namespace `{namespace}` does not have the address {address}", allowed, _give(view, address))
            yield Finding((*path, "on"), told, part=str(address))


def _give(view: View, address: object) -> str:
    near = next((name for name, subnet in view.subnets.items() if address in subnet), None)
    return f"give it the address: networks: {{{near}: {{address: {address}}}}}" if near else ""


def ends(listen: Listen) -> bool:
    """Whether a listener ends TLS for some name."""
    return Tls.ENDED in {listen.tls, *(rule.tls for rule in listen.routes)}


def _routes(view: View) -> Iterator[Finding]:
    for path, _, _, listen in listeners(view):
        for place, rule in enumerate(listen.routes):
            at: Path = (*path, "routes", place)
            if wrong := _wrong_route(listen, rule):
                field, told = wrong
                yield Finding((*at, field), told, key=True)


def _wrong_route(listen: Listen, rule: Route) -> tuple[str, Told] | None:
    if listen.tls is Tls.NONE:
        field = "sni" if rule.sni else "tls" if rule.tls else None
        told = Told(
            "the listener has `tls: none`, so there is no ClientHello to read a name from", "tls: ended, or tls: passthrough"
        )
        return (field, told) if field else None
    if rule.tls and not rule.sni:
        return "tls", Told("`tls` of one route needs `sni`: before TLS is ended, only that name can be told from others")
    if (rule.tls or listen.tls) is Tls.PASSTHROUGH:
        return _unseen(rule)
    return None


_NOT_IN_FASTCGI = ("upstream_tls", "send_proxy", "http")
"""Fields of a route that FastCGI has no place for."""


def _fastcgi(view: View) -> Iterator[Finding]:
    for path, _, _, listen in listeners(view):
        for place, rule in enumerate(listen.routes):
            at: Path = (*path, "routes", place)
            for field in _NOT_IN_FASTCGI if rule.fastcgi else ():
                if getattr(rule, field):
                    told = Told(
                        f"FastCGI is spoken in clear, in place of HTTP, and without a PROXY line, so not with `{field}`",
                        "",
                        "leave one out",
                    )
                    yield Finding((*at, field), told, key=True)
            if rule.fastcgi and (rule.tls or listen.tls) is Tls.PASSTHROUGH:
                told = Told("TLS is passed through here, so there is no request to put into FastCGI", "", "end TLS")
                yield Finding((*at, "fastcgi"), told, key=True)


def _unseen(rule: Route) -> tuple[str, Told] | None:
    for field in ("host", "path"):
        if getattr(rule, field):
            return field, Told(
                f"TLS is passed through here, so the request's {field} cannot be seen", "sni", "route by `sni`, or end TLS"
            )
    if rule.http:
        return "http", Told(
            "TLS is passed through here, so client and upstream choose the protocol between them",
            "",
            "leave it out, or end TLS",
        )
    if rule.upstream_tls:
        return "upstream_tls", Told(
            "TLS is passed through here, so it cannot be begun again", "", "end TLS, or leave `upstream_tls` out"
        )
    return None


_ENDED_ONLY = ("client_certificate", "only_known_names", "alpn", "tls_version", "early_data")
"""Fields that speak of the handshake which the listener finishes."""

_READABLE_ONLY = ("deny", "rate")
"""Fields that speak of requests."""


def _pointless(view: View) -> Iterator[Finding]:
    for path, _, _, listen in listeners(view):
        passing = listen.tls is Tls.PASSTHROUGH and not ends(listen)
        groups = ((_ENDED_ONLY, not ends(listen), "finishes no TLS handshake"), (_READABLE_ONLY, passing, "reads no request"))
        for fields, pointless, why in groups:
            for field in fields if pointless else ():
                if getattr(listen, field, None):
                    told = Told(
                        f"this listener {why} (`tls: {listen.tls}`), so `{field}` means nothing",
                        "",
                        "set `tls: ended`, or leave it out",
                    )
                    yield Finding((*path, field), told, key=True)


def _clear_only(view: View) -> Iterator[Finding]:
    for path, _, _, listen in listeners(view):
        if listen.h2c and listen.tls is not Tls.NONE:
            told = Told(
                f"`h2c` is HTTP/2 in clear, and this listener has `tls: {listen.tls}`", "", "set `alpn: [h2, http/1.1]` instead"
            )
            yield Finding((*path, "h2c"), told, key=True)


_STREAMS_ONLY = ("tls", "routes", "proxy_protocol", "h2c")
"""Fields that speak of connections; datagrams that are passed through have a route."""


def _datagrams(view: View) -> Iterator[Finding]:
    for path, _, _, listen in listeners(view):
        passed = listen.tls is Tls.PASSTHROUGH
        for field in _STREAMS_ONLY if listen.transport == "udp" else ():
            if getattr(listen, field) not in (Tls.NONE, (), False) and not (passed and field != "proxy_protocol"):
                told = Told(f"a listener of datagrams has no connections, so `{field}` means nothing", "", "leave it out")
                yield Finding((*path, field), told, key=True)
        if listen.transport == "udp" and passed and (len(listen.routes) != 1 or listen.routes[0].sni):
            told = Told("datagrams are sent on to one upstream, by no name", "", "give it one route, without `sni`")
            yield Finding((*path, "tls"), told, key=True)


def _quic(view: View) -> Iterator[Finding]:
    for path, _, _, listen in listeners(view):
        if listen.quic and (
            listen.transport == "udp" or {listen.tls, *(rule.tls for rule in listen.routes)} - {None} != {Tls.ENDED}
        ):
            told = Told(
                "HTTP/3 has no other way than TLS that ends here", "", "set `tls: ended` and `transport: tcp`, or leave it out"
            )
            yield Finding((*path, "quic"), told, key=True)


def _unknown_names(view: View) -> Iterator[Finding]:
    for path, name, _, listen in listeners(view):
        known = leaf_names(view.scenario, name, listen)
        for place, rule in enumerate(listen.routes if listen.only_known_names else ()):
            if rule.sni and rule.sni not in known:
                text = f"`{rule.sni}` is not on this listener's certificate, and `only_known_names` refuses it"
                told = Told(text, ", ".join(known), nearest(rule.sni, known))
                yield Finding((*path, "routes", place, "sni"), told)


def _answerless(view: View) -> Iterator[Finding]:
    for path, _, container, listen in listeners(view):
        row = view.rendered(container)
        if row and row.role == "proxy" and not listen.routes and listen.transport == "tcp":
            told = Told(
                f"{row.name} answers nothing itself, and this listener has no `routes`", "", "add routes: [{to: ADDRESS:PORT}]"
            )
            yield Finding(path, told)


RULES = (
    Rule("port-taken", "listeners of one namespace do not collide", _collisions, reads=("namespaces",)),
    Rule("address-absent", "a listener's address is one that its namespace has", _absent, reads=("networks", "namespaces")),
    Rule("route-blind", "a route asks only for what can be seen before TLS is ended, or once it is", _routes),
    Rule("fastcgi", "FastCGI is spoken in clear, by who has read the request", _fastcgi),
    Rule("pointless", "a listener's fields mean something under its `tls`", _pointless),
    Rule("clear-only", "HTTP/2 by prior knowledge is asked of a listener in clear", _clear_only),
    Rule("datagrams", "a listener of datagrams asks for nothing that needs a connection", _datagrams),
    Rule("quic", "a listener that speaks HTTP/3 ends TLS", _quic),
    Rule(
        "refused-name", "a route by SNI is for a name that the listener does not refuse", _unknown_names, reads=("namespaces",)
    ),
    Rule("no-routes", "a proxy's listener says where to", _answerless),
)
