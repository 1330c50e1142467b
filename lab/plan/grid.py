"""One arrangement for each server, with all probes of the grid in it.

Rule: a proxy stands before the lab's application, an application server alone, one that speaks no HTTP behind what it is made
for. Every server has its own limits, but for a second container of it (`strict`) where its configuration can be told some.
Exact bytes carry a token, so that a handler that does not know its connection can be told, too. Weak spot: a fault is tried
once.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lab.model.grid import ASKS, BY_ID, LIMIT_BODY, LIMIT_SECONDS, LINE_SIZES, WAIT
from lab.model.scenario import Tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lab.model.catalogue import Server

FRONT, SECURE, STRICT, BEHIND = "front", "secure", "strict", "app"
NAME = "shop.example"
CHUNKED = "Transfer-Encoding: chunked"
CLEAR, ENCRYPTED, LIMITED = 8080, 8443, 8081
PATIENCE = 8.0
"""Seconds for an answer that should come: Java needs some for its first on a busy machine."""


def asked(row: Server) -> bool:
    """Whether it has a row of its own. A function has no socket; it stands behind its gateway."""
    return row.role in ("proxy", "application") and row.speaks != "runtime"


def stands(row: Server) -> str:
    """In words."""
    if row.role == "proxy":
        return "before the lab's application"
    if row.worker:
        return f"before the server `{row.worker}`"
    return "behind nginx" if row.speaks == "fastcgi" else "alone"


def scenario(row: Server) -> dict[str, Any]:
    """The arrangement."""
    title = f"the grid of receipt: {row.name}"
    return {
        "title": title,
        "about": title,
        "namespaces": {"web": {"names": [NAME]}},
        "containers": containers(row),
        "probes": {name: probe for ask in ASKS if not unasked(row, ask.id) for name, probe in PROBES.get(ask.id, _none)(row)},
    }


def unasked(row: Server, ask: str) -> str:
    """Why a probe has no meaning for a server; empty: it has."""
    if ask in ("plain-to-tls", "tls") and Tls.ENDED not in row.tls:
        if row.speaks == "fastcgi":
            return "it speaks FastCGI alone: TLS is the matter of the web server before it"
        return "it ends no TLS" if row.name != "function-gateway" else "the gateway ends no TLS: that is the ingress's"
    if ask == "body-limit" and "body_bytes" not in row.options:
        return "the lab's template sets it no limit"
    if ask == "upstream" and not _behind(row):
        return "nothing stands behind it"
    return ""


def _behind(row: Server) -> bool:
    return row.role == "proxy" or bool(row.worker) or row.speaks == "fastcgi"


def containers(row: Server) -> dict[str, Any]:
    """The server itself, once more with TLS and once more with limits where it has such, and what it needs beside it."""
    made = {FRONT: _server(row, CLEAR)}
    if Tls.ENDED in row.tls:
        made[SECURE] = _server(row, ENCRYPTED, tls="ended", names=[NAME])
    if limits := _limits(row):
        made[STRICT] = {**_server(row, LIMITED), "limits": limits}
    if row.role == "proxy":
        made[BEHIND] = {"namespace": "web", "server": "app", "listen": [{"on": "127.0.0.1:3000"}]}
    if row.worker:
        made[BEHIND] = {"namespace": "web", "server": row.worker}
    if row.speaks == "fastcgi":
        rule = {"to": "127.0.0.1:9000", "fastcgi": "/opt/lab/handler.php"}
        made[FRONT] = {"namespace": "web", "server": "nginx", "listen": [{"on": f"0.0.0.0:{CLEAR}", "routes": [rule]}]}
        made[BEHIND] = {"namespace": "web", "server": row.name, "listen": [{"on": "127.0.0.1:9000"}]}
    return made


def _server(row: Server, port: int, **more: Any) -> dict[str, Any]:
    listen: dict[str, Any] = {"on": f"0.0.0.0:{port}", **more}
    if row.role == "proxy":
        listen["routes"] = [{"to": "127.0.0.1:3000"}]
    return {"namespace": "web", "server": row.name, "listen": [listen]}


def _limits(row: Server) -> dict[str, int]:
    wanted = {"head_seconds": LIMIT_SECONDS, "body_seconds": LIMIT_SECONDS, "body_bytes": LIMIT_BODY}
    return {option: value for option, value in wanted.items() if option in row.options}


# The probes.


def token(name: str) -> str:
    """Of a probe's exact bytes: 16 hex digits that nothing else in an arrangement has."""
    return sha256(name.encode()).hexdigest()[:16]


def head(name: str, *fields: str, line: str = "", host: str = f"Host: {NAME}") -> str:
    """A head whose path names its probe, to its blank line."""
    first = line or f"GET /grid/{name} HTTP/1.1"
    return "\r\n".join(filter(None, (first, host, f"Lab-Probe: {token(name)}", *fields))) + "\r\n\r\n"


