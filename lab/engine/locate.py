"""Which engine: the first that answers, of those that a person would expect, in that order.

Rule: DOCKER_HOST, the current Docker context, the default sockets, the lab's own engine, one that runs on this machine
elsewhere; where none answers the lab starts its own, if it may. `LAB_ENGINE` chooses: `auto` (that order), `own` (only
the lab's own), `none` (no engine), or an address (only that). What somebody set on purpose is never passed over in silence.
Weak spot: a context that does not verify its engine's certificate is verified all the same.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
from collections.abc import Mapping  # noqa: TC003 - plain data
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.engine import docker as engines
from lab.engine import own_engine, processes
from lab.engine.errors import MachineError
from lab.engine.progress import Progress, Silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.engine.docker import Docker

VARIABLE = "LAB_ENGINE"
KNOCK, FAR_KNOCK = 2.0, 5.0
"""Seconds for one knock at a socket of this machine, and at a port that may be anywhere."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine may be."""

    url: str
    """Empty: somebody set a name that leads to no address."""
    named_by: str
    """`DOCKER_HOST`, `Docker context X`, `the default socket`, ..."""
    tls: Path | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """A place, and why it is not taken; empty when it answers."""

    place: Place
    why_not: str


def engine(progress: Progress | None = None, environment: Mapping[str, str] | None = None) -> Docker:
    """Reach the engine that `LAB_ENGINE` and the machine's settings name, starting the lab's own where none answers.

    Raises MachineError that lists every place that was tried, and the next move.
    """
    env = os.environ if environment is None else environment
    said = progress or Silent()
    wish = env.get(VARIABLE, "") or "auto"
    if wish == "none":
        raise MachineError(f"{VARIABLE}=none forbids every engine, and this needs one", f"unset {VARIABLE}")
    if wish == "own":
        return engines.connect(own_engine.start(said).url)
    if wish != "auto":
        return _only(wish, env)
    return _first(env, said)


def running(progress: Progress | None = None, environment: Mapping[str, str] | None = None) -> Docker | None:
    """Reach the engine as `engine` does, but start and install none: None where none answers."""
    env = os.environ if environment is None else environment
    wish = env.get(VARIABLE, "") or "auto"
    if wish == "own":
        return engines.connect(own_engine.PATHS.url) if own_engine.running_pid() is not None else None
    if wish != "auto":
        return engine(progress, env)
    return _any(env, progress or Silent())[0]


def _only(url: str, env: Mapping[str, str]) -> Docker:
    if "://" not in url:
        allowed = "auto, own, none, or an address such as unix:///run/docker.sock"
        raise MachineError(f"{VARIABLE}={url} is none of {allowed}", f"unset {VARIABLE}, or set one of these")
    if why_not := knock(Place(url, VARIABLE)):
        move = _may_enter(why_not) or f"start it, or set {VARIABLE} to one that answers"
        raise MachineError(f"{VARIABLE}: no answer from the engine at {url}: {why_not}", move)
    return engines.connect(url, _tls_from(env) if url.startswith(("tcp://", "https://")) else None)


def _first(env: Mapping[str, str], progress: Progress) -> Docker:
    found, tried = _any(env, progress)
    if found:
        return found
    if refusal := own_engine.why_not():
        raise _none_answers(tried, refusal)
    _say_not_taken(tried, "the lab's own engine", progress)
    own_engine.install(progress)
    found, _ = _any(env, progress)  # where services are managed, installing an engine starts it
    return found or engines.connect(own_engine.start(progress).url)


def _any(env: Mapping[str, str], progress: Progress) -> tuple[Docker | None, list[Tried]]:
    """Reach the first that answers; what was tried before it comes along."""
    tried: list[Tried] = []
    for place in (*places(env), *running_here()):
        why_not = knock(place)
        if not why_not:
            try:
                found = engines.connect(place.url, place.tls)
            except MachineError as error:
                why_not = ": ".join((error.text, *error.lines[-1:]))
            else:
                _say_passed_over(tried, place, progress)
                return found, tried
        tried.append(Tried(place, why_not))
    return None, tried


def running_here() -> tuple[Place, ...]:
    """Find an engine that runs on this machine where nobody would look: a second one must not be started beside it."""
    other = processes.other_engine(own_engine.PATHS.url)
    if other is None:
        return ()
    return tuple(Place(url, f"the engine of process {other.pid}") for url in processes.addresses(other.words))


def _say_passed_over(tried: list[Tried], taken: Place, progress: Progress) -> None:
    """Say when a place that somebody set on purpose was passed over, or one is taken that nobody set."""
    if taken.named_by.startswith("the engine of"):
        progress.note(f"taking {taken.named_by}, which runs on this machine at {taken.url}")
    _say_not_taken(tried, f"{taken.named_by} ({taken.url})", progress)


