"""What this machine and its engine allow, for `lab doctor`: a list of facts, each with what would improve it.

Rule: it looks and changes nothing but what it must start to know (the recorder, which its caller runs and whose ready
line is passed in). Weak spot: a witness that opens can still lose events later; the case's own gaps tell that.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lab.engine import docker as engine
from lab.engine import labels, locate, nearness, own_engine, rootfs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.engine.docker import Docker
    from lab.engine.docker.images import ImageFacts


class State(StrEnum):
    GOOD = "good"
    LESS = "less"
    """The lab works without, and says what it cannot see."""
    BAD = "bad"
    """The lab cannot run."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the report."""

    about: str
    value: str
    state: State = State.GOOD
    next_move: str = ""


WITNESSES = {
    "packets": "a container with NET_RAW, NET_ADMIN and SYS_ADMIN: an engine that is not rootless",
    "sockets": "the kernel's modules tcp_diag, udp_diag and inet_diag (`modprobe tcp_diag udp_diag`)",
    "kernel": "tracefs with the events sock and syscalls: a kernel with CONFIG_FTRACE, and SYS_ADMIN for the recorder",
    "processes": "the host's pid namespace and SYS_PTRACE for the recorder: an engine that is not rootless",
}
"""Witness -> what would allow it."""


def machine() -> dict[str, str]:
    """Say what this machine is, for the result file."""
    return {
        "system": _system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cores": str(os.cpu_count() or 0),
        "python": platform.python_version(),
    }


def _system() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return f"{platform.system()} {platform.release()}"
    return release.get("PRETTY_NAME", release.get("NAME", platform.system()))


def survey(docker: Docker | None, ready: Mapping[str, Any] | None = None) -> tuple[Fact, ...]:
    """List all facts: the machine's, the engine's (None: none answers), the base image's, the recorder's witnesses.

    `ready`: the recorder's ready line; None: it was not started.
    """
    here = machine()
    facts = [Fact("machine", f"{here['system']}, {here['architecture']}, {here['cores']} cores, Python {here['python']}")]
    if docker is None:
        return (*facts, *_no_engine())
    return (*facts, *_engine(docker, ready or {}), *_base(docker), *_witnesses(ready))


def _no_engine() -> Iterator[Fact]:
    for tried in locate.survey():
        yield Fact("tried", f"{tried.place.named_by}, {tried.place.url}: {tried.why_not or 'accepts'}", State.LESS)
    refusal = own_engine.why_not()
    if refusal:
        yield Fact("engine", f"none answers, and the lab cannot start one: {refusal}", State.BAD, "start Docker")
    else:
        move = "`lab engine start`, or any command that needs it, installs and starts one"
        yield Fact("engine", "none answers; the lab can have one of its own", State.LESS, move)


def _engine(docker: Docker, ready: Mapping[str, Any]) -> Iterator[Fact]:
    facts = engine.facts(docker)
    yield Fact("engine", f"{facts.product} {facts.version} (API {facts.api_version}) at {facts.url}, {facts.system}")
    yield Fact("storage", f"{facts.storage} in {facts.root}")
    yield Fact("cgroups", facts.cgroup)
    yield Fact("kernel", facts.kernel)
    place = nearness.where(docker, ready)
    yield Fact("where", f"on {place}")
    if facts.rootless:
        seen = "yes: its host is a network namespace of its own, and it sees its own user's processes alone"
        yield Fact("rootless", seen, State.LESS, "an engine of root sees the machine's")
    if place is not nearness.Where.HERE:
        yield Fact("probes from host", f"are sent on the engine's side ({place}), not from here", State.LESS)


def _base(docker: Docker) -> Iterator[Fact]:
    bases = engine.images(docker, {labels.IMAGE: "base"})
    if not bases:
        yield Fact("base image", "not there yet", State.LESS, "`lab images` builds it, or any run")
    for base in bases:
        yield Fact("base image", f"{', '.join(base.tags) or base.id}, {_source(base)}, {base.size / 1e6:.0f} MB")


def _source(image: ImageFacts) -> str:
    source = dict(image.labels).get(rootfs.SOURCE, "")
    return "bootstrapped from Debian's packages" if source == "bootstrapped" else f"from {source or 'an unknown place'}"


def _witnesses(ready: Mapping[str, Any] | None) -> Iterator[Fact]:
    """Read the recorder's ready line: witness -> available, how, why."""
    if ready is None:
        yield Fact("witnesses", "not asked: the recorder was not started", State.LESS)
        return
    for name, told in sorted(ready["witnesses"].items()):
        if told.get("available"):
            less = f"; instead of the best: {told['why']}" if told.get("why") else ""
            state = State.LESS if less else State.GOOD
            yield Fact(
                f"witness {name}", str(told.get("how") or "available") + less, state, WITNESSES.get(name, "") if less else ""
            )
        else:
            why = str(told.get("why") or "the recorder gave no reason")
            yield Fact(f"witness {name}", f"not available: {why}", State.LESS, WITNESSES.get(name, ""))
