"""Images: is it there, build, import, pull, tag, remove.

Rule: builds go through the classic builder, which every engine has and which needs no plug-in; a failed build leaves no
layer behind. Weak spot: the classic builder has no cache mounts and builds one step after the other.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from lab.engine.docker.connection import ConflictError, Docker, NotFoundError, asking
from lab.engine.docker.containers import label_filter
from lab.engine.errors import ImageError, MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LAST_LINES = 20
"""Lines of a failed build's output that its error carries."""

_LAYER = re.compile(r"^ ---> ([0-9a-f]{12,64})$")
CHUNK = 1 << 20
"""Bytes of an import sent at once."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CHATTER = re.compile(r"^( ---> |Removing intermediate container )")
_FROM = re.compile(r"^Step \d+/\d+ : FROM ")
_STEP = re.compile(r"^Step \d+/\d+ : .*$")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image as the engine reports it."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    size: int
    """Bytes, layers shared with other images included."""
    created: str
    user: str
    """The user that its containers run as: `uid`, `uid:gid`, a name, or empty for root."""
    command: tuple[str, ...]


def image(docker: Docker, reference: str) -> ImageFacts | None:
    """Look an image up by tag, digest or id (1.5 ms); None when it is not there."""
    try:
        with asking(f"inspecting the image {reference}", docker.url):
            return _read(docker.api.inspect_image(reference))
    except NotFoundError:
        return None


def _read(body: dict[str, Any]) -> ImageFacts:
    config = body.get("Config") or {}
    command = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    return ImageFacts(
        id=body["Id"],
        tags=tuple(body.get("RepoTags") or ()),
        digests=tuple(body.get("RepoDigests") or ()),
        labels=tuple(sorted((config.get("Labels") or {}).items())),
        size=body["Size"],
        created=body["Created"],
        user=config.get("User") or "",
        command=command,
    )


def images(docker: Docker, labels: Mapping[str, str | None], dangling: bool = False) -> tuple[ImageFacts, ...]:
    """List images that carry these labels (value None: any value); `dangling`: only those that nothing names."""
    filters: dict[str, Any] = {"label": label_filter(labels)} | ({"dangling": True} if dangling else {})
    with asking("listing images", docker.url):
        rows = docker.api.images(filters=filters)
    found = (image(docker, row["Id"]) for row in rows)
    return tuple(one for one in found if one is not None)


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """What a build is to give."""

    tag: str
    labels: Mapping[str, str]
    arguments: Mapping[str, str]
    """Values of the Dockerfile's `ARG`s; one that it does not declare fails the build."""


class Cancel:
    """Ends builds from another thread: the engine breaks a build off when nobody reads its answer any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[Any] = []
        self._cancelled = False

    def hold(self, sock: Any) -> None:
        """Take note of a build's connection; after `cancel` it is closed at once."""
        with self._lock:
            self._sockets.append(sock)
            if self._cancelled:
                _hang_up(sock)

    def cancel(self) -> None:
        """End all builds."""
        with self._lock:
            self._cancelled = True
            for sock in self._sockets:
                _hang_up(sock)


def _hang_up(sock: Any) -> None:
    with contextlib.suppress(OSError):  # the build may just have ended by itself
        sock.shutdown(socket.SHUT_RDWR)


def build_image(
    docker: Docker, spec: BuildSpec, context: IO[bytes], on_line: Callable[[str], None], cancel: Cancel | None = None
) -> str:
    """Build from a tar archive with a Dockerfile at its root; gives the image's id.

    Raises ImageError with the step and the last lines; layers of the failed build are removed first.
    """
    output: list[str] = []
    try:
        with asking(f"building {spec.tag}", docker.url):
            response = _ask_for(docker, spec, context)
            (cancel or Cancel()).hold(_socket_of(docker, response))
            problem = _follow(docker.api._stream_helper(response, decode=True), output, on_line)
    except MachineError:
        _drop_layers(docker, output)
        raise
    if problem:
        _drop_layers(docker, output)
        raise _failed(spec.tag, problem, output)
    _drop_stages(docker, output)
    return _built(docker, spec.tag, output)


def _ask_for(docker: Docker, spec: BuildSpec, context: IO[bytes]) -> Any:
    """Begin a build (Engine API 1.41, ImageBuild). The SDK's own verb hides the answer, and with it the way to end it.

    As with the docker command its steps get the proxies of `~/.docker/config.json`, which the engine keeps out of the image.
    """
    parameters = {
        "t": spec.tag,
        "rm": True,
        "forcerm": True,
        "labels": json.dumps(dict(spec.labels)),
        "buildargs": json.dumps(docker.api._proxy_configs.get_environment() | dict(spec.arguments)),
    }
    headers = {"Content-Type": "application/tar"}
    docker.api._set_auth_headers(headers)
    url = docker.api._url("/build")
    response = docker.api._post(url, data=context, params=parameters, headers=headers, stream=True, timeout=None)
    docker.api._raise_for_status(response)
    return response