def _say_not_taken(tried: list[Tried], instead: str, progress: Progress) -> None:
    for one in tried:
        if not one.place.named_by.startswith("the "):
            at = f" ({one.place.url})" if one.place.url else ""
            progress.note(f"{one.place.named_by}{at}: {one.why_not}; taking {instead}")


def _none_answers(tried: list[Tried], refusal: str) -> MachineError:
    lines = tuple(f"{one.place.named_by}, {one.place.url}: {one.why_not}" for one in tried)
    usual = "start Docker, or set DOCKER_HOST to an engine; as root on Debian or Ubuntu the lab starts one of its own"
    move = next((move for one in tried if (move := _may_enter(one.why_not))), usual)
    return MachineError(f"no container engine answers, and the lab cannot start one: {refusal}. Tried:", move, lines)


def _may_enter(why_not: str) -> str:
    """What lets one in where an engine is, and is shut to us; empty: it is not that."""
    if why_not not in (os.strerror(errno.EACCES), os.strerror(errno.EPERM)):
        return ""
    return "add yourself to the group that owns the socket (usually `docker`) and log in anew, or run as root"


def survey(environment: Mapping[str, str] | None = None) -> tuple[Tried, ...]:
    """Knock at every place, for `lab doctor`."""
    env = os.environ if environment is None else environment
    return tuple(Tried(place, knock(place)) for place in (*places(env), *running_here()))


def places(env: Mapping[str, str]) -> tuple[Place, ...]:
    """List where an engine may be, the most expected first, each address once."""
    found: dict[str, Place] = {}
    for place in _all_places(env):
        found.setdefault(place.url, place)
    return tuple(found.values())


def _all_places(env: Mapping[str, str]) -> Iterator[Place]:
    if host := env.get("DOCKER_HOST"):
        yield Place(host, "DOCKER_HOST", _tls_from(env))
    home = Path(env.get("HOME", "/"))
    config = Path(env.get("DOCKER_CONFIG") or home / ".docker")
    asked = env.get("DOCKER_CONTEXT", "")
    if place := read_context(config, asked):
        yield place
    elif asked not in ("", "default"):
        yield Place("", f"DOCKER_CONTEXT={asked}")
    elif not asked and (current := _current(config)) not in ("", "default"):
        yield Place("", f"Docker context {current}")
    yield Place("unix:///var/run/docker.sock", "the default socket")
    if runtime := env.get("XDG_RUNTIME_DIR"):
        yield Place(f"unix://{runtime}/docker.sock", "the default socket of a rootless engine")
    yield Place(f"unix://{home}/.docker/run/docker.sock", "the default socket of Docker Desktop")
    yield Place(own_engine.PATHS.url, "the lab's own engine")


def _tls_from(env: Mapping[str, str]) -> Path | None:
    """Read where the certificates lie (docker CLI, environment variables DOCKER_TLS_VERIFY and DOCKER_CERT_PATH)."""
    if not env.get("DOCKER_TLS_VERIFY"):
        return None
    return Path(env.get("DOCKER_CERT_PATH") or Path(env.get("HOME", "/")) / ".docker")


def read_context(config: Path, name: str) -> Place | None:
    """Read the Docker context `name`, or the current one if empty, from the CLI's folder; None for the default one.

    A context's folder is named by the SHA-256 of its name (docker/cli, cli/context/store).
    """
    name = name or _current(config)
    if name in ("", "default"):
        return None
    folder = hashlib.sha256(name.encode()).hexdigest()
    meta = _json(config / "contexts" / "meta" / folder / "meta.json")
    endpoint = (meta.get("Endpoints") or {}).get("docker") or {}
    if not endpoint.get("Host"):
        return None
    tls = config / "contexts" / "tls" / folder / "docker"
    return Place(endpoint["Host"], f"Docker context {name}", tls if tls.is_dir() else None)


def _current(config: Path) -> str:
    return str(_json(config / "config.json").get("currentContext") or "")


def _json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def knock(place: Place) -> str:
    """Say why nothing can answer there, without asking it anything; empty when something accepts, or only ssh could tell."""
    if not place.url:
        return "there is no such context; `docker context ls` lists them"
    try:
        _connect(place.url)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _connect(url: str) -> None:
    """Raises OSError; an address that is none is left to whoever asks it."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(KNOCK)
            sock.connect(url.removeprefix("unix://"))
    elif (end := _end(url)) is not None:
        socket.create_connection(end, FAR_KNOCK).close()


def _end(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, port) if parts.scheme in ("tcp", "http", "https") and host and port else None
