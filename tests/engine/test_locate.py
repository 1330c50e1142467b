"""Which engine is tried, in which order; Unix sockets of the test's own stand for engines."""

from __future__ import annotations

import hashlib
import json
import socket
from typing import TYPE_CHECKING

import pytest

from lab.engine import locate, own_engine, processes
from lab.engine.docker import Docker
from lab.engine.errors import MachineError
from lab.engine.locate import Place

if TYPE_CHECKING:
    from pathlib import Path


def _context(config: Path, name: str, host: str) -> None:
    folder = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / folder
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    (config / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_order_is_host_context_default_own(tmp_path: Path) -> None:
    _context(tmp_path, "far", "tcp://10.0.0.1:2376")
    env = {"DOCKER_HOST": "unix:///a", "DOCKER_CONFIG": str(tmp_path), "HOME": "/h", "XDG_RUNTIME_DIR": "/r"}
    assert [(place.url, place.named_by) for place in locate.places(env)] == [
        ("unix:///a", "DOCKER_HOST"),
        ("tcp://10.0.0.1:2376", "Docker context far"),
        ("unix:///var/run/docker.sock", "the default socket"),
        ("unix:///r/docker.sock", "the default socket of a rootless engine"),
        ("unix:///h/.docker/run/docker.sock", "the default socket of Docker Desktop"),
        ("unix:///run/lab-engine/docker.sock", "the lab's own engine"),
    ]


def test_an_address_named_twice_is_tried_once() -> None:
    urls = [place.url for place in locate.places({"DOCKER_HOST": "unix:///var/run/docker.sock"})]
    assert urls.count("unix:///var/run/docker.sock") == 1


@pytest.mark.parametrize("text", ["", "[]", "{", '{"currentContext": "default"}', '{"currentContext": "gone"}'])
def test_a_context_that_is_none_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert locate.read_context(tmp_path, "") is None


def test_a_context_that_was_asked_for_and_is_not_there_is_told(tmp_path: Path) -> None:
    _context(tmp_path, "far", "tcp://10.0.0.1:2376")
    env = {"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path)}
    gone = [place for place in locate.places(env | {"DOCKER_CONTEXT": "gone"}) if place.named_by == "DOCKER_CONTEXT=gone"]
    assert [locate.knock(place) for place in gone] == ["there is no such context; `docker context ls` lists them"]
    for there in ("far", "default", ""):
        assert [place for place in locate.places(env | {"DOCKER_CONTEXT": there}) if not place.url] == []


def test_a_current_context_that_is_not_there_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"currentContext": "gone"}')
    env = {"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path)}
    assert [place.named_by for place in locate.places(env) if not place.url] == ["Docker context gone"]
    assert [place for place in locate.places(env | {"DOCKER_CONTEXT": "default"}) if not place.url] == []


def test_a_contexts_certificates_come_along(tmp_path: Path) -> None:
    _context(tmp_path, "far", "tcp://10.0.0.1:2376")
    tls = tmp_path / "contexts" / "tls" / hashlib.sha256(b"far").hexdigest() / "docker"
    tls.mkdir(parents=True)
    assert locate.read_context(tmp_path, "far") == Place("tcp://10.0.0.1:2376", "Docker context far", tls)


def test_a_knock_tells_who_listens_and_who_does_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert locate.knock(Place(f"unix://{path}", "x")) == "No such file or directory"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert locate.knock(Place(f"unix://{path}", "x")) == "Connection refused"
        listener.listen()
        assert locate.knock(Place(f"unix://{path}", "x")) == ""


def test_a_knock_at_a_port_tells_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = "{}:{}".format(*listener.getsockname())
        assert locate.knock(Place(f"tcp://{end}", "x")) == locate.knock(Place(f"https://{end}", "x")) == ""
    assert locate.knock(Place(f"tcp://{end}", "x")) == "Connection refused"
    assert locate.knock(Place("tcp://no.such.host.invalid:2376", "x")) != ""
    for untold in ("ssh://far", "tcp://far", "tcp://far:port", "nonsense"):
        assert locate.knock(Place(untold, "x")) == ""


def test_an_address_of_lab_engine_that_nobody_answers_at_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"no answer from the engine at .*: No such file") as caught:
        locate.engine(environment={"LAB_ENGINE": f"unix://{tmp_path}/none"})
    assert "set LAB_ENGINE" in caught.value.next_move


@pytest.mark.parametrize("wish", ["", "unix:///shut"])
def test_whoever_may_not_enter_is_told_how(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    monkeypatch.setattr(locate, "knock", lambda _: "Permission denied")
    monkeypatch.setattr(locate, "running_here", tuple)
    monkeypatch.setattr(own_engine, "why_not", lambda: "you are not root")
    with pytest.raises(MachineError) as caught:
        locate.engine(environment={"LAB_ENGINE": wish})
    assert "add yourself to the group" in caught.value.next_move


def test_an_engine_set_on_purpose_is_not_replaced_by_the_labs_own_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Notes(locate.Silent):
        def note(self, text: str) -> None:
            said.append(text)

    def start(_: object) -> own_engine.Status:
        raise MachineError("stop here")

    monkeypatch.setattr(locate, "knock", lambda _: "Connection refused")
    monkeypatch.setattr(locate, "running_here", tuple)
    monkeypatch.setattr(own_engine, "why_not", lambda: "")
    monkeypatch.setattr(own_engine, "install", lambda _: None)
    monkeypatch.setattr(own_engine, "start", start)
    with pytest.raises(MachineError, match="stop here"):
        locate.engine(Notes(), {"DOCKER_HOST": "tcp://docker:2375"})
    assert said == ["DOCKER_HOST (tcp://docker:2375): Connection refused; taking the lab's own engine"]


def test_none_forbids_and_a_word_that_is_no_address_is_refused() -> None:
    with pytest.raises(MachineError, match="forbids every engine"):
        locate.engine(environment={"LAB_ENGINE": "none"})
    with pytest.raises(MachineError, match="LAB_ENGINE=podman is none of auto, own, none"):
        locate.engine(environment={"LAB_ENGINE": "podman"})


def test_where_none_answers_every_place_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "knock", lambda _: "Connection refused")
    monkeypatch.setattr(locate, "running_here", tuple)
    monkeypatch.setattr(own_engine, "why_not", lambda: "you are not root")
    with pytest.raises(MachineError, match="you are not root") as caught:
        locate.engine(environment={"DOCKER_HOST": "unix:///a"})
    assert "DOCKER_HOST, unix:///a: Connection refused" in caught.value.lines
    assert "set DOCKER_HOST" in caught.value.next_move


def test_a_place_set_on_purpose_is_not_passed_over_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Notes(locate.Silent):
        def note(self, text: str) -> None:
            said.append(text)

    monkeypatch.setattr(locate, "knock", lambda place: "" if "default" in place.named_by else "Connection refused")
    monkeypatch.setattr(locate.engines, "connect", lambda url, tls: Docker(url, None, local=True, tls=tls))
    found = locate.engine(Notes(), {"DOCKER_HOST": "unix:///a"})
    assert found.url == "unix:///var/run/docker.sock"
    assert said == ["DOCKER_HOST (unix:///a): Connection refused; taking the default socket (unix:///var/run/docker.sock)"]


@pytest.mark.parametrize(
    ("words", "urls"),
    [
        (("dockerd", "-H", "unix:///x.sock", "--data-root", "/d"), ("unix:///x.sock",)),
        (("dockerd", "--host=unix:///x.sock", "--host", "tcp://1.2.3.4:5"), ("unix:///x.sock",)),
        (("dockerd", "-H", "fd://"), ()),
        (("dockerd",), ()),
    ],
)
def test_an_engines_address_is_read_from_its_command(words: tuple[str, ...], urls: tuple[str, ...]) -> None:
    assert processes.addresses(words) == urls


def test_a_stale_pid_file_is_no_engine(tmp_path: Path) -> None:
    paths = own_engine.Paths(tmp_path / "data", tmp_path / "run")
    paths.run.mkdir()
    paths.pid.write_text("1\n")
    assert own_engine.running_pid(paths) is None
    assert own_engine.stop(paths) is False
