"""What a server's row says that it can do, held against what an arrangement asks of it.

Rule: what is asked is a table of options with their values; an option that the row does not list is `Unsupported`, with the
row's own reason and source where it has one. Weak spot: combinations of options are the templates' affair; a server that can
do two things, but not both at once, is found out by its own configuration check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from lab.model.scenario import Tls
from lab.plan import choices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from lab.model.catalogue import Bound, Option, Server
    from lab.plan.shapes import RenderListener, RenderRule, Settings


class Unsupported(Exception):  # noqa: N818 - it is the name of an outcome
    """The server cannot do what the scenario asks of it; its row says so."""

    def __init__(self, server: str, what: str) -> None:
        super().__init__(f"{server} {what}")
        self.server = server
        self.what = what


def supported(row: Server, listeners: Iterable[RenderListener], settings: Settings) -> None:
    """Raise `Unsupported` for the first thing asked that the row does not allow."""
    for listener in listeners:
        _listener_supported(row, listener)
    for option, value in asked(tuple(listeners), settings):
        _option_supported(row, option, value)


def _listener_supported(row: Server, listener: RenderListener) -> None:
    for mode in sorted({listener.tls, *(rule.tls for rule in listener.rules)}):
        if mode not in row.tls:
            raise Unsupported(row.name, f"has no listener with `tls: {mode}`; it knows {', '.join(row.tls) or 'none'}")
    if row.role != "proxy" and listener.rules:
        raise Unsupported(row.name, f"sends nothing on: it is of role {row.role}")
    if choices.mixed(listener) and not row.mixes:
        raise Unsupported(row.name, "cannot end TLS for one name and pass it through for another on one port")
    for rule in listener.rules:
        _rule_supported(row, rule)


def _rule_supported(row: Server, rule: RenderRule) -> None:
    conditions = {"sni": rule.sni, "host": rule.http_host, "path": rule.path}
    for condition, value in conditions.items():
        if value is not None and condition not in row.routes_by:
            raise Unsupported(row.name, f"does not route by {condition}; it knows {', '.join(row.routes_by) or 'none'}")
    if rule.upstream_tls is not None and not row.begins_tls:
        raise Unsupported(row.name, "does not begin TLS towards an upstream")


OF_LISTENER: Mapping[Option, Callable[[RenderListener], object]] = {
    "udp": lambda one: one.transport == "udp" and one.tls is not Tls.PASSTHROUGH,
    "udp_passthrough": lambda one: one.transport == "udp" and one.tls is Tls.PASSTHROUGH,
    "quic": lambda one: one.quic,
    "backlog": lambda one: one.backlog,
    "defer_accept": lambda one: one.defer_accept,
    "reuse_port": lambda one: one.reuse_port,
    "tls_version": lambda one: one.tls_version is not None,
    "early_data": lambda one: one.early_data and not one.quic,
    "early_data_quic": lambda one: one.early_data and one.quic,
    "client_certificate": lambda one: one.client_certificate,
    "proxy_protocol": lambda one: one.proxy_protocol,
    "only_known_names": lambda one: one.only_known_names,
    "deny": lambda one: bool(one.deny),
    "rate": lambda one: one.rate is not None,
    "send_proxy": lambda one: any(rule.send_proxy and rule.tls is not Tls.PASSTHROUGH for rule in one.rules),
    "send_proxy_passthrough": lambda one: any(rule.send_proxy and rule.tls is Tls.PASSTHROUGH for rule in one.rules),
    "send_proxy_to_some": lambda one: len({rule.send_proxy for rule in one.rules}) > 1,
    "fastcgi": lambda one: any(rule.fastcgi for rule in one.rules),
    "alpn": lambda one: bool(one.alpn),
    "h2_alone": lambda one: one.alpn == ("h2",),
    "h2_second": lambda one: "h2" in one.alpn[1:],
    "h2c": lambda one: one.h2c,
    "h2_upstream": lambda one: any(rule.h2 and rule.upstream_tls for rule in one.rules),
    "h2c_upstream": lambda one: any(rule.h2 and not rule.upstream_tls for rule in one.rules),
}
"""Option -> what a listener asks; None and False: nothing."""

OF_CONTAINER: Mapping[Option, Callable[[Settings], object]] = {
    "workers": lambda one: one.workers,
    "head_bytes": lambda one: one.limits.head_bytes,
    "body_bytes": lambda one: one.limits.body_bytes,
    "head_seconds": lambda one: one.limits.head_seconds,
    "body_seconds": lambda one: one.limits.body_seconds,
    "database": lambda one: one.database is not None,
}


def asked(listeners: tuple[RenderListener, ...], settings: Settings) -> Iterator[tuple[Option, int | bool]]:
    """Options that are asked for, with their values; `listeners` with their number."""
    yield "listeners", len(listeners)
    for option, of_listener in OF_LISTENER.items():
        yield from ((option, value) for value in map(of_listener, listeners) if _given(value))
    for option, of_container in OF_CONTAINER.items():
        if _given(value := of_container(settings)):
            yield option, value


def _given(value: object) -> TypeGuard[int | bool]:
    """Whether it is asked for: 0 is a value like any other."""
    return value is not None and value is not False


def _option_supported(row: Server, option: Option, value: int | bool) -> None:
    if option in row.cannot:
        raise Unsupported(row.name, f"cannot do `{option}`: {row.cannot[option].says} ({row.cannot[option].source})")
    if option not in (*row.options, "listeners"):
        raise Unsupported(row.name, f"has no `{option}`; its options are {', '.join(row.options) or 'none'}")
    bound = row.bounds.get(option)
    if bound and not _within(bound, value):
        raise Unsupported(row.name, f"takes no `{option}` of {value}: {bound.says} ({bound.source})")


def _within(bound: Bound, value: int) -> bool:
    return (bound.least is None or value >= bound.least) and (bound.most is None or value <= bound.most)
