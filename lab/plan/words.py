"""Values as words of a configuration: each function gives text that a configuration reads as one word, or raises.

Rule: what is allowed is listed, never what is forbidden. Weak spot: the lists hold for nginx, HAProxy and JSON; a
server with another notion of a word needs its own.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.model.scenario import Rate


class RenderError(Exception):
    """A value that no configuration may carry, or an arrangement of rules that has no meaning."""


_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,600}[a-z0-9])?")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PATH = re.compile(r"/[A-Za-z0-9._~!&'()*+,=:@%/-]*")


def _match(pattern: re.Pattern[str], value: object, kind: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise RenderError(f"{value!r} is not a {kind} that a configuration may carry")
    return value


def token(value: object) -> str:
    """A name of the lab's own making, such as a file stem: lower case letters, digits, dots, dashes, underscores."""
    return _match(_NAME, value, "name")


def host(value: object) -> str:
    """A DNS name in lower case (RFC 1123, section 2.1)."""
    return _match(_HOST, value, "host name")


def quoted(value: object) -> str:
    """A path prefix in double quotes, inside which none of its characters means anything to nginx or HAProxy."""
    return f'"{_match(_PATH, value, "path")}"'


def bare_path(value: object) -> str:
    """A path prefix without quotes, for a language that quotes with what no path has (a backquote)."""
    return _match(_PATH, value, "path")


def regex(value: object) -> str:
    """A path prefix as a regular expression that fits it alone."""
    return re.escape(_match(_PATH, value, "path"))


# Words with a meaning of their own on the left side of nginx's `map` (ngx_http_map_module, "map").
_MAP_WORDS = frozenset({"default", "hostnames", "include", "volatile"})


PROTOCOLS = ("h2", "http/1.1")
"""Of HTTP, by the names that ALPN has for them (RFC 9113, section 3.1; RFC 7301, section 6)."""


def alpn(value: object) -> str:
    """A protocol's name in ALPN."""
    if value not in PROTOCOLS:
        raise RenderError(f"{value!r} is not a protocol that a configuration may carry")
    return str(value)


def map_key(value: object) -> str:
    """A name on the left side of nginx's `map`; a word with a meaning of its own loses it by a backslash."""
    name = host(value)
    return f"\\{name}" if name in _MAP_WORDS else name


def number(value: object) -> str:
    """A port from 1 to 65535."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise RenderError(f"{value!r} is not a port")
    return str(value)


def amount(value: object) -> str:
    """A whole number from 0 on: a size in bytes, a time in seconds, a length."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RenderError(f"{value!r} is not a whole number from 0 on")
    return str(value)


def pace(rate: Rate) -> str:
    """A rate as nginx writes it, in whole requests a second or a minute (ngx_http_limit_req_module, "limit_req_zone")."""
    for unit, seconds in (("r/s", 1), ("r/m", 60)):
        if rate.requests * seconds % rate.seconds == 0:
            return f"{amount(rate.requests * seconds // rate.seconds)}{unit}"
    raise RenderError(f"{rate.requests} requests in {rate.seconds} s are no whole number a second or a minute")


def address(value: object) -> str:
    """An IP address or DNS name; an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    try:
        ip = ip_address(str(value))
    except ValueError:
        return host(value)
    if getattr(ip, "scope_id", None):
        raise RenderError(f"{value!r} has a zone, which no configuration may carry")
    return f"[{ip}]" if ip.version == 6 else str(ip)


def bare(value: object) -> str:
    """An IP address or DNS name without brackets, for servers that take address and port apart."""
    return address(value).strip("[]")


def is_ip(value: object) -> bool:
    """Whether an upstream is an address, so that no name needs to be resolved."""
    try:
        ip_address(str(value))
    except ValueError:
        return False
    return True
