"""Probes: what is sent, from where, and by which way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.scenario.meaning.addresses import targets
from lab.scenario.meaning.view import HOST, Finding, Rule, View
from lab.scenario.problems import Told
from lab.scenario.tree import ANY, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.scenario import Probe

SENT = ("request", "exact", "steps")
"""What a probe can be: an ordinary request, exact bytes, a list of steps."""

TOKEN_HEADER = "lab-probe"  # noqa: S105 - a header's name


def _one_of(view: View) -> Iterator[Finding]:
    for name, probe in view.scenario.probes.items():
        given = [field for field in SENT if getattr(probe, field, None)]
        path = ("probes", name)
        if not given:
            yield Finding(path, Told(f"the probe `{name}` sends nothing", f"exactly one of {', '.join(SENT)}"), key=True)
        for extra in given[1:]:
            told = Told(
                f"the probe `{name}` has `{given[0]}` and `{extra}`",
                f"exactly one of {', '.join(SENT)}",
                "make two probes of it",
            )
            yield Finding((*path, extra), told, key=True)


def _ways(view: View) -> Iterator[Finding]:
    for name, probe in view.scenario.probes.items():
        if probe.via != "name" and probe.from_ != HOST:
            told = Told(
                f"`via` is the way in from the host, and this probe comes from `{probe.from_}`",
                "",
                "add `from: host`, or leave `via` out",
            )
            yield Finding(("probes", name, "via"), told, key=True)


_PUBLISHED = {"name": "loopback", "published": "loopback", "gateway": "gateway"}
"""`via` -> on what a port must be published for it."""


def _published(view: View) -> Iterator[Finding]:
    for target in targets(view):
        probe = _probe(view, target.path)
        there = view.named.get(target.host, ())
        if target.vantage != HOST or probe is None or not there or probe.via == "direct":
            continue
        where = _PUBLISHED[probe.via]
        declared = view.scenario.namespaces.get(there[0])
        ports = [one.port for one in (declared.publish if declared else ()) if one.on == where]
        if target.port not in ports:
            how = f"{{port: {target.port}}}" if where == "loopback" else f"{{port: {target.port}, on: gateway}}"
            told = Told(
                f"`{there[0]}` does not publish port {target.port} on {where}",
                ", ".join(map(str, ports)) or "no port is published so",
                f"add publish: [{how}] to the namespace, or take another way with `via`",
            )
            yield Finding(target.path, told)


def _probe(view: View, path: tuple[str | int, ...]) -> Probe | None:
    return view.scenario.probes[str(path[1])] if path[0] == "probes" else None


def _headers(view: View) -> Iterator[Finding]:
    for path, node in view.matches(("probes", ANY, "request", "headers", ANY)):
        if str(path[-1]).lower() == TOKEN_HEADER:
            yield Finding(path, Told("this header carries the lab's own token", "", "take it away"), key=True)
        value = getattr(node, "value", "")
        if isinstance(value, str) and any(ord(char) > 0xFF for char in value):
            yield Finding(path, Told("a header carries bytes, so characters up to U+00FF (RFC 9110, section 5.5)"))


_THIRD_ONLY = ("streams", "new_port", "early_data")
"""Fields of a request that HTTP/3 alone has."""


def _over_quic(view: View) -> Iterator[Finding]:
    for name, probe in view.scenario.probes.items():
        request, path = probe.request, ("probes", name, "request")
        given = request.model_fields_set if request and request.http != 3 else set()
        for field in _THIRD_ONLY:
            if field in given:
                told = Told(f"`{field}` is of HTTP/3, and this request is not", "", "add `http: 3`, or leave it out")
                yield Finding((*path, field), told, key=True)
        if request and request.http == 3 and not request.url.startswith("https:"):
            told = Told("HTTP/3 has no clear text", "an https URL", "write https://, or take another version")
            yield Finding((*path, "url"), told)
        if request and request.http == 3 and request.new_port and request.streams < 2:
            told = Told("the port changes after the first answer, so there must be another request", "", "add `streams: 2`")
            yield Finding((*path, "new_port"), told, key=True)
        if request and request.http == 3 and request.new_port and request.early_data:
            told = Told("early data goes before the first answer, and the port changes after it", "", "make two probes of it")
            yield Finding((*path, "early_data"), told, key=True)


def _moments(view: View) -> Iterator[Finding]:
    for path, _ in view.matches(("probes", ANY, "steps", ANY, "expect")):
        if at(view.tree, (*path[:-1], "look")) is None:
            told = Told("`expect` of a step is judged by a look", "", "add `look: NAME` to the step")
            yield Finding(path, told, key=True)


RULES = (
    Rule("what-is-sent", "a probe is one request, one piece of exact bytes, or one list of steps", _one_of, running=True),
    Rule("via", "only a probe from the host has a way in", _ways),
    Rule("not-published", "the way in from the host is open", _published, reads=("namespaces",)),
    Rule("headers", "headers are ones that a client can send", _headers, running=True),
    Rule("over-quic", "what only HTTP/3 has is asked of HTTP/3", _over_quic, running=True),
    Rule("moment", "what is expected of a moment has a look", _moments, running=True),
)
