"""A scenario whose target runs already: containers that the lab did not make, looked into and left alone.

Rule: what would start or change something is a mistake there, and what only makes sense there is a mistake elsewhere. Names
of containers are the deployment's and known to nobody before it is looked into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.scenario.meaning.view import Finding, Rule, View
from lab.scenario.problems import Told
from lab.scenario.tree import ANY, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.scenario.tree import Path

ARRANGED = ("networks", "namespaces", "containers", "listening", "variants", "twins")
"""Sections that describe, or change, what the lab would start."""

OF_CLIENT = (("request", "streams"), ("request", "new_port"), ("request", "alt_svc"))
"""What the lab's client does on a connection, or remembers, beside sending one request."""

SENT: tuple[Path, ...] = tuple(
    ("probes", ANY, *key) for key in (("via",), ("steps",), ("repeat",), ("exact", "transport"), ("exact", "tls"), *OF_CLIENT)
)
"""What a probe of a running deployment cannot have."""

OWN: tuple[Path, ...] = (
    ("scope",),
    *(("probes", ANY, "request", key) for key in ("proxy", "marked", "ca", "certificate", "key")),
)
"""What only a probe of a running deployment can have."""


def _arranged(view: View) -> Iterator[Finding]:
    for section in ARRANGED if view.running else ():
        if at(view.tree, (section,)) is not None:
            text = f"with `target: running` nothing is started or changed, so there is no `{section}`"
            yield Finding((section,), Told(text, "scope, probes", "take one of the two away"), key=True)


def _sent(view: View) -> Iterator[Finding]:
    for path, _ in (found for place in SENT if view.running for found in view.matches(place)):
        text = f"a probe of what runs already is one request, or exact bytes on one TCP connection; it has no `{path[-1]}`"
        yield Finding(path, Told(text, "request, exact"), key=True)


def _own(view: View) -> Iterator[Finding]:
    for path, _ in (found for place in OWN if not view.running for found in view.matches(place)):
        told = Told(f"`{path[-1]}` is for containers that run already", "", "add `target: running`, or take it away")
        yield Finding(path, told, key=True)


def _nothing(view: View) -> Iterator[Finding]:
    if view.running and not view.scenario.probes:
        yield Finding(("target",), Told("nothing is sent, so nothing is found out", "", "add a probe"), key=True)


def _keys(view: View) -> Iterator[Finding]:
    for path, _ in view.matches(("probes", ANY, "request", "key")):
        if at(view.tree, (*path[:-1], "certificate")) is None:
            yield Finding(path, Told("a key without its certificate", "", "add `certificate`"), key=True)


def _leaves(view: View) -> Iterator[Finding]:
    for path, _ in view.matches(("probes", ANY, "expect", "certificate")) if view.running else ():
        text = "which running container holds a certificate is not looked into: their files are not read"
        yield Finding(path, Told(text, "", "`tls_ends_at` says who ended TLS"), key=True)


RULES = (
    Rule("arranged", "a scenario of what runs already arranges nothing", _arranged, running=True),
    Rule("running-probe", "a probe of what runs already changes nothing", _sent, running=True),
    Rule("no-probe", "a scenario of what runs already sends something", _nothing, reads=("probes",), running=True),
    Rule("running-only", "what is for containers that run already stands beside `target: running`", _own),
    Rule("key-alone", "a client's key has a certificate", _keys, running=True),
    Rule("leaf", "of what runs already no certificate's place is expected", _leaves, running=True),
)
