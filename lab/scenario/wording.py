"""What is wrong with a value's form, in plain sentences: what stands there, what is wanted, what was likely meant."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from lab.scenario import shapes
from lab.scenario.patterns import PATTERNS
from lab.scenario.problems import Told, short
from lab.scenario.tree import Mapping, Node, Scalar, Sequence, at, is_null, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.scenario.tree import Path

LIKENESS = 0.6
"""difflib's own threshold; `lisen` and `listen` are at 0.9."""

MOST = 200
"""Candidates compared; each costs tens of microseconds."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "ended": ("terminate", "terminated", "termination", "offload", "edge", "on", "reencrypt"),
    "passthrough": ("pass", "passed through", "pass-through"),
    "passed through": ("pass", "passthrough", "pass-through"),
    "none": ("off", "plain", "plaintext", "clear", "http"),
    "http/1.1": ("http", "http1", "http/1"),
    "h2": ("http2", "http/2"),
    "published": ("localhost", "loopback", "forwarder"),
    "listen": ("ports", "listeners", "bind", "expose"),
    "on": ("port", "address", "bind", "listen"),
    "to": ("upstream", "backend", "target", "proxy_pass"),
    "routes": ("rules", "upstreams", "backends"),
    "names": ("hostname", "hostnames", "aliases", "server_name", "domains"),
    "publish": ("ports", "expose"),
    "networks": ("network",),
    "environment": ("env",),
    "command": ("cmd", "args", "entrypoint"),
    "files": ("volumes", "mounts", "configs"),
    "server": ("kind", "type"),
    "exact": ("bytes", "raw"),
    "request": ("http", "get", "curl"),
    "caught": ("fails", "failures", "reported"),
    "change": ("patch", "changes"),
}
"""Our word -> what other tools call it."""

TEMPLATE = re.compile(r"\{\{|\{%|\$\{|%\{|<%")


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean ...?` for what others call so, or for the name most like it; empty: there is none."""
    names = list(dict.fromkeys(known))[:MOST]
    if synonym := next((name for name in names if word.lower() in SYNONYMS.get(name, ())), ""):
        return meant(synonym)
    lowered = {name.lower(): name for name in reversed(names)}
    near = get_close_matches(word[:80].lower(), list(lowered), 1, LIKENESS)
    return meant(lowered[near[0]]) if near else ""


def meant(guess: str) -> str:
    """A guess, put as a question."""
    return f"did you mean `{guess}`?" if guess else ""


def unknown_key(root: Node, path: Path) -> Told:
    """A key that nothing defines."""
    allowed = shapes.keys_of(_here(root, path[:-1]))
    key = str(path[-1])
    return Told(f"{_owner(path[:-1])} has no key `{short(key)}`", ", ".join(allowed), nearest(key, allowed))


def _here(root: Node, path: Path) -> tuple[shapes.Shape, ...]:
    node = at(root, path)
    found = shapes.shapes_at(root, path)
    return tuple(shape for shape in found if node is not None and shapes.fits(shape, node)) or found


def _owner(path: Path) -> str:
    return f"`{words(path)}`" if path else "a scenario"


def missing_key(root: Node, path: Path) -> Told:
    """A key that must be there."""
    wanted = shapes.described(shapes.shapes_at(root, path))
    return Told(f"{_owner(path[:-1])} needs the key `{path[-1]}`", f"{path[-1]}: {wanted}")


def wrong_key(root: Node, path: Path) -> Told:
    """A name of the person's own choice that is none, or one of a few words that are allowed as keys."""
    key, found = str(path[-1]), _here(root, path[:-1])
    if allowed := shapes.key_choices(found):
        return Told(f"`{short(key)}` is not a key of {_owner(path[:-1])}", ", ".join(allowed), nearest(key, allowed))
    pattern = PATTERNS.get(shapes.key_pattern(found))
    guess = pattern.guess(key) if pattern else ""
    return Told(f"the key `{short(key)}` is not allowed here", pattern.words if pattern else "", _template(key) or meant(guess))


def wrong_value(root: Node, path: Path) -> Told:
    """A value of the wrong kind, or out of what is allowed."""
    node = at(root, path) or root
    every = shapes.shapes_at(root, path)
    fitting = tuple(shape for shape in every if shapes.fits(shape, node))
    name = f"`{words(path[-2:] if isinstance(path[-1], int) else path[-1:])}`" if path else "the file"
    if not fitting:
        return Told(f"{name} is {kind(node)}", shapes.described(every), _converted(node, every))
    if allowed := shapes.choices(fitting):
        return Told(f"{name} cannot be {kind(node)}", ", ".join(allowed), nearest(_text(node), allowed))
    if isinstance(node, (Sequence, Mapping)):
        number = len(node.items if isinstance(node, Sequence) else node.entries)
        return Told(f"{name} has too few entries: {number}", _least(fitting))
    return Told(f"{name} cannot be {kind(node)}", shapes.described(fitting), _guess(node, fitting))


def _least(found: tuple[shapes.Shape, ...]) -> str:
    least = max(max(shape.get("minItems", 0), shape.get("minProperties", 0)) for shape in found)
    return f"{least} or more"


def kind(node: Node) -> str:
    """What stands there, told as a reader of YAML knows it."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if is_null(node):
        return "empty"
    if isinstance(node.value, bool):
        return f"the truth value `{node.text}`"
    if isinstance(node.value, (int, float)):
        return f"the number `{node.text}`"
    return f"the text `{short(node.text)}`" if node.text else "an empty text"


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _template(text: str) -> str:
    return "nothing in a scenario is a template: write the value itself" if TEMPLATE.search(text) else ""


def _guess(node: Node, fitting: tuple[shapes.Shape, ...]) -> str:
    text = _text(node)
    rows = [PATTERNS[shape["pattern"]] for shape in fitting if shape.get("pattern") in PATTERNS]
    guess = next((row.guess(text) for row in rows), "")
    return _template(text) or meant(guess if guess != text else "")


_TRUTH = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def _converted(node: Node, every: tuple[shapes.Shape, ...]) -> str:
    """What a value of the wrong kind was meant to be."""
    kinds = {str(shape.get("type", "string")) for shape in every}
    if isinstance(node, Sequence):
        return "write one value, without brackets" if len(node.items) == 1 and not kinds & {"array", "object"} else ""
    if isinstance(node, Mapping):
        return "a list is written with dashes, or in brackets: [{...}]" if kinds == {"array"} else ""
    if is_null(node):
        return ""
    if "string" in kinds:
        return _quoted(node, every)
    if "array" in kinds:
        return f"a list is written in brackets: [{short(node.text)}]"
    return _unquoted(node, kinds)


def _quoted(node: Scalar, every: tuple[shapes.Shape, ...]) -> str:
    guess = next((row.guess(node.text) for shape in every if (row := PATTERNS.get(shape.get("pattern", "")))), "")
    return meant(f'"{guess}"') if guess and guess != node.text else f'write it in quotes: "{short(node.text)}"'


def _unquoted(node: Scalar, kinds: set[str]) -> str:
    text = node.text.lower()
    if "boolean" in kinds and text in {*_TRUTH, "true", "false"}:
        return meant(_TRUTH.get(text, text))
    if kinds & {"integer", "number"} and re.fullmatch(r"[0-9.]{1,18}", text):
        return f"write it without quotes: {text}"
    return _template(text)
