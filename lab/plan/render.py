"""Turns the listeners of one container into the text of its server's configuration file.

Rule: the template is the lab's own file, the values are a user's. A value is never evaluated, and every value
passes a filter that refuses whatever a configuration could interpret, although the schema has already refused it.
Weak spot: a filter that a template forgets; `tests/plan/test_render.py` feeds hostile values to every template.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, NoReturn

from jinja2 import StrictUndefined
from jinja2.exceptions import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from lab.model.scenario import Tls
from lab.plan import choices
from lab.plan.abilities import Unsupported, supported
from lab.plan.shapes import RenderDatabase, RenderListener, RenderRule, Settings
from lab.plan.words import (
    RenderError,
    address,
    alpn,
    amount,
    bare,
    bare_path,
    host,
    is_ip,
    map_key,
    number,
    pace,
    quoted,
    regex,
    token,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jinja2 import Template

    from lab.model.catalogue import Server

__all__ = ["RenderError", "RenderListener", "RenderRule", "Settings", "Unsupported", "render"]

NOTHING_SET = Settings()


def render(row: Server, template: str, listeners: tuple[RenderListener, ...], settings: Settings = NOTHING_SET) -> str:
    """The configuration of server `row` for `listeners` and `settings`.

    Raises `Unsupported` for what the row says the server cannot do, `RenderError` for a value or an arrangement that
    no configuration may carry.
    """
    _check_settings(settings)
    for listener in listeners:
        _check_values(listener)
        _check(listener)
    supported(row, listeners, settings)
    for listener in listeners:
        if row.role == "proxy" and not listener.rules:
            raise RenderError(f"{_place(listener)} of {row.name} has no rule, and a proxy answers nothing itself")
    try:
        values = {"listeners": listeners, "settings": settings, "limits": settings.limits, "refuse": partial(_refuse, row)}
        return _compiled(template).render(values)
    except TemplateError as error:
        raise RenderError(f"the template of {row.name} does not fit: {error}") from error


def _refuse(row: Server, why: str) -> NoReturn:
    """For templates: what the server has no words for, where no option tells it."""
    raise Unsupported(row.name, why)


def _check_settings(settings: Settings) -> None:
    limits = settings.limits
    for value in (settings.workers, limits.head_bytes, limits.body_bytes, limits.head_seconds, limits.body_seconds):
        if value is not None:
            amount(value)
    if settings.database is not None:
        endpoint(settings.database)


def _check_values(listener: RenderListener) -> None:
    """Every value, whether the template at hand uses it or not: a template may forget a filter."""
    if not is_ip(listener.address):
        raise RenderError(f"{listener.address!r} is not an IP address to listen on")
    endpoint(listener)
    for name in (*listener.names, *((listener.leaf,) if listener.leaf is not None else ())):
        token(name)
    for path in listener.deny:
        quoted(path)
    for protocol in listener.alpn:
        alpn(protocol)
    rate = listener.rate
    for value in (listener.backlog, *((rate.requests, rate.seconds) if rate else ())):
        if value is not None:
            amount(value)
    for rule in listener.rules:
        _check_rule(rule)


def _check_rule(rule: RenderRule) -> None:
    endpoint(rule)
    for name in (rule.sni, rule.http_host, rule.upstream_tls):
        if name is not None:
            host(name)
    for path in (rule.path, rule.fastcgi):
        if path is not None:
            quoted(path)


def _check(listener: RenderListener) -> None:
    for rule in listener.rules:
        if wrong := _wrong(listener, rule):
            raise RenderError(f"{_place(listener)}, rule to {rule.host}:{rule.port}: {wrong}")
    for wrong in _wrongs(listener):
        raise RenderError(f"{_place(listener)} {wrong}")


def _wrongs(listener: RenderListener) -> Iterator[str]:
    """What is wrong with a listener as a whole."""
    ends = Tls.ENDED in _modes(listener)
    if ends and listener.leaf is None:
        yield "ends TLS and has no leaf certificate"
    if not ends and any((listener.client_certificate, listener.only_known_names, listener.early_data, listener.tls_version)):
        yield "ends no TLS, so it can demand neither a client's certificate nor a known name, nor anything else of a handshake"
    if listener.only_known_names and (strange := {rule.sni for rule in listener.rules} - {None, *listener.names}):
        yield f"refuses unknown names and has a rule for one that its certificate lacks: {', '.join(sorted(map(str, strange)))}"
    if _modes(listener) == {Tls.PASSTHROUGH} and (listener.deny or listener.rate):
        yield "passes TLS through, so it sees no request to deny or to count"
    if (listener.alpn and not ends) or (listener.h2c and listener.tls is not Tls.NONE):
        yield "takes protocols by ALPN in TLS that it ends, and HTTP/2 by prior knowledge in clear"
    if listener.quic and (listener.tls is not Tls.ENDED or choices.passes(listener) or listener.transport == "udp"):
        yield "speaks HTTP/3, so it ends TLS for every name"
    if listener.transport == "udp" and listener.tls is Tls.PASSTHROUGH:
        if any(rule.sni for rule in listener.rules) or len(listener.rules) != 1 or listener.proxy_protocol:
            yield "sends datagrams on: to one upstream, by no name, and without a PROXY line"
    elif listener.transport == "udp" and (listener.tls is not Tls.NONE or listener.rules or listener.proxy_protocol):
        yield "takes datagrams: no TLS, no rules, no PROXY line"


def _wrong(listener: RenderListener, rule: RenderRule) -> str:
    if rule.tls is Tls.PASSTHROUGH and (rule.http_host or rule.path or rule.upstream_tls or rule.h2):
        return "where TLS is passed through, host and path cannot be seen and TLS cannot be begun"
    if rule.fastcgi and (rule.tls is Tls.PASSTHROUGH or rule.upstream_tls or rule.send_proxy or rule.h2):
        return "FastCGI is spoken in clear, by who has read the request, and without a PROXY line"
    if listener.tls is Tls.NONE and (rule.sni or rule.tls is not Tls.NONE):
        return "the listener has no TLS, so a rule cannot ask for SNI or TLS"
    if listener.tls is not Tls.NONE and rule.tls is Tls.NONE:
        return "the listener has TLS, so a rule must end it or pass it through"
    return ""


def _place(listener: RenderListener) -> str:
    return f"listener {listener.address}:{listener.port}"


def _modes(listener: RenderListener) -> set[Tls]:
    return {listener.tls, *(rule.tls for rule in listener.rules)}


def endpoint(value: RenderListener | RenderRule | RenderDatabase) -> str:
    """`address:port` of a listener, or of an upstream or database."""
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
        "alpn": alpn,
        "amount": amount,
        "bare": bare,
        "map_key": map_key,
        "pace": pace,
        "stem": choices.stem,
        "passes": choices.passes,
        "by_sni": choices.by_sni,
        "by_host": choices.by_host,
        "known": choices.known,
        "locations": choices.locations,
        "conditional": choices.conditional,
        "otherwise": choices.otherwise,
        "within_host": choices.within_host,
        "regex": regex,
        "address": address,
        "bare_path": bare_path,
        "upstreams": choices.upstreams,
    }
    environment.filters.update(filters)
    environment.tests.update({"fronted": choices.fronted, "ip": is_ip})
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=32)
def _compiled(template: str) -> Template:
    return _ENVIRONMENT.from_string(template)
