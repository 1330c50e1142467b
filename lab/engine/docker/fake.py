"""An engine in memory, beside the real one: the calls of the SDK that the adapter makes about containers, networks and
volumes, with the engine's own refusals.

Rule: whatever it does, the real engine does too; `tests/live_engine/test_contract.py` holds both against the same
contract. Weak spot: nothing runs in it; a started container is only marked so.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from lab.engine.docker.connection import Docker

Body = dict[str, Any]


class _Answer:
    """As much of a response as the SDK's error reads."""

    def __init__(self, status: int) -> None:
        self.status_code = status
        self.reason = "refused"
        self.url = "fake"


def _refusal(status: int, says: str) -> Exception:
    from docker.errors import APIError, NotFound

    kind = NotFound if status == 404 else APIError
    return kind(says, response=_Answer(status), explanation=says)  # type: ignore[arg-type]


@dataclass(slots=True)
class FakeApi:
    """What the adapter asks of the SDK's `APIClient`."""

    known_images: set[str] = field(default_factory=lambda: {"lab/base:fake"})
    things: dict[str, dict[str, Body]] = field(default_factory=lambda: {"container": {}, "network": {}, "volume": {}})
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def _id(self) -> str:
        return f"{next(self.numbers):064x}"

    def _get(self, kind: str, name: str) -> Body:
        for one in self.things[kind].values():
            if name in (one["Id"], one["Name"].removeprefix("/")):
                return one
        raise _refusal(404, f"No such {kind}: {name}")

    def _listed(self, kind: str, filters: Body | None) -> list[Body]:
        wanted = (filters or {}).get("label", [])
        return [one for one in self.things[kind].values() if all(_has(one["Labels"], label) for label in wanted)]

    def version(self) -> Body:
        """Say what the real one says, as far as the lab reads it."""
        return {"Version": "fake", "ApiVersion": "1.41", "KernelVersion": "fake"}

    def info(self) -> Body:
        """Likewise."""
        words = ("KernelVersion", "OperatingSystem", "Name", "Architecture", "Driver", "DockerRootDir")
        return dict.fromkeys(words, "fake")

    def create_container_from_config(self, config: Body, name: str) -> Body:
        """Refuse an image that is not known (404) and a name that is taken (409)."""
        if config["Image"] not in self.known_images:
            raise _refusal(404, f"No such image: {config['Image']}")
        if any(one["Name"] == f"/{name}" for one in self.things["container"].values()):
            raise _refusal(409, f'Conflict. The container name "/{name}" is already in use')
        made = self._id()
        self.things["container"][made] = _container(made, name, config)
        return {"Id": made}

    def containers(self, *, all: bool, filters: Body) -> list[Body]:  # noqa: A002 - the SDK's word
        """List; without `all` only those that run."""
        listed = self._listed("container", filters)
        shown = [one for one in listed if all or one["State"]["Status"] == "running"]
        return [{"Id": one["Id"], "Names": [one["Name"]], "Labels": one["Labels"]} for one in shown]

    def inspect_container(self, name: str) -> Body:
        """Give all there is."""
        return self._get("container", name)

    def start(self, name: str) -> None:
        """Mark as running."""
        self._get("container", name)["State"].update(Status="running", Pid=4242)

    def kill(self, name: str, signal: str) -> None:
        """Refuse what does not run (409)."""
        one = self._get("container", name)
        if one["State"]["Status"] != "running":
            raise _refusal(409, f"Cannot kill container: {name}: Container {one['Id']} is not running")
        one["State"].update(Status="exited", Pid=0, ExitCode=137 if signal == "KILL" else 143)

    def pause(self, name: str) -> None:
        """Refuse what does not run or is paused (409)."""
        one = self._get("container", name)
        if one["State"]["Status"] != "running":
            raise _refusal(409, f"Container {one['Id']} is {one['State']['Status']}")
        one["State"].update(Status="paused")

    def unpause(self, name: str) -> None:
        """Refuse what is not paused (500)."""
        one = self._get("container", name)
        if one["State"]["Status"] != "paused":
            raise _refusal(500, f"Container {one['Id']} is not paused")
        one["State"].update(Status="running")

    def remove_container(self, name: str, *, v: bool, force: bool) -> None:
        """Remove; refuse one that runs unless forced (409)."""
        one = self._get("container", name)
        if one["State"]["Status"] in ("running", "paused") and not force:
            raise _refusal(409, f"You cannot remove a running container {one['Id']}")
        del self.things["container"][one["Id"]]
        self.things["volume"] = {k: b for k, b in self.things["volume"].items() if not (v and b["Of"] == one["Id"])}

    def create_network(self, name: str, *, driver: str, ipam: Body, **settings: Any) -> Body:
        """Refuse a name that is taken (409) and a subnet that overlaps (403)."""
        if any(one["Name"] == name for one in self.things["network"].values()):
            raise _refusal(409, f"network with name {name} already exists")
        wanted = IPv4Network(ipam["Config"][0]["Subnet"])
        for other in self.things["network"].values():
            if any(IPv4Network(pool["Subnet"]).overlaps(wanted) for pool in other["IPAM"]["Config"]):
                raise _refusal(403, "Pool overlaps with other one on this address space")
        made = self._id()
        rest = {"Internal": settings["internal"], "Labels": settings["labels"]}
        self.things["network"][made] = {"Id": made, "Name": name, "Driver": driver, "IPAM": ipam, **rest}
        return {"Id": made}

    def inspect_network(self, name: str) -> Body:
        """Give all there is."""
        return self._get("network", name)

    def networks(self, filters: Body | None = None) -> list[Body]:
        """List."""
        return self._listed("network", filters)

    def remove_network(self, name: str) -> None:
        """Refuse one with a running container on it (403)."""
        one = self._get("network", name)
        for other in self.things["container"].values():
            on_it = other["HostConfig"]["NetworkMode"] in (one["Id"], one["Name"])
            if on_it and other["State"]["Status"] in ("running", "paused"):
                raise _refusal(403, f"error while removing network: network {one['Name']} has active endpoints")
        del self.things["network"][one["Id"]]

    def create_volume(self, name: str, labels: dict[str, str]) -> Body:
        """Give the one of that name if it is there."""
        self.things["volume"].setdefault(name, {"Id": name, "Name": name, "Labels": labels, "Of": ""})
        return {"Name": name}

    def volumes(self, filters: Body) -> Body:
        """List."""
        return {"Volumes": self._listed("volume", filters) or None}

    def remove_volume(self, name: str) -> None:
        """Refuse what is not there (404)."""
        del self.things["volume"][self._get("volume", name)["Name"]]

    def images(self, filters: Body) -> list[Body]:  # noqa: ARG002 - the SDK's words
        """Have none with labels."""
        return []


def _has(labels: dict[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def _container(made: str, name: str, config: Body) -> Body:
    return {
        "Id": made,
        "Name": f"/{name}",
        "Image": "sha256:0",
        "Labels": config["Labels"],
        "Config": config,
        "HostConfig": config["HostConfig"],
        "State": {"Status": "created", "Pid": 0, "ExitCode": 0, "Error": ""},
        "NetworkSettings": {"Networks": {}, "Ports": {}},
    }


def fake_docker() -> Docker:
    """Make an engine in memory that has the image `lab/base:fake`."""
    return Docker("fake", FakeApi(), local=False)
