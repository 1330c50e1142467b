"""Reads the ordered rules of a listener in the shapes that servers want: by SNI, by host, by longest prefix.

Rule: the first rule whose conditions all hold is taken. Servers that choose by the best match instead (nginx) get a
table that gives the same choice for every request. Weak spot: whether TLS is ended or passed through is decided by SNI
alone, before any request can be read; the first rule that admits the name decides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from lab.model.scenario import Tls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.plan.shapes import RenderListener, RenderRule


@dataclass(frozen=True, slots=True)
class SniGroup:
    """All connections to a listener that name the same host in SNI."""

    sni: str | None
    """None: every name that no other group has, and no name at all."""
    tls: Tls
    rules: tuple[RenderRule, ...]
    """Those that admit this name, in order. For passthrough the first one alone counts."""


@dataclass(frozen=True, slots=True)
class HostGroup:
    """All requests that name the same host in their Host field."""

    host: str | None
    """None: every host that no other group has."""
    rules: tuple[RenderRule, ...]


@dataclass(frozen=True, slots=True)
class Location:
    """The rule for all paths whose longest known prefix is this one."""

    path: str
    rule: RenderRule | None
    """None: no rule holds, the answer is 404."""
    denied: bool = False
    """The answer is 403, whatever the rules say."""


def mixed(listener: RenderListener) -> bool:
    """Whether one port ends TLS for one name and passes it through for another."""
    return {Tls.ENDED, Tls.PASSTHROUGH} <= {group.tls for group in by_sni(listener)}


def passes(listener: RenderListener) -> bool:
    """Whether it passes TLS through for any name, so that SNI must be read before TLS is ended."""
    return any(group.tls is Tls.PASSTHROUGH for group in by_sni(listener)) or listener.tls is Tls.PASSTHROUGH


def fronted(listener: RenderListener) -> bool:
    """Whether nginx needs its stream module before it: it passes through, or chooses by SNI.

    nginx chooses a server by Host, not by SNI, once it has ended TLS.
    """
    return passes(listener) or len(by_sni(listener)) > 1


def by_sni(listener: RenderListener) -> tuple[SniGroup, ...]:
    """Groups by SNI in the order of first mention, the group of all other names last.

    A listener that ends TLS or has none always has that last group, be it without rules (404); one that passes
    through has it only if a rule without `sni` says where to, and one that refuses unknown names only if some name is left
    for it (else such a connection is closed).
    """
    names = _distinct(rule.sni for rule in listener.rules)
    rest = () if listener.only_known_names and not set(listener.names) - set(names) else (None,)
    groups = [_group(listener, name) for name in (*names, *rest)]
    return tuple(group for group in groups if group.rules or group.tls is not Tls.PASSTHROUGH)


def _group(listener: RenderListener, sni: str | None) -> SniGroup:
    admitted = tuple(rule for rule in listener.rules if rule.sni in (None, sni))
    mode = admitted[0].tls if admitted else listener.tls
    return SniGroup(sni, mode, tuple(rule for rule in admitted if rule.tls is mode))


def known(listener: RenderListener, group: SniGroup) -> tuple[str, ...]:
    """Names of the certificate that come to this group; for the group of all other names, those that no other group has."""
    if group.sni is not None:
        return (group.sni,)
    others = {one.sni for one in by_sni(listener)}
    return tuple(name for name in listener.names if name not in others)


def by_host(rules: tuple[RenderRule, ...]) -> tuple[HostGroup, ...]:
    """Groups by host in the order of first mention, the group of all other hosts last and always there."""
    names = _distinct(rule.http_host for rule in rules)
    return tuple(HostGroup(name, tuple(rule for rule in rules if rule.http_host in (None, name))) for name in (*names, None))


def locations(group: HostGroup, deny: tuple[str, ...] = ()) -> tuple[Location, ...]:
    """A table for a server that takes the longest prefix, equal to denying first and then taking the first rule.

    All known prefixes of one path are prefixes of the longest of them, so the first rule that holds for that one
    holds for the path.
    """
    known = {"/", *deny, *(rule.path for rule in group.rules if rule.path)}
    longest_first = sorted(known, key=lambda path: (-len(path), path))
    found = {path: _location(group.rules, deny, path) for path in longest_first}
    return tuple(one for path, one in found.items() if path == "/" or not _same(one, found[_parent(known, path)]))


def _location(rules: tuple[RenderRule, ...], deny: tuple[str, ...], path: str) -> Location:
    denied = path.startswith(deny) if deny else False
    return Location(path, None if denied else _first(rules, path), denied)


def _same(one: Location, other: Location) -> bool:
    return (one.rule, one.denied) == (other.rule, other.denied)


def _first(rules: tuple[RenderRule, ...], path: str) -> RenderRule | None:
    return next((rule for rule in rules if path.startswith(rule.path or "/")), None)


def _parent(known: Iterable[str], path: str) -> str:
    """The longest other known prefix of `path`: what would be taken if `path` were not in the table."""
    return max((one for one in known if one != path and path.startswith(one)), key=len)


def conditional(rules: tuple[RenderRule, ...]) -> tuple[RenderRule, ...]:
    """The rules before the first that always holds: those after it can never be taken."""
    return tuple(takewhile(_has_condition, rules))


def otherwise(rules: tuple[RenderRule, ...]) -> RenderRule | None:
    """The first rule that always holds; None: what no rule admits is answered with 404."""
    return next((rule for rule in rules if not _has_condition(rule)), None)


def within_host(rules: tuple[RenderRule, ...]) -> tuple[RenderRule, ...]:
    """The rules of one host as far as they can be taken: those with a path up to the first without, and that one."""
    before = tuple(takewhile(lambda rule: rule.path is not None, rules))
    return rules[: len(before) + 1]


def _has_condition(rule: RenderRule) -> bool:
    return any(value is not None for value in (rule.sni, rule.http_host, rule.path))


def upstreams(listeners: tuple[RenderListener, ...]) -> tuple[RenderRule, ...]:
    """One rule for each distinct upstream (by `stem`), in order of first mention."""
    found: dict[str, RenderRule] = {}
    for listener in listeners:
        for rule in listener.rules:
            found.setdefault(stem(rule), rule)
    return tuple(found.values())


def stem(rule: RenderRule) -> str:
    """A readable name for a rule's upstream: `app_3000`, `app_8443_tls_app.example`, `app_8443_proxy_passed`.

    No host name has an underscore (RFC 1123, section 2.1), so two upstreams never share a name.
    """
    host = f"ip6_{rule.host.replace(':', '_')}" if ":" in rule.host else rule.host
    ending = f"_tls_{rule.upstream_tls}" if rule.upstream_tls else ""
    introduced = "_proxy" if rule.send_proxy else ""
    return f"{host}_{rule.port}{introduced}{'_passed' if rule.tls is Tls.PASSTHROUGH else ending}"


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))