def _none(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    return iter(())


def _exact(name: str, send: str, port: int = CLEAR, timeout: float = PATIENCE) -> tuple[str, dict[str, Any]]:
    return name, {"exact": {"connect_to": f"web:{port}", "send": send, "timeout": timeout}}


def _steps(name: str, *steps: dict[str, Any], timeout: float = PATIENCE) -> tuple[str, dict[str, Any]]:
    return name, {"timeout": timeout, "steps": [{"connect": f"web:{CLEAR}"}, *steps]}


def _one(name: str, *fields: str, body: str = "", **more: str) -> Callable[[Server], Iterator[tuple[str, dict[str, Any]]]]:
    return lambda _: iter((_exact(name, head(name, *fields, **more) + body),))


def _post(name: str) -> str:
    return f"POST /grid/{name} HTTP/1.1"


def _strictly(row: Server, option: str) -> int:
    return LIMITED if option in row.options else CLEAR


def _good(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "good", {"request": {"url": f"http://{NAME}:{CLEAR}/grid/good", "timeout": 20.0}}


def _tls(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "tls", {"request": {"url": f"https://{NAME}:{ENCRYPTED}/grid/tls", "timeout": 20.0}}


def _head_then_body(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    name = "head-then-body"
    send = head(name, "Content-Length: 5", line=_post(name))
    yield _steps(name, {"send": send}, {"look": "head"}, {"send": "hello"}, {"receive": 1})


def _half_a_head(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    send = head("half-a-head").removesuffix("\r\n")
    yield _steps("half-a-head", {"send": send}, {"look": "half"}, {"send": "\r\n"}, {"receive": 1})


def _expect(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    send = head("expect", "Content-Length: 5", "Expect: 100-continue", line=_post("expect"))
    yield _steps("expect", {"send": send}, {"look": "head"}, {"send": "hello"}, {"receive": 1})


def _long_line(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    for size in LINE_SIZES:
        name = f"long-line-{size}"
        yield _exact(name, head(name, line=f"GET /grid/{'a' * (size - 6)} HTTP/1.1"))


def _long_field(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    for size in LINE_SIZES:
        name = f"long-field-{size}"
        yield _exact(name, head(name, f"X-Note: {'a' * size}"))


def _body_large(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    send = head("body-large", "Content-Length: 20000000000", line=_post("body-large"))
    yield _exact("body-large", send, timeout=WAIT)


def _body_limit(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    yield _exact("body-within", head("body-within", "Content-Length: 5", line=_post("body-within")) + "hello", LIMITED)
    send = head("body-limit", "Content-Length: 32", line=_post("body-limit"))
    yield _exact("body-limit", send + "a" * 32, LIMITED)


def _body_short(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    send = head("body-short", "Content-Length: 10", line=_post("body-short")) + "hello"
    yield _steps("body-short", {"send": send}, {"do": "half-close"}, {"receive": 1}, timeout=WAIT)


def _silent(row: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    yield _exact("silent", "", _strictly(row, "head_seconds"), WAIT)


def _slow_head(row: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    send = head("slow-head").removesuffix("\r\n\r\n")
    yield _exact("slow-head", send, _strictly(row, "head_seconds"), WAIT)


def _slow_body(row: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    send = head("slow-body", "Content-Length: 5", line=_post("slow-body")) + "he"
    yield _exact("slow-body", send, _strictly(row, "body_seconds"), WAIT)


def _plain_to_tls(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    yield _exact("plain-to-tls", head("plain-to-tls"), ENCRYPTED, WAIT)


def _tls_to_plain(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    exact = {"connect_to": f"web:{CLEAR}", "tls": {"sni": NAME}, "timeout": WAIT}
    yield "tls-to-plain", {"exact": exact}


def _keep_alive(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    first, second = head("keep-alive"), head("keep-alive-again")
    yield _steps("keep-alive", {"send": first}, {"receive": 1}, {"look": "first"}, {"send": second}, {"receive": 1})


def _pipelined(_: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    yield _steps("pipelined", {"send": head("pipelined") + head("pipelined-again")}, {"receive": 2})


def _half_close(row: Server) -> Iterator[tuple[str, dict[str, Any]]]:
    """Who would answer is frozen until the end of the sending side has come: nobody is quicker than that."""
    who = BEHIND if _behind(row) else FRONT
    ending = [{"send": head("half-close")}, {"do": "half-close"}, {"await": "settled"}]
    yield _steps("half-close", {"freeze": who}, *ending, {"thaw": who}, {"receive": 1})


PROBES: Mapping[str, Callable[[Server], Iterator[tuple[str, dict[str, Any]]]]] = {
    "good": _good,
    "head-then-body": _head_then_body,
    "half-a-head": _half_a_head,
    "expect": _expect,
    "bad-method": _one("bad-method", line="G@T /grid/bad-method HTTP/1.1"),
    "bad-version": _one("bad-version", line="GET /grid/bad-version HTTP/3.0"),
    "no-host": _one("no-host", host=""),
    "two-hosts": _one("two-hosts", "Host: other.example"),
    "both-lengths": _one(
        "both-lengths", "Content-Length: 5", CHUNKED, line=_post("both-lengths"), body="5\r\nhello\r\n0\r\n\r\n"
    ),
    "two-lengths": _one("two-lengths", "Content-Length: 5", "Content-Length: 6", line=_post("two-lengths"), body="hello!"),
    "nul": _one("nul", "X-Note: a\0b"),
    "control": _one("control", "X-Note: a\x01b"),
    "bad-chunk": _one("bad-chunk", CHUNKED, line=_post("bad-chunk"), body="zz\r\nhello\r\n0\r\n\r\n"),
    "long-line": _long_line,
    "long-field": _long_field,
    "body-large": _body_large,
    "body-limit": _body_limit,
    "body-short": _body_short,
    "silent": _silent,
    "slow-head": _slow_head,
    "slow-body": _slow_body,
    "plain-to-tls": _plain_to_tls,
    "tls-to-plain": _tls_to_plain,
    "tls": _tls,
    "keep-alive": _keep_alive,
    "pipelined": _pipelined,
    "half-close": _half_close,
    "http-1-0": _one("http-1-0", line="GET /grid/http-1-0 HTTP/1.0"),
}
"""Id of an ask -> its probes. `upstream` and `processes` are read from others."""

assert PROBES.keys() <= BY_ID.keys()  # noqa: S101 - a mistake of this file
