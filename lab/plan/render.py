"""Turns the listeners of one container into the text of its server's configuration file.

Rule: the template is the lab's own file, the values are a user's. A value is never evaluated, and every value
passes a filter that refuses whatever a configuration could interpret, although the schema has already refused it.
Weak spot: a filter that a template forgets; `tests/plan/test_render.py` feeds hostile values to every template.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from jinja2 import StrictUndefined
from jinja2.exceptions import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from lab.model.scenario import Tls
from lab.plan import choices
from lab.plan.words import RenderError, address, bare, host, is_ip, map_key, number, quoted, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Template

    from lab.model.catalogue import Server


__all__ = ["RenderError", "RenderListener", "RenderRule", "Unsupported", "render"]


class Unsupported(Exception):  # noqa: N818 - it is the name of an outcome
    """The server cannot do what the scenario asks of it; its row says so."""

    def __init__(self, server: str, what: str) -> None:
        super().__init__(f"{server} {what}")
        self.server = server
        self.what = what


@dataclass(frozen=True, slots=True)
class RenderRule:
    """Where a listener sends what it gets; conditions that are None always hold."""

    host: str
    """Upstream: an IP address (without brackets) or a DNS name."""
    port: int
    sni: str | None
    http_host: str | None
    path: str | None
    """A prefix of the request's path."""
    tls: Tls
    """What happens to TLS on this rule: the listener's mode, unless the rule overrides it."""
    upstream_tls: str | None
    """Name to verify in the upstream's certificate and to send as SNI; None: plaintext to the upstream."""


@dataclass(frozen=True, slots=True)
class RenderListener:
    """One listener of one container."""

    address: str
    """An IP address without brackets."""
    port: int
    tls: Tls
    leaf: str | None
    """File stem under /etc/lab/tls; None where nothing is ended."""
    names: tuple[str, ...]
    """Names on the leaf."""
    rules: tuple[RenderRule, ...]
    """In the order of the scenario: the first whose conditions all hold is taken."""
    ipv6: bool


def render(row: Server, template: str, listeners: tuple[RenderListener, ...]) -> str:
    """The configuration of server `row` for `listeners`.

    Raises `Unsupported` for what the row says the server cannot do, `RenderError` for a value or an arrangement that
    no configuration may carry.
    """
    for listener in listeners:
        _check_values(listener)
        _check(listener)
        _supported(row, listener)
    try:
        return _compiled(template).render(listeners=listeners)
    except TemplateError as error:
        raise RenderError(f"the template of {row.name} does not fit: {error}") from error


def _check_values(listener: RenderListener) -> None:
    """Every value, whether the template at hand uses it or not: a template may forget a filter."""
    if not is_ip(listener.address):
        raise RenderError(f"{listener.address!r} is not an IP address to listen on")
    endpoint(listener)
    for name in (*listener.names, *((listener.leaf,) if listener.leaf is not None else ())):
        token(name)
    for rule in listener.rules:
        endpoint(rule)
        for name in (rule.sni, rule.http_host, rule.upstream_tls):
            if name is not None:
                host(name)
        if rule.path is not None:
            quoted(rule.path)


def _check(listener: RenderListener) -> None:
    for rule in listener.rules:
        if wrong := _wrong(listener, rule):
            raise RenderError(f"{_place(listener)}, rule to {rule.host}:{rule.port}: {wrong}")
    if listener.leaf is None and Tls.ENDED in _modes(listener):
        raise RenderError(f"{_place(listener)} ends TLS and has no leaf certificate")


def _wrong(listener: RenderListener, rule: RenderRule) -> str:
    if rule.tls is Tls.PASSTHROUGH and (rule.http_host or rule.path or rule.upstream_tls):
        return "where TLS is passed through, host and path cannot be seen and TLS cannot be begun"
    if listener.tls is Tls.NONE and (rule.sni or rule.tls is not Tls.NONE):
        return "the listener has no TLS, so a rule cannot ask for SNI or TLS"
    if listener.tls is not Tls.NONE and rule.tls is Tls.NONE:
        return "the listener has TLS, so a rule must end it or pass it through"
    return ""


def _place(listener: RenderListener) -> str:
    return f"listener {listener.address}:{listener.port}"


def _modes(listener: RenderListener) -> set[Tls]:
    return {listener.tls, *(rule.tls for rule in listener.rules)}


def _supported(row: Server, listener: RenderListener) -> None:
    for mode in sorted(_modes(listener)):
        if mode not in row.tls:
            raise Unsupported(row.name, f"has no listener with `tls: {mode}`; it knows {', '.join(row.tls) or 'none'}")
    if row.role != "proxy" and listener.rules:
        raise Unsupported(row.name, f"sends nothing on: it is of role {row.role}")
    if row.role == "proxy" and not listener.rules:
        raise RenderError(f"{_place(listener)} of {row.name} has no rule, and a proxy answers nothing itself")
    if choices.mixed(listener) and not row.mixes:
        raise Unsupported(row.name, "cannot end TLS for one name and pass it through for another on one port")
    for rule in listener.rules:
        _rule_supported(row, rule)


def _rule_supported(row: Server, rule: RenderRule) -> None:
    asked = {"sni": rule.sni, "host": rule.http_host, "path": rule.path}
    for condition, value in asked.items():
        if value is not None and condition not in row.routes_by:
            raise Unsupported(row.name, f"does not route by {condition}; it knows {', '.join(row.routes_by) or 'none'}")
    if rule.upstream_tls is not None and not row.begins_tls:
        raise Unsupported(row.name, "does not begin TLS towards an upstream")


def endpoint(value: RenderListener | RenderRule) -> str:
    """`address:port` of a listener, or of a rule's upstream."""
    place = value.address if isinstance(value, RenderListener) else value.host
    return f"{address(place)}:{number(value.port)}"


def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    filters: dict[str, Callable[..., object]] = {
        "token": token,
        "host": host,
        "quoted": quoted,
        "number": number,
        "endpoint": endpoint,
        "bare": bare,
        "map_key": map_key,
        "stem": choices.stem,
        "passes": choices.passes,
        "by_sni": choices.by_sni,
        "by_host": choices.by_host,
        "locations": choices.locations,
        "conditional": choices.conditional,
        "otherwise": choices.otherwise,
        "upstreams": choices.upstreams,
    }
    environment.filters.update(filters)
    environment.tests.update({"fronted": choices.fronted, "ip": is_ip})
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=32)
def _compiled(template: str) -> Template:
    return _ENVIRONMENT.from_string(template)
