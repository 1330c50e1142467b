"""Containers: what they run, and the files that they get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.arrangement import CLIENT, namespace_of
from lab.model.plan import CONFIG_FOLDER, TLS_FOLDER
from lab.scenario.files import usable
from lab.scenario.meaning.view import HOST, Finding, Rule, View
from lab.scenario.problems import Told
from lab.scenario.tree import ANY, Scalar
from lab.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.model.scenario import Container, File
    from lab.scenario.tree import Path

RESERVED: dict[str, str] = {
    CLIENT: "the lab's own client",
    "certs": "what issues certificates in compose files",
    HOST: "the engine's host",
    "nobody": "the absence of a receiver",
    "nowhere": "the absence of an end of TLS",
    "none": "the absence of a certificate",
}
"""Names that a container cannot have, and what they mean."""


def _of_containers(view: View) -> Iterator[tuple[Path, str, Container]]:
    for name, container in view.scenario.containers.items():
        yield ("containers", name), name, container


def _servers(view: View) -> tuple[str, ...]:
    return tuple(name for name, row in view.catalogue.servers.items() if row.role != "agent")


def _known(view: View) -> Iterator[Finding]:
    for path, _, container in _of_containers(view):
        name = container.server
        if isinstance(name, str) and name not in _servers(view):
            why = "is the lab's own, not a server" if name in view.catalogue.servers else "is no server of the lab"
            yield Finding((*path, "server"), Told(f"`{name}` {why}", ", ".join(_servers(view)), nearest(name, _servers(view))))


def _one_of(view: View) -> Iterator[Finding]:
    for path, name, container in _of_containers(view):
        if container.server and container.image is not None:
            told = Told(f"`{name}` has `server` and `image`; it can be one of them", "", "take one away")
            yield Finding((*path, "image"), told, key=True)
        if not container.server and container.image is None:
            allowed = f"server: one of {', '.join(_servers(view))}; or image: any image"
            yield Finding(path, Told(f"`{name}` has neither `server` nor `image`", allowed), key=True)


def _images(view: View) -> Iterator[Finding]:
    for path, _, container in _of_containers(view):
        image = container.image
        if image is not None and (not image or " " in image):
            yield Finding((*path, "image"), Told("this is not the name of an image", "such as `docker.io/library/httpd:2.4`"))


def _silent(view: View) -> Iterator[Finding]:
    for path, name, container in _of_containers(view):
        row = view.rendered(container)
        if row and not container.listen:
            told = Told(
                f"`{name}` has no listener, so nobody could tell when it is ready", "", 'add listen: [{on: "0.0.0.0:8080"}]'
            )
            yield Finding(path, told, key=True)


def _configs(view: View) -> Iterator[Finding]:
    for path, _, container in _of_containers(view):
        if container.config is None:
            continue
        row, at = view.row(container), (*path, "config")
        if container.image is not None or (row and row.config is None):
            told = Told(
                "`config` is for a server of the lab that reads a configuration file",
                "",
                "use `files`, and name the file in `command`",
            )
            yield Finding(at, told, key=True)
        elif told_file := _sibling(view, container.config):
            yield Finding(at, told_file)


def _sibling(view: View, name: str) -> Told | None:
    allowed = "a path relative to the scenario's folder, inside it"
    if not usable(name):
        return Told(f"`{name}` does not stay in the scenario's folder", allowed)
    near = nearest(name, view.siblings)
    return None if name in view.siblings else Told(f"there is no file `{name}` in the scenario's folder", allowed, near)


def _files(view: View) -> Iterator[Finding]:
    for path, _, container in _of_containers(view):
        for target, file in container.files.items():
            at: Path = (*path, "files", target)
            if told := _wrong_target(view, container, target):
                yield Finding(at, told, key=True)
            if (file.content is None) == (file.source is None):
                both = "has both" if file.source else "has neither"
                yield Finding(at, Told(f"the file {both} `content` and `source`", "exactly one of them"), key=True)
            elif told := _sourced(view, file):
                yield Finding((*at, "source"), told)


def _sourced(view: View, file: File) -> Told | None:
    return _sibling(view, file.source) if file.source is not None else None


def _wrong_target(view: View, container: Container, target: str) -> Told | None:
    segments = target.split("/")[1:]
    if any(segment in ("", ".", "..") for segment in segments):
        return Told("this is not the path of a file", "an absolute path without `.`, `..` and empty parts")
    if segments[0] in ("proc", "sys", "dev"):
        return Told(f"/{segments[0]} is the kernel's, no file can be put there")
    row = view.row(container)
    if row and row.config and target == f"{CONFIG_FOLDER}/{row.config}":
        return Told(f"this is the configuration of {row.name}", "", "give a configuration of your own with `config`")
    if target == TLS_FOLDER or target.startswith(f"{TLS_FOLDER}/"):
        return Told(f"{TLS_FOLDER} holds the certificates and keys that the lab issues", "", "choose another folder")
    return None


def _reserved(view: View) -> Iterator[Finding]:
    holders = {f"{namespace_of(name, one)}-net" for _, name, one in _of_containers(view)} | {
        f"{name}-net" for name in view.namespaces
    }
    clients = {f"client-{probe.from_}" for probe in view.scenario.probes.values()}
    for path, name, _ in _of_containers(view):
        means = RESERVED.get(name) or ("what holds a namespace" if name in holders else "a client" if name in clients else "")
        if means:
            yield Finding(path, Told(f"a container cannot be called `{name}`: that is the name of {means}"), key=True)
    if HOST in view.namespaces and HOST not in view.scenario.containers:
        yield Finding(("namespaces", HOST), Told(f"a namespace cannot be called `{HOST}`: that is the engine's host"), key=True)
    for name in view.scenario.probes:
        if name in ("listening", "twin"):
            yield Finding(
                ("probes", name), Told(f"a probe cannot be called `{name}`: checks of another kind begin so"), key=True
            )


_C_STRINGS = (("containers", ANY, "command", ANY), ("containers", ANY, "environment", ANY))


def _zeros(view: View) -> Iterator[Finding]:
    for place in _C_STRINGS:
        for path, node in view.matches(place):
            if isinstance(node, Scalar) and "\0" in str(node.value):
                yield Finding(
                    path, Told("a word of a command, or a variable, ends at a zero byte (execve(2))", "", "take \\0 out")
                )


RULES = (
    Rule("server", "a server is in the catalogue", _known),
    Rule("server-or-image", "a container has a server or an image", _one_of),
    Rule("image", "an image has a name", _images),
    Rule("no-listener", "a server of the lab has a listener", _silent),
    Rule("config", "a configuration of one's own is a file beside the scenario, for a server that reads one", _configs),
    Rule("files", "a file has one source, and a place where it can be put", _files),
    Rule("reserved", "no name means something else already", _reserved),
    Rule("zero-byte", "commands and variables have no zero bytes", _zeros),
)
