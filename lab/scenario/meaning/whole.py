"""What must hold of a file as a whole, before its cases are made."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lab.model.scenario import Each
from lab.scenario.meaning.view import Finding, Rule, View, repeated
from lab.scenario.problems import Told
from lab.scenario.tree import at
from lab.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator


def _id(view: View) -> Iterator[Finding]:
    """Names on the command line lead to files of the folder `scenarios`; elsewhere a file may be called anything."""
    path = PurePosixPath(view.file)
    stem = path.stem
    if path.parent.name == "scenarios" and view.scenario.id != stem:
        yield Finding(("id",), Told("a scenario's id is the name of its file", stem, "change one of them"))


def _claims(view: View) -> Iterator[Finding]:
    for place, claim in repeated(view.scenario.claims):
        yield Finding(("claims", place), Told(f"{claim} stands here twice"))


def _each(view: View) -> Iterator[Finding]:
    for name, container in view.scenario.containers.items():
        servers = container.server.each if isinstance(container.server, Each) else ()
        for place, server in repeated(servers):
            yield Finding(("containers", name, "server", "each", place), Told(f"`{server}` stands here twice"))


def _variants(view: View) -> Iterator[Finding]:
    servers = [one for c in view.scenario.containers.values() if isinstance(c.server, Each) for one in c.server.each]
    for name in view.scenario.variants:
        if name not in servers:
            told = Told(
                f"`{name}` is in no `each` of this file",
                ", ".join(dict.fromkeys(servers)) or "there is no `each`",
                nearest(name, servers),
            )
            yield Finding(("variants", name), told, key=True)


def _one_config(view: View) -> Iterator[Finding]:
    """A configuration is of one server; the others of an `each` get theirs by a variant."""
    for name, container in view.scenario.containers.items():
        servers = container.server.each if isinstance(container.server, Each) else ()
        own = [at(view.tree, ("variants", server, "containers", name, "config")) for server in dict.fromkeys(servers)]
        if container.config is not None and own.count(None) > 1:
            move = "give it in `variants`, a file for each server"
            told = Told("one configuration file cannot be that of several servers", intention=move)
            yield Finding(("containers", name, "config"), told, key=True)


FILE_RULES = (
    Rule("id", "a scenario of the folder `scenarios` is called what its file is called", _id),
    Rule("claim-twice", "a claim is named once", _claims),
    Rule("each-twice", "a choice names a server once", _each, reads=("containers",)),
    Rule("one-config", "a configuration of one's own is that of one server", _one_config, reads=("containers",)),
    Rule("variant", "a variant is of a server that the scenario can have", _variants, reads=("containers",)),
)