def _socket_of(docker: Docker, response: Any) -> Any:
    raw = docker.api._get_raw_response_socket(response)
    return getattr(raw, "_sock", raw)


def _follow(stream: Iterable[dict[str, Any]], output: list[str], on_line: Callable[[str], None]) -> str:
    """Read the builder's messages; gives the words of the error that ended it, or nothing."""
    held = ""
    for message in stream:
        if "error" in message:
            _take([held], output, on_line)
            return str(message["error"])
        *lines, held = (held + str(message.get("stream", ""))).split("\n")
        _take(lines, output, on_line)
    return ""


def _take(lines: Iterable[str], output: list[str], on_line: Callable[[str], None]) -> None:
    """Keep what a step wrote, without the colours in which the engine dresses standard error."""
    for line in lines:
        plain = _COLOUR.sub("", line).rstrip()
        if plain:
            output.append(plain)
            on_line(plain)


def _failed(tag: str, problem: str, output: list[str]) -> ImageError:
    step = next((line for line in reversed(output) if _STEP.match(line)), "before its first step")
    return ImageError(f"building {tag} failed at {step}: {problem.strip()}", lines=_of_last_step(output))


def _of_last_step(output: list[str]) -> tuple[str, ...]:
    """What the failing step wrote, its last lines."""
    begin = next((n for n in reversed(range(len(output))) if _STEP.match(output[n])), -1)
    return tuple(line for line in output[begin + 1 :] if not _CHATTER.match(line))[-LAST_LINES:]


def _drop_layers(docker: Docker, output: list[str]) -> None:
    """Remove the last layer of a failed build, and with it its untagged parents. A parent that is an image of its own
    right is tagged, and the engine keeps it."""
    layer = next((found[1] for line in reversed(output) if (found := _LAYER.match(line))), None)
    facts = image(docker, layer) if layer else None
    if facts and not facts.tags:
        with contextlib.suppress(ConflictError):  # another image stands on it
            remove_image(docker, facts.id)


def stage_ends(output: list[str]) -> list[str]:
    """Find the layers that end a build's earlier stages: what stands before each `FROM` but the first."""
    ends: list[str] = []
    layer = ""
    for line in output:
        if found := _LAYER.match(line):
            layer = found[1]
        elif _FROM.match(line) and layer:
            ends.append(layer)
    return ends


def _drop_stages(docker: Docker, output: list[str]) -> None:
    """Remove what the earlier stages of a build leave untagged; the classic builder forgets them there."""
    for layer in stage_ends(output):
        facts = image(docker, layer)
        if facts and not facts.tags:
            with contextlib.suppress(ConflictError):  # another image stands on it
                remove_image(docker, facts.id)


def _built(docker: Docker, tag: str, output: list[str]) -> str:
    facts = image(docker, tag)
    if facts is None:
        raise ImageError(f"the engine ended the build of {tag} without an image", lines=tuple(output[-LAST_LINES:]))
    return facts.id


def import_image(docker: Docker, stream: IO[bytes], repository: str, tag: str, changes: tuple[str, ...]) -> str:
    """Make an image of a root file system's tar, read from `stream`; `changes` are Dockerfile instructions."""
    with asking(f"importing {repository}:{tag}", docker.url):
        # An iterator, not the file: requests would take a file's length and cut a pipe at its line ends.
        chunks = iter(lambda: stream.read(CHUNK), b"")
        docker.api.import_image_from_stream(chunks, repository=repository, tag=tag, changes=list(changes))
    return _built(docker, f"{repository}:{tag}", [])


def pull_image(docker: Docker, reference: str, timeout: float, on_line: Callable[[str], None] = print) -> str:
    """Pull an image; `timeout` is in seconds, for each silence of the registry. Raises MachineError."""
    repository, _, rest = reference.partition("@")
    with asking(f"pulling {reference}", docker.url):
        # The SDK's own pull takes no timeout, and a registry whose packets are dropped hangs it for minutes.
        response = docker.api._post(
            docker.api._url("/images/create"),
            params={"fromImage": repository if not rest else reference},
            stream=True,
            timeout=timeout,
        )
        docker.api._raise_for_status(response)
        for message in docker.api._stream_helper(response, decode=True):
            if "error" in message:
                raise MachineError(f"pulling {reference}: {message['error']}")
            on_line(str(message.get("status", "")))
    return _built(docker, reference, [])


def tag_image(docker: Docker, source: str, repository: str, tag: str) -> None:
    """Give an image a further tag; it is taken from whatever carried it."""
    with asking(f"tagging {source} as {repository}:{tag}", docker.url):
        docker.api.tag(source, repository, tag, force=True)


def remove_image(docker: Docker, reference: str, force: bool = False) -> None:
    """Remove a tag, and the image with its untagged parents if that was the last; one that is gone is no error."""
    try:
        with asking(f"removing the image {reference}", docker.url):
            docker.api.remove_image(reference, force=force)
    except NotFoundError:
        return
