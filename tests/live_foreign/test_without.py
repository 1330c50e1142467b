"""Where the machine refuses witnesses, `lab trace` says what it cannot see; it leaves open, and tells nothing wrong."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.foreign.making import ready
from tests.foreign.scoring import RIGHT, WRONG, score
from tests.foreign.standing import Compose, Deployment, standing
from tests.foreign.tracing import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("nginx-ends-tls", "reencrypts", "unix-socket", "workers", "decoys", "pool")
WITHOUT = ("kernel", "kernel,ptrace")


@pytest.fixture(scope="module")
def compose() -> Compose:
    return ready()


@pytest.fixture(scope="module")
def stands(compose: Compose, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with standing(compose, Deployment(request.param)) as deployment:
        yield deployment


@pytest.mark.parametrize("stands", NAMES, indirect=True, scope="module")
@pytest.mark.parametrize("without", WITHOUT)
def test_nothing_is_told_wrongly_and_what_is_not_seen_is_said(stands: Deployment, without: str) -> None:
    fields = []
    for truth in stands.truth()["traces"].values():
        told, said = ask(stands, [*map(str, truth["ask"]), "--without", without])
        fields += score(truth, told)
        assert "? not seen: kernel" in said
        assert "tracefs: forbidden" in said
    wrong = [f"{field.name}: expected {field.expected!r}, told {field.actual!r}" for field in fields if field.verdict == WRONG]
    assert not wrong, "\n".join(wrong)
    assert sum(field.verdict == RIGHT for field in fields) > len(fields) / 3, "what packets tell is told"


@pytest.mark.parametrize("stands", ["nginx-ends-tls"], indirect=True, scope="module")
def test_an_engine_that_is_reached_over_tcp_is_the_same_engine(
    stands: Deployment, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forwarded(compose.url.removeprefix("unix://")) as port:
        monkeypatch.setenv("LAB_ENGINE", f"tcp://127.0.0.1:{port}")
        truth = stands.truth()["traces"]["http2"]
        told, said = ask(stands, list(map(str, truth["ask"])))
    assert "not seen: this" not in said, "an address does not tell where an engine is"
    assert [field for field in score(truth, told) if field.verdict != RIGHT] == [], said


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="wants root on Linux")
@pytest.mark.parametrize("stands", ["nginx-ends-tls"], indirect=True, scope="module")
def test_from_another_network_namespace_it_is_said_whose_host_is_meant(stands: Deployment) -> None:
    """As from a container that was given the engine's socket: `localhost` there is not the engine's."""
    truth = stands.truth()["traces"]["http2"]
    told, said = ask(stands, list(map(str, truth["ask"])), ("unshare", "--net"))
    assert "? not seen: this network namespace: the engine is in another one of this machine" in said
    assert [field for field in score(truth, told) if field.verdict != RIGHT] == [], said


@contextmanager
def forwarded(path: str) -> Iterator[int]:
    """The engine's socket as a port of the loopback: what an engine on another machine looks like from here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, path), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, path: str) -> None:
    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return
        far = socket.socket(socket.AF_UNIX)
        far.connect(path)
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return
