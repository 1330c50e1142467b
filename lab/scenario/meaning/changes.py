"""Twins and variants: what they change, and what must be reported of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.checks import checks_of
from lab.scenario.meaning.view import Finding, Rule, View
from lab.scenario.problems import Told
from lab.scenario.tree import at, every, is_null, keys, merged, plain
from lab.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.scenario.tree import Path

FIXED = ("id", "twins", "variants")
"""What makes the file and its cases, so that no twin can change it."""


def _caught(view: View) -> Iterator[Finding]:
    if view.base is None:
        return
    checks = tuple(checks_of(view.scenario))
    for check in view.base.scenario.twins[view.twin].caught:
        if check not in checks:
            told = Told(
                f"the changed scenario has no check `{check}`", ", ".join(checks) or "it has none", nearest(check, checks)
            )
            yield Finding(("twins", view.twin, "caught", check), told, key=True)


def _nothing(view: View) -> Iterator[Finding]:
    if view.base is not None and plain(view.base.tree) == plain(view.tree):
        told = Told("this twin changes nothing", "a merge patch over the scenario (RFC 7396), with one thing wrong")
        yield Finding(("twins", view.twin, "change"), told, key=True)


def patches(view: View) -> Iterator[Path]:
    """Places of all patches of a file."""
    yield from (("twins", name, "change") for name in keys(view.tree, ("twins",)))
    yield from (("variants", name) for name in keys(view.tree, ("variants",)))


def _fixed(view: View) -> Iterator[Finding]:
    for path in patches(view):
        for key in keys(view.tree, path):
            if key in FIXED and not (path[0] == "variants" and key == "twins"):
                yield Finding(
                    (*path, key), Told(f"`{key}` cannot be changed here", "anything but " + ", ".join(FIXED)), key=True
                )


def _removed(view: View) -> Iterator[Finding]:
    """A null in a patch takes something away."""
    for path in patches(view):
        patch = at(view.tree, path)
        for below, node in every(patch) if patch else ():
            whole = at(view.tree, below[:-1])
            if not is_null(node) or not below or any(isinstance(step, int) for step in below):
                continue
            if at(view.tree, below) is None and not _in_variants(view, below):
                names = keys(view.tree, below[:-1]) if whole else ()
                told = Told(f"there is no `{below[-1]}` to take away", ", ".join(names), nearest(str(below[-1]), names))
                yield Finding((*path, *below), told, key=True)


def _in_variants(view: View, below: Path) -> bool:
    """Whether a variant brings what a twin takes away."""
    patched = (at(view.tree, ("variants", name)) for name in keys(view.tree, ("variants",)))
    return any(at(merged(view.tree, patch), below) is not None for patch in patched if patch)


RULES = (
    Rule("caught", "what a twin must be caught by is a check of the changed scenario", _caught, reads=("probes", "listening")),
    Rule("no-change", "a twin changes something", _nothing),
)

FILE_RULES = (
    Rule("fixed", "a change leaves alone what makes the file's cases", _fixed),
    Rule("takes-nothing", "what a change takes away is there", _removed),
)
