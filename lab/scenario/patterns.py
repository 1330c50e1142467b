"""Each pattern of the schema in words, with a guess what a value that does not match it was meant to be.

Rule: a pattern without a row fails a test. A guess is offered, never taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from lab.model import scenario

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a pattern is told."""

    words: str
    guess: Callable[[str], str] = lambda _: ""
    """What was likely meant; empty: no idea."""


def _of(alias: Any) -> str:
    """The pattern of an annotated type."""
    return next(str(one.pattern) for one in get_args(alias)[1:] if getattr(one, "pattern", None))


def _name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-").lstrip("0123456789-")[:31]


def _host(text: str) -> str:
    bare = re.sub(r"^[a-z]+://|[/:].*$", "", text.lower())
    return re.sub(r"[^a-z0-9.-]+", "-", bare).strip(".-")


def _address(text: str) -> str:
    bare = re.sub(r"^[a-z]+://|/.*$", "", text)
    if re.fullmatch(r"[0-9]{1,5}", bare):
        return f"0.0.0.0:{bare}"
    if re.fullmatch(r"[:*]:?[0-9]{1,5}", bare):
        return f"[::]:{bare.strip(':*')}" if bare.startswith("::") else f"0.0.0.0:{bare.strip(':*')}"
    if found := re.fullmatch(r"([0-9a-fA-F:]*::?[0-9a-fA-F]*):([0-9]{1,5})", bare):
        return f"[{found[1]}]:{found[2]}"
    return bare if re.fullmatch(_of(scenario.Address), bare) else f"{bare}:80" if re.fullmatch(r"[\w.-]+", bare) else ""


def _claim(text: str) -> str:
    found = re.fullmatch(r"[Cc]?0*([0-9]{1,2})", text)
    return f"C{int(found[1]):02}" if found else ""


def _url(text: str) -> str:
    rest = re.sub(r"^[\w+.-]*://", "", text)
    return f"http://{rest}" if re.fullmatch(r"[\w.:-]+(/\S*)?", rest) else ""


def _slash(text: str) -> str:
    return f"/{text}" if re.fullmatch(r"[A-Za-z0-9._/-]+", text) else ""


def _method(text: str) -> str:
    return text.upper() if text.isalpha() else ""


PATTERNS: dict[str, Pattern] = {
    _of(scenario.Name): Pattern("a name: lower case letters, digits and dashes, a letter first, 31 characters at most", _name),
    _of(scenario.Running): Pattern("a container's name: letters, digits, `_`, `.` and dashes, no dash first"),
    _of(scenario.HostName): Pattern("a DNS name in lower case", _host),
    _of(scenario.Claim): Pattern("a claim's id, such as `C07`", _claim),
    _of(scenario.Address): Pattern("an address and a port, such as `127.0.0.1:3000`, `[::]:8443` or `app:3000`", _address),
    _of(scenario.TextLine): Pattern("one line of text without control characters", lambda text: " ".join(text.split())),
    _of(scenario.Prose): Pattern("text without control characters but line feeds"),
    _of(scenario.UrlPath): Pattern("a path that begins with `/`, without blanks, quotes, braces, `$`, `;` or `#`", _slash),
    _of(scenario.Bytes): Pattern("bytes: characters up to U+00FF, written as they are or as `\\x00` to `\\xff`"),
    r"^https?://[^\s]+$": Pattern("a URL that begins with `http://` or `https://`", _url),
    r"^[A-Z]{1,16}$": Pattern("a method in capitals, such as `GET`", _method),
    r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$": Pattern("a field's name (RFC 9110, section 5.1)", lambda text: text.strip().rstrip(":")),
    r"^[A-Za-z_][A-Za-z0-9_]*$": Pattern("a variable's name: letters, digits and `_`", lambda text: re.sub(r"\W", "_", text)),
    r"^/[A-Za-z0-9._/-]+$": Pattern("an absolute path of letters, digits, `.`, `_` and `-`", _slash),
}
"""Pattern as it stands in the schema -> how it is told."""
