"""From the words of the command line to what is asked: `lab trace`'s options are those of curl where curl has them.

Rule: a mistake is told with the option, the value and what is allowed, before anything is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.model.asked import Asked, Scope, Secrets
from lab.session import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model.observations import Endpoint

PORTS = {"http": 80, "https": 443}
UNITS = {"s": 1, "m": 60}
LONGEST = 600
"""Seconds of a watch: everything that passes is kept until it is told."""


@dataclass(frozen=True, slots=True)
class Given:
    """The options as they were typed."""

    url: str | None
    where: str = "host"
    project: str | None = None
    containers: tuple[str, ...] = ()
    resolve: tuple[str, ...] = ()
    raw: Path | None = None
    connect: str | None = None
    method: str | None = None
    headers: tuple[str, ...] = ()
    data: str | None = None
    insecure: bool = False
    http1: bool = False
    http2: bool = False
    http3: bool = False
    proxy: str | None = None
    timeout: float = 5.0
    no_header: bool = False
    watch: str | None = None
    save: str | None = None


def asked(given: Given) -> Asked:
    """What is asked. Raises UsageError."""
    scope = Scope(given.project, given.containers)
    if given.watch is not None:
        if given.url or given.raw:
            raise UsageError("--watch sends nothing: give no URL beside it")
        if given.save:
            raise UsageError("--save writes down one request, and --watch sends none: give a URL in its place")
        return Asked(("", 0), scope=scope, marked=False, watch=duration(given.watch))
    if given.raw is not None:
        if given.url or not given.connect:
            raise UsageError("--raw FILE needs --connect HOST:PORT, and no URL beside it")
        return Asked(
            endpoint(given.connect, "--connect"), vantage=given.where, scope=scope, send=_read(given.raw, "--raw"),
            marked=False, timeout=given.timeout,
        )  # fmt: skip
    if not given.url:
        raise UsageError("no URL: lab trace URL, or lab trace --raw FILE --connect HOST:PORT")
    body = _body(given.data)
    return Asked(
        connect=_connect(given), url=_url(given.url), vantage=given.where, scope=scope,
        method=given.method or ("POST" if given.data is not None else "GET"),
        headers=tuple(_header(text) for text in given.headers), body=body, http=_version(given),
        proxy=endpoint(given.proxy.removeprefix("http://"), "--proxy") if given.proxy else None,
        marked=not given.no_header, verify=not given.insecure, timeout=given.timeout,
    )  # fmt: skip


def secrets(cacert: Path | None, cert: Path | None, key: Path | None) -> Secrets:
    """What is trusted and shown. Raises UsageError, MachineError."""
    from lab.engine.foreign import trust

    if key and not cert:
        raise UsageError("--key needs --cert")
    also = trust.file(cacert, "--cacert") if cacert else ""
    return Secrets(
        ca=f"{trust.system()}\n{also}",
        certificate="\n".join(trust.file(path, f"--{name}") for name, path in (("key", key), ("cert", cert)) if path),
    )


def endpoint(text: str, option: str) -> Endpoint:
    """`HOST:PORT`; an IPv6 address stands in brackets. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{option} {text}: HOST:PORT is wanted, such as 127.0.0.1:8443 or [::1]:8443")
    return host.strip("[]"), int(port)


def duration(text: str) -> float:
    """Seconds of `30s`, `2m`, or a plain number. Raises UsageError."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        seconds = float(number) * UNITS[unit]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise UsageError(f"--watch {text}: a time up to {LONGEST // 60} minutes is wanted, such as 30s or 2m")
    return seconds


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in PORTS or not parts.hostname:
        raise UsageError(f"{text} is no URL of http or https, such as https://localhost:8443/orders")
    return text


def _connect(given: Given) -> Endpoint:
    """Where the connection goes: --connect, else a --resolve that fits, else what the URL says."""
    parts = urlsplit(_url(given.url or ""))
    try:
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    except ValueError as error:
        raise UsageError(f"{given.url}: {error}") from error
    if given.connect:
        return endpoint(given.connect, "--connect")
    for text in given.resolve:
        name, port_text, address = _resolved(text)
        if (name.lower(), port_text) == (host.lower(), str(port)):
            return address, port
    return host, port


def _resolved(text: str) -> tuple[str, str, str]:
    words = text.split(":", 2)
    if len(words) != 3 or not all(words) or not words[1].isdigit():
        raise UsageError(f"--resolve {text}: HOST:PORT:ADDR is wanted, such as shop.example:443:10.0.1.25")
    return words[0], words[1], words[2].strip("[]")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(mark in text for mark in "\r\n"):
        raise UsageError(f"--header {text!r}: Name: value is wanted; --raw sends what is no proper header")
    return name.strip(), value.strip()


def _body(data: str | None) -> bytes:
    if data is None:
        return b""
    if data.startswith("@"):
        from pathlib import Path

        return _read(Path(data[1:]), "--data")
    return data.encode()


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from error


def _version(given: Given) -> str:
    asked = [name for name, wanted in (("1.1", given.http1), ("2", given.http2), ("3", given.http3)) if wanted]
    if len(asked) > 1:
        raise UsageError(f"--http{asked[0]} and --http{asked[1]} exclude each other")
    if given.http3 and (given.proxy or not (given.url or "").startswith("https:")):
        raise UsageError("--http3 is QUIC: it wants an https URL, and goes through no proxy")
    return asked[0] if asked else "auto"
